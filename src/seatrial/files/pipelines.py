"""Finds the CI files of the repository that a project lies in: what runs an audit, what builds and pushes an image.

Looks from the project's directory upwards to the one that holds `.git`, and no further; without one, in the project's
directory alone. Texts only, nothing is interpreted here. It must never raise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from seatrial.files import disk
from seatrial.files.join.building import shown_path

_SINGLE = (
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    ".travis.yml",
    ".drone.yml",
    ".woodpecker.yml",
    "azure-pipelines.yml",
    "bitbucket-pipelines.yml",
    "Jenkinsfile",
    ".github/dependabot.yml",
    ".github/dependabot.yaml",
    ".github/renovate.json",
    ".github/renovate.json5",
    "renovate.json",
    "renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
)
_FOLDERS = (".github/workflows", ".gitea/workflows", ".forgejo/workflows")
_FIRST_PARTS = frozenset(name.partition("/")[0] for name in (*_SINGLE, *_FOLDERS))
MAX_FILES = 60
MAX_BYTES = 256 * 1024
MAX_DEPTH = 8

ReadText = Callable[[Path, str, int], str | None]
"""Reads a file by its path, the name that places use, and the most bytes that it may have; None if that fails."""


def read_pipelines(root: Path, directory: Path, read: ReadText) -> dict[str, str]:
    """The texts of those in `root`, by the name that places use in the project at `directory`."""
    texts: dict[str, str] = {}
    for path in _files(root):
        shown = shown_path(path, directory)
        text = read(path, shown, MAX_BYTES)
        if text is not None:
            texts[shown] = text
    return texts


def repository(directory: Path) -> Path:
    """The directory of the repository around a project, the project's own where there is none."""
    above = str(directory)
    for _ in range(MAX_DEPTH + 1):
        if disk.exists(f"{above}/.git"):
            return Path(above)
        if above == "/":
            break
        above = os.path.dirname(above)  # noqa: PTH120 — a path object for each step is slow
    return directory


def _files(root: Path) -> Iterator[Path]:
    there = _FIRST_PARTS.intersection(name for name, _ in disk.entries(root))
    if not there:
        return
    for name in _SINGLE:
        if name.partition("/")[0] in there and disk.is_regular(root / name):
            yield root / name
    for folder in _FOLDERS:
        if folder.partition("/")[0] not in there:
            continue
        names = [name for name, _ in disk.entries(root / folder)]
        yield from (root / folder / name for name in names[:MAX_FILES] if name.endswith((".yml", ".yaml")))
