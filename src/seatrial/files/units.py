"""Durations and byte sizes as compose files write them.

Pure text to numbers: `1m30s` is 90.0 seconds, `64m` is 67108864 bytes. Nothing here knows where a text stood; what
can't be read is a ValueError whose message says what was expected.
"""

from __future__ import annotations

import math

from seatrial.model.patterns import pattern

_DURATION_PARTS = pattern(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_LONGEST = 2**63 / 1e9
"""Go counts nanoseconds in 64 bits: about 292 years."""

_SIZE = pattern(r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,2})?) ?([a-zA-Z]*)")
_POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_INTEGER = pattern(r"[-+]?[0-9]+")
_MAX_TEXT = 100
"""Longer than any number that fits into 64 bits; bounds the work on hostile text."""


def parse_duration(text: str) -> float:
    """The seconds of a duration by Go's grammar (`300ms`, `1m30s`, `1.5h`), with days and weeks, as compose reads it.

    Raises ValueError for anything else, also for a bare number other than 0: a unit is needed.
    """
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text.removeprefix("+"))
    if rest == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(rest) <= _MAX_TEXT and (part := _DURATION_PARTS.match(rest, position)):
        total += float(part[1]) * _SECONDS[part[2]]
        position = part.end()
    if not rest or position != len(rest):
        raise ValueError(f"{text[:_MAX_TEXT]!r} is not a duration; write a number with a unit, such as 30s or 1m30s")
    if total >= _LONGEST:
        raise ValueError(f"{text!r} is longer than a duration can be")
    # Nanoseconds are the grain; it also takes the binary dust off sums such as 0.1s + 0.2s.
    return sign * round(total, 9)


def parse_bytes(text: str) -> int:
    """The bytes of a size such as `512m`, `1.5GB`, `64KiB` or `-1`; every unit is a power of 1024, as Docker counts.

    Raises ValueError for anything else.
    """
    if len(text) <= _MAX_TEXT and text.isascii():
        if _INTEGER.fullmatch(text):
            return _fits(int(text), text)
        if match := _SIZE.fullmatch(text):
            unit = match[2].lower()
            unit = unit.removesuffix("ib") if unit.endswith("ib") and len(unit) > 2 else unit
            unit = unit.removesuffix("b") if len(unit) == 2 else unit
            if unit in _POWERS:
                return _fits(math.floor(float(match[1]) * 1024.0 ** _POWERS[unit]), text)
    raise ValueError(f"{text[:_MAX_TEXT]!r} is not a size; write a number with b, k, m or g, such as 512m")


def _fits(number: int, text: str) -> int:
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"{text!r} is too large")
    return number
