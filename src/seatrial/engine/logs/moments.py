"""The moments of `--since` and `--until`, in all forms that Docker's command line takes. Pure: now is an argument.

`42m`, `1h30m` (before now, to the second), `2013-01-02T13:23:37.5Z`, `2013-01-02T13:23+02:00`, `2013-01-02` (local
where no zone is given), `1136073600.000000001`. Source: moby, client/internal/timestamp.
"""

from __future__ import annotations

import calendar
import re
import time
from dataclasses import dataclass

from seatrial.model.errors import InputError

SECOND = 1_000_000_000
_DURATION = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d{1,2})(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?)?(Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_UNIX = re.compile(r"\+?(\d{1,19})(?:\.(\d{1,20})?)?", re.ASCII)
_LONGEST_TEXT = 100


@dataclass(frozen=True, slots=True)
class Now:
    """The present: nanoseconds since 1970, and seconds that the local zone is ahead of UTC."""

    nanoseconds: int
    zone: int = 0

    @classmethod
    def here(cls) -> Now:
        """This machine's clock and zone."""
        return cls(time.time_ns(), time.localtime().tm_gmtoff)


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration by Go's grammar; ValueError for anything else, also for a bare number."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, position = 0.0, 0
    while position < len(rest) <= _LONGEST_TEXT and (part := _DURATION.match(rest, position)):
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not rest or position != len(rest) or total >= 2**63:
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is not a duration")
    return sign * round(total)


def parse_moment(text: str, now: Now, flag: str = "--since") -> int:
    """Nanoseconds since 1970. InputError where the text is no moment."""
    try:
        if text != "0":
            # Docker counts from whole seconds here.
            return (now.nanoseconds - parse_duration(text)) // SECOND * SECOND
    except ValueError:
        pass
    if len(text) <= _LONGEST_TEXT and (date := _DATE.fullmatch(text)):
        return _date(date, now, text, flag)
    if unix := _UNIX.fullmatch(text):
        return int(unix[1]) * SECOND + int((unix[2] or "")[:9].ljust(9, "0"))
    raise _refused(text, flag)


def _date(match: re.Match[str], now: Now, text: str, flag: str) -> int:
    day, hour, minute, second, fraction, zone = match.groups(default="")
    try:
        clock = f"{hour or '0'}:{minute or '0'}:{second or '0'}"
        if int(second or 0) > 59:  # strptime takes leap seconds; Go does not
            raise ValueError(clock)
        moment = calendar.timegm(time.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        raise _refused(text, flag) from None
    return (moment - _offset(zone, now)) * SECOND + int((fraction or "0")[:9].ljust(9, "0"))


def _offset(zone: str, now: Now) -> int:
    if not zone:
        return now.zone
    if zone == "Z":
        return 0
    return (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (1 if zone[0] == "+" else -1)


def _refused(text: str, flag: str) -> InputError:
    return InputError(
        f"{flag} {text[:_LONGEST_TEXT]!r} is not a time",
        hint=f"{flag} 42m, {flag} 2026-01-02T15:04:05Z, {flag} 2026-01-02 or seconds since 1970",
    )
