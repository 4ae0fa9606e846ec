"""Cgroups of one instance: which hierarchies there are, and the directories in them. v1, v2 and hybrid.

What is written into them is decided in `limits`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.service import Limits

PERIOD = 100_000
"""The scheduler's accounting period in microseconds, as Docker sets it."""
PREFIX = "seatrial-"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted cgroup tree: its controllers (empty for the unified one) and the directory of our own cgroup in it."""

    version: int
    controllers: tuple[str, ...]
    mount: str
    own: str


def hierarchies(mountinfo: str, own: str) -> tuple[Hierarchy, ...]:
    """All trees of /proc/self/mountinfo, with our place in each by /proc/self/cgroup."""
    places = _own_paths(own)
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if kind[0] not in {"cgroup", "cgroup2"}:
            continue
        version = 2 if kind[0] == "cgroup2" else 1
        options = set(kind[-1].split(","))
        controllers = next((names for names in places if names and set(names) <= options), ())
        if version == 1 and not controllers:
            continue
        inner = places.get(controllers if version == 1 else (), "/")
        root, mount = fields[3], fields[4]
        if root != "/":
            inner = inner.removeprefix(root) if inner.startswith(root) else "/"
        found.append(Hierarchy(version, controllers, mount, (mount + inner).rstrip("/")))
    return tuple(found)


def _own_paths(text: str) -> dict[tuple[str, ...], str]:
    """/proc/self/cgroup as path by controllers; the unified tree has none."""
    places: dict[tuple[str, ...], str] = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        places[tuple(names.split(",")) if names else ()] = path
    return places


def size(number: int) -> str:
    """Bytes for people: "512 MiB"."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= unit and number % (unit >> 4 or 1) == 0:
            return f"{number / unit:g} {name}"
    return f"{number} bytes"


def swap_total(limits: Limits) -> int | None:
    """Memory and swap together: twice the memory where nothing is said, -1 for no limit (contract, chapter 10)."""
    if limits.memory is None:
        return None
    said = limits.memory_swap.value if limits.memory_swap else 0
    return said or 2 * limits.memory.value


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The cgroups made for one instance: `folders` of all, `unified` "" without a v2 tree, and by controller."""

    folders: tuple[str, ...]
    unified: str
    by_controller: Mapping[str, str]


def make(name: str, needed: Collection[str], trees: tuple[Hierarchy, ...]) -> Cgroups:
    """Make the directories that have the needed controllers, as far as may be. `name` is unique, begins with PREFIX and
    tells the owner."""
    made: list[str] = []
    by_controller: dict[str, str] = {}
    wanted = set(needed)
    unified, usable = _make_unified(name, trees, wanted)
    if unified:
        made.append(unified)
        by_controller |= dict.fromkeys(usable, unified)
    for tree in trees:
        covered = wanted & set(tree.controllers) - set(by_controller)
        if tree.version == 1 and covered:
            folder = _make_folder(f"{tree.own}/{name}", cpuset="cpuset" in tree.controllers)
            if folder:
                made.append(folder)
                by_controller |= dict.fromkeys(covered, folder)
    return Cgroups(tuple(made), unified, by_controller)


def _make_folder(path: str, *, cpuset: bool = False) -> str:
    """The directory made, or "" where that isn't allowed."""
    try:
        Path(path).mkdir()
        if cpuset:  # nothing can run in a v1 cpuset before both are set
            for file in ("cpuset.cpus", "cpuset.mems"):
                (Path(path) / file).write_text((Path(path).parent / file).read_text("ascii"), "ascii")
    except OSError:
        with contextlib.suppress(OSError):
            Path(path).rmdir()
        return ""
    return path


def _make_unified(name: str, trees: tuple[Hierarchy, ...], needed: set[str]) -> tuple[str, set[str]]:
    """A cgroup in the v2 tree with as many of the controllers as can be had, in our own cgroup or one above it."""
    tree = next((tree for tree in trees if tree.version == 2), None)
    if tree is None:
        return "", set()
    best, usable = "", set[str]()
    parent = tree.own
    while len(parent) >= len(tree.mount):
        enabled = _enabled(parent, needed) if os.access(parent, os.W_OK | os.X_OK) else None
        if enabled is not None and (not best or len(enabled) > len(usable)):
            best, usable = parent, enabled
        if usable == needed or parent == tree.mount:
            break
        parent = str(Path(parent).parent)
    if not best:
        return "", set()
    return _make_folder(f"{best}/{name}"), usable


def _enabled(parent: str, needed: set[str]) -> set[str]:
    """The controllers that children of this cgroup have, after trying to switch on those needed.

    The kernel refuses it (EBUSY) where processes live in the cgroup itself; a parent above may do.
    """
    with contextlib.suppress(OSError):
        offered = set((Path(parent) / "cgroup.controllers").read_text("ascii").split())
        control = Path(parent) / "cgroup.subtree_control"
        for name in sorted(needed & offered - set(control.read_text("ascii").split())):
            with contextlib.suppress(OSError):
                control.write_text(f"+{name}", "ascii")
        return needed & set(control.read_text("ascii").split())
    return set()
