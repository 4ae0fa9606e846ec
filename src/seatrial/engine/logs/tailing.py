"""Where `--tail N` begins: found from the end backwards, so that a huge log is not read for its last lines.

Docker counts records, of which a line of more than 16 KiB has several; here lines are counted (records with Docker's
quirks).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from seatrial.engine.logs.files import OpenFile, Report, lines_backwards
from seatrial.engine.logs.interface import LogRecord
from seatrial.engine.logs.records import mend, parse

Spot = tuple[int, int]
"""A record: the number of its file in the list, its offset there."""


@dataclass(slots=True)
class Tail:
    """Where to begin, and what lies behind that and belongs to lines that are too old."""

    start: Spot = (0, 0)
    skipped: set[Spot] = field(default_factory=set)


def _backwards(files: list[OpenFile], report: Report) -> Iterator[tuple[Spot, bytes]]:
    """All lines of the files from the last on; those that are packed are unpacked once they are needed."""
    for number in range(len(files) - 1, -1, -1):
        files[number].spread(report)
        for offset, line in lines_backwards(files[number]):
            yield (number, offset), line


def find_tail(files: list[OpenFile], wanted: int, report: Report, *, whole_lines: bool) -> Tail:
    """Where the last `wanted` lines (or records) begin."""
    if not files:
        return Tail()
    if wanted <= 0:
        files[-1].spread(report)
        return Tail((len(files) - 1, _end_of_lines(files[-1])))
    tail = Tail((len(files), 0))
    counting = _Counting(wanted)
    for spot, line in _backwards(files, report):
        if not whole_lines:
            wanted -= 1
        elif (record := parse(line) or mend(line)) is not None:
            if counting.is_over(record):
                break
            if not counting.includes(record):
                tail.skipped.add(spot)
        tail.start = spot
        if wanted == 0:
            break
    return tail


def _end_of_lines(file: OpenFile) -> int:
    """Where a line that is still being written begins."""
    for offset, line in lines_backwards(file):
        return offset + len(line) + 1
    return 0


class _Counting:
    """Counts lines backwards, from records. A record ends a line if it has the end of line, or if what comes next in
    its stream is of another time; else it is a part of the line that was counted already."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted
        self._later: dict[str, int] = {}
        self._open: dict[str, int] = {}
        """Streams whose earliest line that counts may have begun still earlier: its time."""

    def _is_end(self, record: LogRecord) -> bool:
        return record.text.endswith("\n") or self._later.get(record.stream) != record.time

    def is_over(self, record: LogRecord) -> bool:
        """Whether neither this record nor an earlier one can belong to a line that counts."""
        if self._left > 0:
            return False
        others = [moment for stream, moment in self._open.items() if stream != record.stream]
        own = self._open.get(record.stream)
        if own is not None and not self._is_end(record):
            return False
        return all(moment > record.time for moment in others)

    def includes(self, record: LogRecord) -> bool:
        """Count a record; whether it belongs to a line that counts."""
        is_end = self._is_end(record)
        self._later[record.stream] = record.time
        if is_end:
            self._open.pop(record.stream, None)
            if self._left > 0:
                self._left -= 1
                self._open[record.stream] = record.time
        return record.stream in self._open
