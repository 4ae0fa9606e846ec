"""Log options: which a driver has, and whether their values can be read. As strict as Docker, with the option's name
in each message.

Pure. A driver's own rules that need more than one value stand in its module (`check`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from seatrial.engine.logs.moments import parse_duration
from seatrial.engine.logs.tags import compiled
from seatrial.model.errors import InputError

Options = Mapping[str, str]
Check = Callable[[str, str], object]

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)*) ?([kKmMgGtTpP]?)[iI]?[bB]?")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def wrong(option: str, value: str, expected: str) -> InputError:
    """The error for a value that can't be read."""
    return InputError(f"log option {option}: {value!r} is not {expected}")


def _size(option: str, text: str, unit: int) -> int:
    match = _SIZE.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError(text)
        return int(float(match[1]) * unit ** _POWERS[match[2].lower()])
    except ValueError:
        raise wrong(option, text, "a size, such as 10m") from None


def decimal_size(option: str, text: str) -> int:
    """Bytes where k is 1,000, as in max-size."""
    size = _size(option, text, 1000)
    if size <= 0:
        raise wrong(option, text, "a positive size")
    return size


def binary_size(option: str, text: str) -> int:
    """Bytes where k is 1,024, as in max-buffer-size."""
    return _size(option, text, 1024)


def boolean(option: str, text: str) -> bool:
    """What Go's ParseBool takes."""
    if text not in _TRUE | _FALSE:
        raise wrong(option, text, "true or false")
    return text in _TRUE


def integer(least: int, most: int = 2**31 - 1) -> Callable[[str, str], int]:
    """A whole number within bounds."""

    def check(option: str, text: str) -> int:
        if not re.fullmatch(r"[-+]?[0-9]{1,10}", text) or not least <= int(text) <= most:
            upper = "" if most == 2**31 - 1 else f" to {most}"
            raise wrong(option, text, f"a whole number from {least}{upper}")
        return int(text)

    return check


def seconds(option: str, text: str) -> float:
    """A duration by Go's grammar."""
    try:
        found = parse_duration(text) / 1e9
    except ValueError:
        raise wrong(option, text, "a duration, such as 1s") from None
    if found < 0:
        raise wrong(option, text, "a duration of at least 0")
    return found


def one_of(*values: str) -> Callable[[str, str], str]:
    """One of some words."""

    def check(option: str, text: str) -> str:
        if text not in values:
            raise wrong(option, text, f"one of {', '.join(values)}")
        return text

    return check


def anything(_option: str, text: str) -> str:
    """Any text."""
    return text


def address(*schemes: str, port: int | None = None) -> Callable[[str, str], SplitResult]:
    """A URL with a host, and a port where there is no default."""

    def check(option: str, text: str) -> SplitResult:
        try:
            parts = urlsplit(text)
            has_port = bool(parts.port or port)
        except ValueError:
            raise wrong(option, text, "an address") from None
        local = parts.scheme.startswith("unix")
        if parts.scheme not in schemes or not (parts.path if local else parts.hostname and has_port):
            shown = " or ".join(
                f"{scheme}:///path" if scheme.startswith("unix") else f"{scheme}://host:port" for scheme in schemes
            )
            raise wrong(option, text, f"an address as {shown}")
        return parts

    return check


COMMON: Mapping[str, Check] = {
    "labels": anything,
    "labels-regex": compiled,
    "env": anything,
    "env-regex": compiled,
    "tag": anything,
}
GENERAL: Mapping[str, Check] = {"mode": one_of("blocking", "non-blocking", ""), "max-buffer-size": binary_size}
CACHE: Mapping[str, Check] = {
    "cache-disabled": boolean,
    "cache-max-size": decimal_size,
    "cache-max-file": integer(1),
    "cache-compress": boolean,
}


def validate(driver: str, options: Options, known: Mapping[str, Check]) -> None:
    """Check each option. InputError for one that the driver does not have, or whose value can't be read."""
    for name, value in options.items():
        check = known.get(name) or GENERAL.get(name) or CACHE.get(name)
        if check is None:
            raise InputError(
                f"unknown log option {name!r} for the driver {driver}",
                hint=f"it has {', '.join(sorted({*known, *GENERAL}))}",
            )
        # An empty value is as good as none, but for switches that are there or not.
        if value:
            check(name, value)
    if "max-buffer-size" in options and options.get("mode") != "non-blocking":
        raise InputError("log option max-buffer-size: it is only for mode: non-blocking")
