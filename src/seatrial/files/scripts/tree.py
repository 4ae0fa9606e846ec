"""Where a path inside the container comes from in the build context.

A guess by the COPY instructions of the final stage, good enough to read a script or a manifest. It must never leave the
context, and never promise that a file that isn't found here is absent from the image.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from seatrial.files import disk
from seatrial.model.service import Copy

_BIN = ("/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/sbin/", "/sbin/")
_GLOB_CHARACTERS = frozenset("*?[")


class Tree:
    """The container's files, as far as the context tells. `shown` is put before paths in places ("" or "web/")."""

    def __init__(self, context: Path, workdir: str = "/", copies: Sequence[Copy] = (), shown: str = "") -> None:
        self.context = context
        self.copies = copies
        self.shown = shown
        self._workdir = workdir
        self._root = str(context)
        targets = [(self.absolute(copy.target), copy) for copy in reversed(copies)]
        self._origins = [
            (_absolute("/", "", source)[1:], target, _inside(target))
            for target, copy in targets
            for source in copy.sources
        ]
        """What was copied, the last first: the source, the target, and how paths below the target begin."""
        self._inside_workdir = _inside(self.absolute("."))

    def absolute(self, path: str, directory: str = "") -> str:
        """A container path made absolute from `directory` (the working directory where none is given)."""
        return _absolute(self._workdir, directory, path)

    def find(self, path: str) -> Path | None:
        """The file of the context that this absolute container path holds, or None."""
        for candidate in self._candidates(path):
            if disk.is_regular(f"{self._root}/{candidate}"):
                return self.context / candidate
        return None

    def program(self, name: str, directory: str = "") -> Path | None:
        """The file of the context that runs under this name: that of the path, or one where programs are looked for."""
        if "/" in name:
            return self.find(self.absolute(name, directory))
        return next((file for folder in _BIN if (file := self.find(folder + name)) is not None), None)

    def name(self, file: Path) -> str:
        """How messages call a file of the context."""
        try:
            return self.shown + file.relative_to(self.context).as_posix()
        except ValueError:
            return str(file)

    def _candidates(self, path: str) -> list[str]:
        found: list[str] = []
        for source, target, inside in self._origins:
            if path.startswith(inside) and path != inside:
                found += _copied_as(source, path[len(inside) :])
            elif path == target and _GLOB_CHARACTERS.isdisjoint(source):
                found.append(source)
        if path.startswith(self._inside_workdir) and path != self._inside_workdir:
            found.append(path[len(self._inside_workdir) :])
        return found


def _inside(directory: str) -> str:
    return directory if directory == "/" else directory + "/"


def _copied_as(source: str, below: str) -> list[str]:
    """What this source gives to a path below its target: the source itself, or what lies in it."""
    if _GLOB_CHARACTERS.isdisjoint(source):
        inner = posixpath.join(source, below)
        return [source, inner] if below == posixpath.basename(source) else [inner]
    directory, pattern = posixpath.split(source)
    if not _GLOB_CHARACTERS.isdisjoint(directory):
        return []
    is_taken = pattern == "*" or ("/" not in below and fnmatch.fnmatchcase(below, pattern))
    return [posixpath.join(directory, below)] if is_taken else []


@lru_cache(maxsize=2048)
def _absolute(workdir: str, directory: str, path: str) -> str:
    """Remembered, since a command's way through a container asks for the same few paths again and again."""
    return "/" + posixpath.normpath(posixpath.join("/", workdir, directory, path)).lstrip("/")
