"""Compresses rotated log files, which the shim leaves to its owner. Loses no line: a file goes when its copy is there.

The shim may rotate while a file is being compressed, so the file is told by its inode, and the copy is put in its place
under the lock of the directory (flock), which the shim takes while it renames.
"""

from __future__ import annotations

import asyncio
import fcntl
import gzip
import os
import re
import shutil
from pathlib import Path

LEVEL = 6


class Compressor:
    """Compresses what was rotated, in a thread, one file after the other."""

    def __init__(self, folder: str, name: str) -> None:
        self._folder = Path(folder)
        self._name = name
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something was rotated."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._again:
            self._again = False
            await asyncio.to_thread(compress_all, self._folder, self._name)

    async def finish(self) -> None:
        """Wait until nothing is left to do."""
        if self._task:
            await asyncio.shield(self._task)


def compress_all(folder: Path, name: str) -> None:
    """Compress each rotated file that isn't yet: NAME.1 becomes NAME.1.gz."""
    for path in rotated(folder, name):
        _compress(folder, name, path)


def rotated(folder: Path, name: str) -> list[Path]:
    """The rotated files that are not compressed, the oldest first."""
    numbered = re.compile(re.escape(name) + r"\.(\d+)")
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := numbered.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]


def _compress(folder: Path, name: str, path: Path) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return  # rotated on, or away: another call finds it
    with source:
        seen = os.fstat(source.fileno())
        part = folder / f".{name}.{seen.st_ino}.part"
        with part.open("wb") as target, gzip.GzipFile("", "wb", LEVEL, target) as packed:
            shutil.copyfileobj(source, packed, 1 << 20)
        part.chmod(seen.st_mode & 0o777)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _put_in_place(part, [path for path in rotated(folder, name) if path.stat().st_ino == seen.st_ino])
        finally:
            os.close(lock)


def _put_in_place(part: Path, found: list[Path]) -> None:
    if not found:  # it was the oldest, and has been dropped meanwhile
        part.unlink()
        return
    part.rename(f"{found[0]}.gz")
    found[0].unlink()
