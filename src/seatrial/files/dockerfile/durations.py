"""Durations as Go writes them: `1h30m`, `1.5s`, `100ms`. Source: Go's time.ParseDuration."""

from __future__ import annotations

import re

from seatrial.model.patterns import pattern

_UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000}
_UNITS |= {"s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
_PART = pattern(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MAX_NANOSECONDS = 2**63 - 1
_MAX_DIGITS = 30


def parse_duration(text: str) -> float:
    """The seconds of a Go duration. Raises ValueError."""
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return 0.0
    total, at = 0, 0
    while at < len(body):
        match = _PART.match(body, at)
        if match is None or not (match[1] or match[2]) or len(match[1]) > _MAX_DIGITS:
            break
        total += _nanoseconds(match)
        at = match.end()
        if total > _MAX_NANOSECONDS:
            break
    if not body or at < len(body) or total > _MAX_NANOSECONDS:
        raise ValueError(f"{text[:40]!r} is not a duration such as 30s, 1m30s or 500ms")
    return (-total if text[0] == "-" else total) / 1_000_000_000


def _nanoseconds(match: re.Match[str]) -> int:
    unit = _UNITS[match[3]]
    fraction = (match[2] or "")[:_MAX_DIGITS]
    return int(match[1] or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
