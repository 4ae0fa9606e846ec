"""Questions about the host's files that never fail: what this user may not see isn't there."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def _mode(path: str | Path) -> int:
    try:
        return Path(path).stat().st_mode
    except (OSError, ValueError):
        return 0


def exists(path: str | Path) -> bool:
    """Whether there is anything."""
    return _mode(path) != 0


def is_directory(path: str | Path) -> bool:
    """Whether it is a directory, links followed."""
    return stat.S_ISDIR(_mode(path))


def is_file(path: str | Path) -> bool:
    """Whether it is a regular file, links followed."""
    return stat.S_ISREG(_mode(path))


def is_program(path: str | Path) -> bool:
    """Whether it is a file that this user may execute."""
    return is_file(path) and os.access(path, os.X_OK)
