"""Packs the files that were rotated away: `X.log.1` becomes `X.log.1.gz`, as Docker writes it, and no record is ever
lost.

The shim rotates whenever it has to, so a name may stand for another file a moment later. Therefore a file is packed
from an open descriptor into a temporary one. Once that is complete and on the disk it takes the other's place,
wherever that has moved to meanwhile, under the lock of the directory that the shim takes for a rotation. A crash at
any point leaves at least one whole copy.

The header has the time of the last record where Docker has it (readers with `--since` skip by it), and the inode of the
plain file in the comment, by which a reader that was following it finds its place.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from seatrial.engine.logs.files import BLOCK, OpenFile, existing, lines_backwards, name_of
from seatrial.engine.logs.records import raw_time, show_time_short


def compress_rotated(directory: Path, name: str) -> int:
    """Pack all rotated files of the log `name` in a directory; how many were packed. Does nothing where another does it
    already. Raises OSError (a full disk): nothing has changed then."""
    path = directory / name
    with _alone(path) as is_alone:
        if not is_alone:
            return 0
        waiting = sorted((number for number, packed in existing(path) if number and not packed), reverse=True)
        return sum(_pack(path, number) for number in waiting)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """A lock among those that pack. Its file stays: to remove it would let two in."""
    with path.with_name(f".{path.name}.packing").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def _unrotated(directory: Path) -> Iterator[None]:
    """Nothing is rotated meanwhile: the shim takes this lock, too. To be held for a moment only."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _temporary(path: Path) -> Path:
    """Where a file is packed; one at a time. What a crash leaves is written over by the next."""
    return path.with_name(f".{path.name}.gz")


def _pack(path: Path, number: int) -> bool:
    try:
        source = io.FileIO(name_of(path, number, packed=False), "rb")
    except FileNotFoundError:  # rotated meanwhile; the next call finds it
        return False
    with source:
        inode = os.fstat(source.fileno()).st_ino
        temporary = _temporary(path)
        try:
            with temporary.open("wb") as target:
                os.fchmod(target.fileno(), 0o640)
                _write_packed(source, target, inode)
                target.flush()
                os.fsync(target.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return _put_in_place(path, inode)


def _write_packed(source: BinaryIO, target: BinaryIO, inode: int) -> None:
    size = os.fstat(source.fileno()).st_size
    target.write(_header(OpenFile(Path(), source, size, inode), inode))
    packing, checksum, length = zlib.compressobj(wbits=-zlib.MAX_WBITS), 0, 0
    while block := source.read(BLOCK):
        checksum, length = zlib.crc32(block, checksum), length + len(block)
        target.write(packing.compress(block))
    target.write(packing.flush() + struct.pack("<LL", checksum, length & 0xFFFFFFFF))


def _header(file: OpenFile, inode: int) -> bytes:
    """RFC 1952: magic, deflate, FEXTRA and FCOMMENT, no time, no level, unknown system, as Go writes it."""
    extra = f'{{"lastTime":"{_last_time(file)}"}}'.encode()
    return b"\x1f\x8b\x08\x14\0\0\0\0\x00\xff" + struct.pack("<H", len(extra)) + extra + b"inode %d\0" % inode


def _last_time(file: OpenFile) -> str:
    for _, line in lines_backwards(file):
        if (moment := raw_time(line)) is not None:
            return show_time_short(moment)
    return "0001-01-01T00:00:00Z"


def _put_in_place(path: Path, inode: int) -> bool:
    """Give the packed file its name and remove the plain one; whether that was done."""
    temporary = _temporary(path)
    with _unrotated(path.parent):
        for (number, packed), found in existing(path).items():
            if number and not packed and found == inode:
                temporary.rename(name_of(path, number, packed=True))
                name_of(path, number, packed=False).unlink()
                return True
    temporary.unlink()  # it was rotated out of existence
    return False
