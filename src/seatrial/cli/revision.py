"""Which commit a directory is at, by git, where there is one. It asks and changes nothing."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Revision:
    """`project` is the top of the repository, or the directory itself where there is none; `commit` is "" then."""

    project: str
    commit: str = ""
    dirty: bool = False


def revision_of(directory: Path) -> Revision:
    """The state of the repository that the directory lies in. Files that git doesn't know make it dirty, too."""
    top = _git(directory, "rev-parse", "--show-toplevel")
    if not top:
        return Revision(str(directory.resolve()))
    commit = _git(directory, "rev-parse", "--verify", "--quiet", "HEAD")
    return Revision(top, commit, bool(_git(Path(top), "status", "--porcelain")))


def _git(directory: Path, *words: str) -> str:
    """What git says; "" where it is missing, fails or takes too long."""
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *words],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
