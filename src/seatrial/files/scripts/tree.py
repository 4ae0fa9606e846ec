"""Where a path inside the container comes from in the build context.

A guess by the COPY instructions of the final stage, good enough to read a script or a manifest. It must never leave the
context, and never promise that a file that isn't found here is absent from the image.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from seatrial.files import disk
from seatrial.model.service import Copy
from seatrial.model.values import dataclass

_GLOB_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Tree:
    """The container's files, as far as the context tells. `shown` is put before paths in places ("" or "web/")."""

    context: Path
    workdir: str = "/"
    copies: Sequence[Copy] = ()
    shown: str = ""

    def absolute(self, path: str, directory: str = "") -> str:
        """A container path made absolute from `directory` (the working directory where none is given)."""
        return _absolute(self.workdir, directory, path)

    def find(self, path: str) -> Path | None:
        """The file of the context that this absolute container path holds, or None."""
        for candidate in self._candidates(path):
            if disk.is_regular(f"{self.context}/{candidate}"):
                return self.context / candidate
        return None

    def name(self, file: Path) -> str:
        """How messages call a file of the context."""
        try:
            return self.shown + file.relative_to(self.context).as_posix()
        except ValueError:
            return str(file)

    def _candidates(self, path: str) -> Iterator[str]:
        for copy in reversed(self.copies):
            for source in copy.sources:
                yield from self._by_copy(copy, source, path)
        below = _relative(path, self.absolute("."))
        if below is not None:
            yield below

    def _by_copy(self, copy: Copy, source: str, path: str) -> Iterator[str]:
        source = _absolute("/", "", source)[1:]
        target = self.absolute(copy.target)
        if _GLOB_CHARACTERS.intersection(source):
            yield from self._by_glob(source, target, path)
            return
        if path == target:
            yield source
        below = _relative(path, target)
        if below is not None:
            if below == posixpath.basename(source):
                yield source
            yield posixpath.join(source, below)

    def _by_glob(self, source: str, target: str, path: str) -> Iterator[str]:
        below = _relative(path, target)
        directory, pattern = posixpath.split(source)
        if not below or _GLOB_CHARACTERS.intersection(directory):
            return
        if pattern == "*" or ("/" not in below and fnmatch.fnmatchcase(below, pattern)):
            yield posixpath.join(directory, below)


@lru_cache(maxsize=2048)
def _absolute(workdir: str, directory: str, path: str) -> str:
    """Remembered, since a command's way through a container asks for the same few paths again and again."""
    return "/" + posixpath.normpath(posixpath.join("/", workdir, directory, path)).lstrip("/")


def _relative(path: str, directory: str) -> str | None:
    inside = directory.rstrip("/") + "/"
    return path[len(inside) :] if path.startswith(inside) and len(path) > len(inside) else None
