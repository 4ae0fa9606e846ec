"""Records of Docker's json-file format: from bytes to values, and back into what `docker logs` prints. Pure.

A record is one line of JSON. What can't be read is never an exception here: `parse` gives None, and the reader counts
it. Parts of one line (the engine and the shim cut at 16 KiB) share the time of the first; `Joiner` puts them together
again.
"""

from __future__ import annotations

import calendar
import codecs
import json
import re
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote_plus

from seatrial.engine.logs.interface import LONGEST_LINE, LogRecord

STREAMS = ("stdout", "stderr")
SECOND = 1_000_000_000
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))")
_USUAL = len("2006-01-02T15:04:05.000000000Z")
_START = b'{"log":'
_TIME_KEY = b'"time":"'
_NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
_STRAY = re.compile("[\ud800-\udfff]")


def _every_byte(error: UnicodeError) -> tuple[str, int]:
    """U+FFFD for each byte that is not UTF-8, as Go decodes; Python's own "replace" takes several bytes for one."""
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error("seatrial-every-byte", _every_byte)


def decode(raw: bytes) -> str:
    """Bytes as text, the way Go reads them."""
    return raw.decode("utf-8", "seatrial-every-byte")


@lru_cache(maxsize=8)
def _seconds(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def parse_time(text: str) -> int:
    """Nanoseconds since 1970 of a time by RFC 3339. ValueError for anything else."""
    if len(text) == _USUAL and text[-1] == "Z" and text[19] == "." and text[20:29].isdecimal():
        return _seconds(text[:19]) * SECOND + int(text[20:29])
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:40]!r} is not a time")
    second, fraction, sign, hours, minutes = match.groups()
    offset = (int(hours) * 3600 + int(minutes) * 60) * (1 if sign == "+" else -1) if sign else 0
    return (_seconds(second) - offset) * SECOND + int((fraction or "0").ljust(9, "0"))


def show_time(nanoseconds: int) -> str:
    """A time as `--timestamps` prints it: UTC, always nine digits."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{_shown_second(seconds)}.{rest:09d}Z"


@lru_cache(maxsize=8)
def _shown_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def show_time_short(nanoseconds: int) -> str:
    """A time as Go's RFC3339Nano prints it: UTC, without zeros at the end."""
    shown = show_time(nanoseconds)[:-1].rstrip("0").rstrip(".")
    return shown + "Z"


def show_attributes(attributes: Mapping[str, str]) -> str:
    """Attributes as `--details` prints them: sorted, escaped as in a URL, with commas."""
    # Go's QueryEscape keeps "~", as quote_plus does.
    return ",".join(f"{quote_plus(key)}={quote_plus(attributes[key])}" for key in sorted(attributes))


def raw_time(line: bytes) -> int | None:
    """The time of a record without reading the rest of it; None where there is none."""
    at = line.rfind(_TIME_KEY)
    if at < 0:
        return None
    begin = at + len(_TIME_KEY)
    try:
        return parse_time(line[begin : line.find(b'"', begin)].decode("ascii"))
    except ValueError:
        return None


def parse(line: bytes) -> LogRecord | None:
    """One line of a json-file as a record, or None if it is none."""
    try:
        found = json.loads(decode(line))
        text, stream, moment = found.get("log", ""), found.get("stream", ""), parse_time(found["time"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    attributes = found.get("attrs")
    if stream not in STREAMS or not isinstance(text, str) or not isinstance(attributes, dict | None):
        return None
    if not text.isascii():
        text = _STRAY.sub("\ufffd", text)
    kept = {str(key): str(value) for key, value in attributes.items()} if attributes else _NO_ATTRIBUTES
    return LogRecord(moment, stream, text, kept)


def mend(line: bytes) -> LogRecord | None:
    """The record at the end of a line that begins with something else: a writer was killed in the midst of a record, or
    the machine was, and the next one went on in the same line. Inside of a record the beginning of one can't be: its
    quotes are escaped."""
    at = line.rfind(_START)
    return parse(line[at:]) if at > 0 else None


class Joiner:
    """Puts the parts of a line together. A part goes on with the last one of its stream if that had no end of line and
    both have the same time: that is how the writer marks them. Holds at most `LONGEST_LINE` of each stream."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._parts: dict[str, list[LogRecord]] = {}
        self._sizes: dict[str, int] = {}
        self._given: dict[str, tuple[int, bool]] = {}
        """Streams whose unfinished line was given away in pieces already: its time."""

    def take(self, record: LogRecord) -> Iterator[LogRecord]:
        """Take a record; gives the lines that are complete with it."""
        held = self._parts.get(record.stream)
        if held and held[0].time != record.time:
            yield self._give(record.stream)
            held = None
        if not held and record.text.endswith("\n") and not self._goes_on(record):
            self._given.pop(record.stream, None)
            yield record
            return
        self._parts.setdefault(record.stream, []).append(record)
        self._sizes[record.stream] = self._sizes.get(record.stream, 0) + len(record.text)
        if record.text.endswith("\n") or self._sizes[record.stream] >= self._longest:
            yield self._give(record.stream)

    def rest(self) -> Iterator[LogRecord]:
        """The unfinished lines: nothing more will come."""
        for stream in tuple(self._parts):
            yield self._give(stream)

    @property
    def holds(self) -> bool:
        """Whether a line is unfinished."""
        return bool(self._parts)

    def _goes_on(self, record: LogRecord) -> bool:
        time_given, open_line = self._given.get(record.stream, (0, False))
        return open_line and time_given == record.time

    def _give(self, stream: str) -> LogRecord:
        parts = self._parts.pop(stream)
        self._sizes.pop(stream)
        first, text = parts[0], "".join(part.text for part in parts)
        continues = self._goes_on(first)
        self._given[stream] = (first.time, not text.endswith("\n"))
        return LogRecord(first.time, stream, text, first.attributes, continues)
