"""The files of one log: the current one and those that were rotated away, packed or not. Reads; never writes or
removes.

Another process rotates meanwhile (`X.log` → `X.log.1` → …, unlinks the last) and packs (`X.log.1` → `X.log.1.gz`).
`open_files` gives all of them as they were at one moment, held open, so that nothing that happens afterwards takes a
record away. What is here takes constant memory however large the files are.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, cast

from seatrial.engine.logs.records import parse_time

BLOCK = 256 * 1024
LONGEST_RECORD = 4 * 1024 * 1024
"""A line of more bytes is no record: the longest that is written has 130 kB."""
_TRIES = 50
_NAMES = r"\.(\d{1,6})(\.gz)?"
UNREADABLE = (OSError, EOFError, zlib.error)
Report = Callable[[str], None]


@dataclass(slots=True)
class OpenFile:
    """A file of a log, held open. `inode` is that of the file as it was written, also where it is packed (0: not
    known)."""

    path: Path
    file: BinaryIO
    size: int
    inode: int
    packed: bool = False
    last_time: int | None = None

    def lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Each whole line, with the offset behind it. An unfinished one at the end is left out; one that is too long
        to be a record is given as b""."""
        yield from whole_lines(self.read_from(start), start)

    def read_from(self, start: int) -> Iterator[bytes]:
        """The bytes from an offset on, up to the size at the moment of opening; a packed file is unpacked on the
        way."""
        if self.packed:
            yield from self._unpacked(start)
            return
        at = start
        while at < self.size and (block := os.pread(self.file.fileno(), min(BLOCK, self.size - at), at)):
            at += len(block)
            yield block

    def _unpacked(self, start: int) -> Iterator[bytes]:
        self.file.seek(0)
        with gzip.GzipFile(fileobj=self.file, mode="rb") as unpacking:
            left = start
            while left > 0 and (skipped := unpacking.read(min(BLOCK, left))):
                left -= len(skipped)
            while block := unpacking.read1(BLOCK):
                yield block

    def spread(self, report: Report) -> None:
        """Make it a plain file that can be read backwards: a packed one is unpacked into a file without a name."""
        if not self.packed:
            return
        plain = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 — closed by close()
        try:
            for block in self.read_from(0):
                plain.write(block)
        except UNREADABLE as error:
            report(f"{self.path.name} can't be read to its end: {error}")
        plain.flush()
        self.file.close()
        self.file, self.size, self.packed = plain, plain.tell(), False

    def head(self) -> str:
        """What tells this file from another with the same inode: a digest of its first line, or "" while it has
        none."""
        try:
            block = next(self.read_from(0), b"")
        except UNREADABLE:
            return ""
        end = block.find(b"\n")
        return blake2b(block[: end + 1], digest_size=12).hexdigest() if end >= 0 else ""

    def close(self) -> None:
        self.file.close()


