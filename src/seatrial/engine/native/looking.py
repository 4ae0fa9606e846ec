"""Questions about the host's files that never fail: what this user may not see isn't there."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def mode(path: str | Path) -> int:
    """Kind and permissions as stat(2) has them, 0 if there is nothing."""
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):
        return 0


def exists(path: str | Path) -> bool:
    """Whether there is anything."""
    return mode(path) != 0


def is_directory(path: str | Path) -> bool:
    """Whether it is a directory, links followed."""
    return stat.S_ISDIR(mode(path))


def is_file(path: str | Path) -> bool:
    """Whether it is a regular file, links followed."""
    return stat.S_ISREG(mode(path))


def is_program(path: str | Path) -> bool:
    """Whether it is a file that this user may execute."""
    return is_file(path) and os.access(path, os.X_OK)
