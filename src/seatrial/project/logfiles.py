"""Puts the log of an instance that is gone behind that of the one in its place, as files that were rotated earlier."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path


def inherit(old: Path, new: Path, most: int) -> None:
    """Move the files of the log `old` behind those of the log `new`; of all, `most` are kept. The new one may be
    rotated meanwhile: the lock is the one that its writer takes. Raises OSError."""
    lock = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        number = max((number for number, _ in _rotated(new)), default=0)
        for path in [old, *(path for _, path in _rotated(old))]:
            number += 1
            if path.exists() and number < most:
                path.rename(f"{new}.{number}{'.gz' if path.suffix == '.gz' else ''}")
    finally:
        os.close(lock)


def _rotated(log: Path) -> list[tuple[int, Path]]:
    """The rotated files of a log by their number, the youngest first."""
    numbered = re.compile(re.escape(log.name) + r"\.(\d+)(?:\.gz)?")
    return sorted((int(match[1]), path) for path in log.parent.iterdir() if (match := numbered.fullmatch(path.name)))