def whole_lines(blocks: Iterator[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """Cut blocks into lines; see `OpenFile.lines`."""
    rest, offset, too_long = b"", start, False
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            offset += len(line) + 1
            yield offset, b"" if too_long else line
            too_long = False
        if len(rest) > LONGEST_RECORD:
            offset, rest, too_long = offset + len(rest), b"", True


def lines_backwards(file: OpenFile) -> Iterator[tuple[int, bytes]]:
    """Each whole line of a plain file with its own offset, the last one first. An unfinished one at the end is left
    out."""
    parts: list[bytes] = []
    at, length, seen_end = file.size, 0, False
    while at > 0:
        begin = max(0, at - BLOCK)
        block = os.pread(file.file.fileno(), at - begin, begin)
        end = len(block)
        while (found := block.rfind(b"\n", 0, end)) >= 0:
            if seen_end:
                line = b"" if length > LONGEST_RECORD else block[found + 1 : end] + b"".join(reversed(parts))
                yield begin + found + 1, line
            seen_end, parts, length, end = True, [], 0, found
        length += end
        parts = [] if length > LONGEST_RECORD else [*parts, block[:end]]
        at = begin
    if seen_end:
        yield 0, b"" if length > LONGEST_RECORD else b"".join(reversed(parts))


def existing(path: Path) -> dict[tuple[int, bool], int]:
    """The inodes of the files of a log, by number (0: the current one) and whether packed."""
    pattern = re.compile(re.escape(path.name) + _NAMES)
    found: dict[tuple[int, bool], int] = {}
    try:
        entries = list(os.scandir(path.parent))
    except FileNotFoundError:
        return {}
    for entry in entries:
        if entry.name == path.name:
            found[0, False] = entry.inode()
        elif match := pattern.fullmatch(entry.name):
            found[int(match[1]), bool(match[2])] = entry.inode()
    return found


def name_of(path: Path, number: int, packed: bool) -> Path:
    """The path of one file of a log."""
    return path.with_name(f"{path.name}{f'.{number}' if number else ''}{'.gz' if packed else ''}")


def open_files(path: Path) -> list[OpenFile]:
    """All files of a log, the oldest first, as they were at one moment. Empty where there is none (yet).

    Where a packed file is there twice, the plain one is taken: the packed one may be unfinished.
    """
    opened: list[OpenFile] = []
    for _ in range(_TRIES):
        for file in opened:
            file.close()
        try:
            before = existing(path)
            opened = _open_each(path, before)
            if before == existing(path):
                break
        except FileNotFoundError:
            opened = []
    return _each_once(opened)


def _open_each(path: Path, names: dict[tuple[int, bool], int]) -> list[OpenFile]:
    opened = []
    try:
        for number, packed in sorted(names, key=lambda name: (-name[0], name[1])):
            if not (packed and (number, False) in names):
                opened.append(open_file(name_of(path, number, packed), packed))
    except BaseException:
        for file in opened:
            file.close()
        raise
    return opened


def _each_once(opened: list[OpenFile]) -> list[OpenFile]:
    """Without those that are there twice: packed already, and shifted before the plain one was removed."""
    plain = {file.inode: file for file in opened if not file.packed}
    kept = []
    for file in opened:
        twin = plain.get(file.inode) if file.packed else None
        if twin and twin.head() == file.head():  # inodes are used again
            file.close()
        else:
            kept.append(file)
    return kept


def open_file(path: Path, packed: bool) -> OpenFile:
    """One file of a log. FileNotFoundError where it is gone."""
    file = cast(BinaryIO, io.FileIO(path, "rb"))
    now = os.fstat(file.fileno())
    if not packed:
        return OpenFile(path, file, now.st_size, now.st_ino)
    last_time, inode = packed_header(file)
    return OpenFile(path, file, now.st_size, inode, packed=True, last_time=last_time)


def packed_header(file: BinaryIO) -> tuple[int | None, int]:
    """What stands in the header of a packed file: the time of its last record (as Docker writes it, in the extra
    field), and the inode that the file had before (in the comment; 0 where Docker packed it)."""
    raw = os.pread(file.fileno(), 4096, 0)
    last_time, inode, at = None, 0, 10
    if len(raw) < at or raw[:2] != b"\x1f\x8b":
        return None, 0
    flags = raw[3]
    if flags & 4 and len(raw) >= at + 2:
        (length,) = struct.unpack_from("<H", raw, at)
        last_time = _last_time(raw[at + 2 : at + 2 + length])
        at += 2 + length
    if flags & 8:
        at = raw.find(b"\0", at) + 1
    if flags & 16 and (match := re.match(rb"inode (\d{1,20})\0", raw[at:])):
        inode = int(match[1])
    return last_time, inode


def _last_time(extra: bytes) -> int | None:
    try:
        return parse_time(json.loads(extra)["lastTime"])
    except (ValueError, KeyError, TypeError):
        return None


def guarded(file: OpenFile, report: Report, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """`OpenFile.lines`; a file that can't be read to its end is told, and what could be read is given."""
    try:
        yield from file.lines(start)
    except UNREADABLE as error:
        report(f"{file.path.name} can't be read to its end: {error}")
