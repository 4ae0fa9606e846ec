"""One log from the past into the present: `history` gives what is there, `poll` what is added. Never waits; writes
nothing.

By Docker's rules: first the tail, then `since` (skip until the first record that is not older, then filter no more:
clocks jump), and `until` ends it. Lines come whole, unless Docker's quirks are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.engine.logs.files import OpenFile, Report, guarded, open_files
from seatrial.engine.logs.following import Bad, Follower
from seatrial.engine.logs.interface import LogRecord
from seatrial.engine.logs.records import Joiner, raw_time
from seatrial.engine.logs.tailing import Tail, find_tail


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a log: times in nanoseconds since 1970; `tail` None is all, 0 nothing of what is there."""

    since: int | None = None
    until: int | None = None
    tail: int | None = None


class LogReader:
    """Reads one log through a window."""

    def __init__(self, path: Path, window: Window, report: Report, *, docker_quirks: bool = False) -> None:
        self._path = path
        self._window = window
        self._report = report
        self._joiner = None if docker_quirks else Joiner()
        self._since = window.since
        self._bad = Bad(report)
        self._follower: Follower | None = None
        self._read_to = 0
        """Offset in the last file behind the last whole line that was read."""
        self.is_over = False
        """`until` has passed: nothing more will be given."""

    def history(self, *, follow: bool = False) -> Iterator[LogRecord]:
        """What is there now. With `follow` a last line that is unfinished waits for `poll`."""
        files = open_files(self._path)
        try:
            yield from self._through(self._records(files))
            if not follow and not self.is_over:
                yield from self.rest()
            if follow and files:
                self._follower = Follower.at(self._path, self._report, files.pop(), self._read_to)
        finally:
            for file in files:
                file.close()

    def poll(self) -> Iterator[LogRecord]:
        """What was added since; the first time it needs `history(follow=True)` before it, read to its end."""
        if self._follower is None:
            self._follower = Follower(self._path, self._report)
        if not self.is_over:
            yield from self._through(self._follower.poll())

    def rest(self) -> Iterator[LogRecord]:
        """An unfinished last line: for when nothing more is to come, or not soon."""
        if self._joiner:
            yield from self._joiner.rest()

    @property
    def holds(self) -> bool:
        """Whether a part of a line waits for the next one."""
        return self._joiner is not None and self._joiner.holds

    def close(self) -> None:
        """Let go of open files."""
        if self._follower:
            self._follower.close()

    def _records(self, files: list[OpenFile]) -> Iterator[LogRecord]:
        wanted, whole = self._window.tail, self._joiner is not None
        tail = Tail() if wanted is None else find_tail(files, wanted, self._report, whole_lines=whole)
        for number, file in enumerate(files):
            if number >= tail.start[0] and not self._is_too_old(file):
                yield from self._records_of(file, number, tail)

    def _is_too_old(self, file: OpenFile) -> bool:
        """A packed file says the time of its last record."""
        return self._since is not None and file.last_time is not None and file.last_time < self._since

    def _records_of(self, file: OpenFile, number: int, tail: Tail) -> Iterator[LogRecord]:
        begin = tail.start[1] if number == tail.start[0] else 0
        at = begin
        self._read_to = begin
        for end, line in guarded(file, self._report, begin):
            spot, at = (number, at), end
            self._read_to = end
            if spot in tail.skipped or self._is_before(line):
                continue
            record = self._bad.record(line)
            if record is not None:
                yield record
        self._bad.tell(file.path.name)

    def _is_before(self, line: bytes) -> bool:
        """Whether a line can be left out by its time alone, without reading the rest of it."""
        if self._since is None:
            return False
        moment = raw_time(line)
        return moment is not None and moment < self._since

    def _through(self, records: Iterator[LogRecord]) -> Iterator[LogRecord]:
        for record in records:
            if self._since is not None:
                if record.time < self._since:
                    continue
                self._since = None
            if self._window.until is not None and record.time > self._window.until:
                self.is_over = True
                yield from self.rest()
                return
            if self._joiner:
                yield from self._joiner.take(record)
            else:
                yield record
