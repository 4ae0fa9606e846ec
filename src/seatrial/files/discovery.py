"""Finds the projects below a directory: where compose files and Dockerfiles are.

Looks at names alone. Directories that hold other people's code or none of the project's own are not entered, links to
directories are not followed, and the walk is bounded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seatrial.files.join.locate import COMPOSE_NAMES, DOCKERFILE_NAMES, OVERRIDE_NAMES

MAX_DIRECTORIES = 20_000
_NOT_ENTERED = frozenset({"node_modules", "bower_components", "venv", "__pycache__", "site-packages"})


class Candidates(NamedTuple):
    """What to read, in this order: directories with a compose file, then the Dockerfiles that no compose file uses."""

    directories: tuple[Path, ...]
    compose_files: tuple[Path, ...]
    dockerfiles: tuple[Path, ...]


def candidates(root: Path) -> Candidates:
    """Everything below `root` (absolute) that may be a project."""
    directories: list[Path] = []
    compose_files: list[Path] = []
    dockerfiles: list[Path] = []
    for directory, names in _walk(root):
        here = Path(directory)
        if names.intersection(COMPOSE_NAMES):
            directories.append(here)
        else:
            compose_files += [here / name for name in sorted(names) if is_compose_name(name)]
        dockerfiles += [here / name for name in sorted(names) if is_dockerfile_name(name)]
    return Candidates(tuple(directories), tuple(compose_files), tuple(dockerfiles))


def is_compose_name(name: str) -> bool:
    """Whether a file of this name is a compose file that stands on its own."""
    lower = name.lower()
    is_yaml = lower.endswith((".yml", ".yaml"))
    return is_yaml and lower.startswith(("compose.", "docker-compose")) and name not in OVERRIDE_NAMES


def is_dockerfile_name(name: str) -> bool:
    """Whether a file of this name is a Dockerfile: `Dockerfile`, `Dockerfile.web`, `web.Dockerfile`."""
    if name in DOCKERFILE_NAMES:
        return True
    lower = name.lower()
    if lower.endswith((".dockerignore", ".md", ".j2", ".tmpl", ".template", ".tpl", ".erb", ".in", ".sh", ".txt")):
        return False
    return lower.startswith(("dockerfile.", "containerfile.")) or lower.endswith((".dockerfile", ".containerfile"))


def _walk(root: Path) -> Iterator[tuple[str, set[str]]]:
    seen = 0
    waiting = [str(root)]
    while waiting and seen < MAX_DIRECTORIES:
        directory = waiting.pop()
        seen += 1
        below: list[str] = []
        names: set[str] = set()
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith(".") and entry.name not in _NOT_ENTERED:
                            below.append(entry.path)
                    else:
                        names.add(entry.name)
        except OSError:
            continue
        yield directory, names
        waiting += sorted(below, reverse=True)
