"""Follows a log that is being written: through rotation, packing, truncation and pauses, each record once.

Never waits: `poll` gives what is there now (`watching.py` says when to look again). What could not be read is
reported, never silently left out: files that were rotated away unread, a file that was cut, lines that are no records.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.engine.logs.files import OpenFile, Report, existing, guarded, open_files
from seatrial.engine.logs.interface import LogRecord
from seatrial.engine.logs.records import mend, parse


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a log that survives rotation, packing and the end of the reader. The default: the very beginning.

    `head` is a digest of the file's first line: inodes are used again.
    """

    inode: int = 0
    head: str = ""
    offset: int = 0


class Bad:
    """Counts lines that are no records, and says so once for each file."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._count = 0

    def record(self, line: bytes) -> LogRecord | None:
        """A line as a record, or None, counted."""
        record = parse(line)
        if record is None:
            self._count += 1
            record = mend(line)
        return record

    def tell(self, name: str) -> None:
        """Say what was skipped in a file so far."""
        if self._count:
            lines = (
                "1 line is no record and was" if self._count == 1 else f"{self._count} lines are no records and were"
            )
            self._report(f"{name}: {lines} skipped")
        self._count = 0


class Follower:
    """Gives the records of a log from a position on, as they are written."""

    def __init__(self, path: Path, report: Report, position: Position | None = None) -> None:
        self._path = path
        self._report = report
        self._wanted = position or Position()
        self._bad = Bad(report)
        self._file: OpenFile | None = None
        self._head = ""
        self._offset = 0
        self._closing = False
        """The file was seen to be no longer the current one: what is read from now on is all of it."""

    @classmethod
    def at(cls, path: Path, report: Report, file: OpenFile, offset: int) -> Follower:
        """Go on in a file that is open already, which is the follower's from now on."""
        follower = cls(path, report)
        follower._file, follower._offset = file, offset
        return follower

    @property
    def position(self) -> Position:
        """Where the next record begins."""
        if self._file is None:
            return self._wanted
        self._head = self._head or self._file.head()
        return Position(self._file.inode, self._head, self._offset)

    def close(self) -> None:
        """Let go of the open file."""
        if self._file:
            self._file.close()
            self._file = None

    def poll(self) -> Iterator[LogRecord]:
        """All records that are there now. `position` is behind each as it is given."""
        if self._file is None and not self._open_first():
            return
        while True:
            yield from self._read()
            if not self._move_on():
                return

    def _read(self) -> Iterator[LogRecord]:
        file = self._file
        assert file is not None
        if not file.packed:
            file.size = os.fstat(file.file.fileno()).st_size
        for offset, line in guarded(file, self._report, self._offset):
            self._offset = offset
            record = self._bad.record(line)
            if record is not None:
                yield record
        self._bad.tell(file.path.name)

    def _move_on(self) -> bool:
        """Go to the next file if this one is over; whether there is something to read."""
        file = self._file
        assert file is not None
        if not file.packed and not self._closing:
            if file.size < self._offset:
                self._report(
                    f"{file.path.name} was cut by somebody to {file.size} bytes; reading it from its beginning"
                )
                self._offset, self._head = 0, ""
                return file.size > 0
            if existing(self._path).get((0, False), file.inode) == file.inode:
                return False
            # It was rotated. The writer had closed it before, so what can be read now is all.
            self._closing = True
            return True
        return self._open_next()

    def _open_first(self) -> bool:
        opened = open_files(self._path)
        if not opened:
            return False
        if self._wanted == Position():
            self._take(opened, 0, 0)
            return True
        number = find_position(opened, self._wanted)
        if number is None:
            self._report(
                f"{self._path.name}: the place where reading stopped is gone; lines may be missing before the next one"
            )
            self._take(opened, 0, 0)
        else:
            self._take(opened, number, self._wanted.offset)
        return True

    def _open_next(self) -> bool:
        file = self._file
        assert file is not None
        opened = open_files(self._path)
        number = find_position(opened, self.position)
        if number is not None and number + 1 >= len(opened):
            # Only this one is there: the writer is between two steps of a rotation.
            _close_all(opened)
            return False
        if number is None and len(opened) > 1:
            self._report(f"{self._path.name} was rotated faster than it was read; lines are missing here")
        if not opened:
            return False
        self.close()
        self._take(opened, 0 if number is None else number + 1, 0)
        return True

    def _take(self, opened: list[OpenFile], number: int, offset: int) -> None:
        self._file, self._head, self._offset, self._closing = opened[number], "", offset, False
        _close_all([file for file in opened if file is not self._file])


def _close_all(opened: list[OpenFile]) -> None:
    for file in opened:
        file.close()


def find_position(opened: list[OpenFile], wanted: Position) -> int | None:
    """The number of the file that a position is in; None where it is gone."""
    same_inode = [number for number, file in enumerate(opened) if file.inode == wanted.inode]
    for number in same_inode:
        if not wanted.head or opened[number].head() == wanted.head:
            return number
    if not wanted.head:
        return None
    # Packed by somebody who does not note the inode, or copied: the first line tells.
    others = [number for number, file in enumerate(opened) if file.head() == wanted.head]
    return others[0] if others else None
