"""The files inside an instance that a service may write to, and which of them grew. It looks and changes nothing.

A file that the instance has not written is shown from the layer below, where it may be a file of this host that
somebody else is writing. So what grew is held against it: the first write gives the instance a copy of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from seatrial.drill.acts import processes
from seatrial.drill.judge.ids import ids_in
from seatrial.engine.interface import Instance
from seatrial.model.recording import FileGrown
from seatrial.model.service import Service

MOST = 5000
"""Entries that are looked at below one directory."""
EARLIER = 1.0
"""Seconds before the start from which on a directory counts as changed since: clocks of file systems are coarse."""
LARGEST = 1 << 20
"""Bytes of what was added to a file that are searched for ids."""
_PASSED_OVER = frozenset(
    {"node_modules", ".git", ".venv", "venv", "__pycache__", "site-packages", "proc", "sys", "dev"}
)
_WRITABLE = os.O_WRONLY | os.O_RDWR
_OCTAL = re.compile(r"\\([0-7]{3})")
_LAYERS = re.compile(r"(?:^|,)lowerdir=((?:[^,\\]|\\.)*)")
_BETWEEN = re.compile(r"(?<!\\):")


class Files:
    """Where a service may write."""

    def __init__(self, instance: Instance, service: Service) -> None:
        self._instance = instance
        volumes = (mount.value.target for mount in service.mounts if mount.value.kind != "bind")
        self._folders = tuple(dict.fromkeys((service.workdir.value, "/var/log", "/tmp", *volumes)))
        self._binds = frozenset(mount.value.target for mount in service.mounts if mount.value.kind == "bind")

    def root(self) -> str:
        """The way to the instance's root from here; "" if it has ended."""
        first = next((state for state in self._instance.processes() if state.pid == 1), None)
        return f"/proc/{first.host_pid}/root" if first is not None and first.host_pid > 0 else ""

    def look(self) -> dict[str, int]:
        """The size of each regular file where one may have been written, by its path inside."""
        root = self.root()
        if not root:
            return {}
        found = dict(self._open_ones(root))
        for folder in self._folders:
            found |= _below(root, folder)
        since = time.time() - (time.monotonic() - self._instance.started) - EARLIER
        return dict(_below(root, "/", since, self._binds)) | found

    def _open_ones(self, root: str) -> Iterator[tuple[str, int]]:
        """What the processes have open for writing."""
        for state in processes.alive(self._instance):
            with contextlib.suppress(OSError):
                for descriptor in Path(f"/proc/{state.host_pid}/fd").iterdir():
                    yield from _open_file(root, descriptor)


def _open_file(root: str, descriptor: Path) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        told = (descriptor.parent.parent / "fdinfo" / descriptor.name).read_text(encoding="ascii")
        flags = next(int(line.split()[1], 8) for line in told.splitlines() if line.startswith("flags:"))
        facts = descriptor.stat()  # of the file itself
        path = str(descriptor.readlink())
        if flags & _WRITABLE and stat.S_ISREG(facts.st_mode) and facts.st_nlink and Path(root + path).exists():
            yield path, facts.st_size


def _below(root: str, folder: str, since: float = 0.0, but: frozenset[str] = frozenset()) -> Iterator[tuple[str, int]]:
    """The regular files below a directory, as far as `MOST` entries go; no link is followed. Only directories that have
    changed `since` are looked into: the first write to a file of an image gives each above it a copy of its own."""
    left, seen = [folder.rstrip("/") or "/"], 0
    while left and seen < MOST:
        here = left.pop()
        with contextlib.suppress(OSError), os.scandir(root + here) as entries:
            for entry in entries:
                seen += 1
                path = f"{here.rstrip('/')}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    is_passed_over = entry.name in _PASSED_OVER or path in but
                    if not is_passed_over and entry.stat(follow_symlinks=False).st_ctime >= since:
                        left.append(path)
                elif entry.is_file(follow_symlinks=False):
                    yield path, entry.stat(follow_symlinks=False).st_size


def grown(
    places: Files, before: Mapping[str, int], after: Mapping[str, int], marks: frozenset[str]
) -> tuple[FileGrown, ...]:
    """The files that are larger than before, or new, and whether what was added speaks of the requests."""
    root = places.root()
    layers = _layers(f"{root.removesuffix('/root')}/mountinfo")
    return tuple(
        FileGrown(path, before.get(path), size, _is_marked(root + path, before.get(path) or 0, marks))
        for path, size in sorted(after.items())
        if size > before.get(path, 0) and not _is_from_below(root, path, layers)
    )


def _layers(mountinfo: str) -> dict[str, tuple[str, ...] | None]:
    """The directories of this host below each mount point of an instance: none where it is no overlay, None where
    nothing can be written."""
    found: dict[str, tuple[str, ...] | None] = {}
    with contextlib.suppress(OSError, ValueError):
        for line in Path(mountinfo).read_text(encoding="utf-8").splitlines():
            before, _, after = line.partition(" - ")
            (kind, _, options), (named, rights) = after.split(" ", 2), before.split(" ")[4:6]
            layers = _LAYERS.search(_plain(options)) if kind == "overlay" else None
            each = _BETWEEN.split(layers[1]) if layers is not None else ()
            lower = tuple(re.sub(r"\\(.)", r"\1", folder) for folder in each)
            found[_plain(named)] = None if "ro" in rights.split(",") else lower
    return found


def _plain(text: str) -> str:
    """A field of mountinfo as it was before the kernel took the blanks out."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def _is_from_below(root: str, path: str, layers: Mapping[str, tuple[str, ...] | None]) -> bool:
    """Whether the instance shows a file as it is below, and so has not written it: a copy has another time of change.
    It may be written below at this moment: then its time is between two looks there."""
    points = (point for point in layers if f"{path}/".startswith(f"{point.rstrip('/')}/"))
    point = max(points, key=len, default="")
    if (lower := layers.get(point, ())) is None:
        return True
    for folder in lower:
        below = f"{folder.rstrip('/')}/{path[len(point) :].lstrip('/')}"
        with contextlib.suppress(OSError):
            first, inside, last = (os.lstat(each).st_ctime_ns for each in (below, root + path, below))
            return first <= inside <= last
    return False


def _is_marked(path: str, begin: int, marks: frozenset[str]) -> bool:
    try:
        with Path(path).open("rb") as file:
            file.seek(begin)
            text = file.read(LARGEST).decode("utf-8", "replace")
    except OSError:
        return False
    return bool(ids_in([text], marks))
