"""Cgroups of one instance: which hierarchies there are, what to write into them, what they say. v1, v2 and hybrid.

Texts are parsed and settings computed by pure functions; `CgroupPlan` makes the directories. What can't be enforced is
said, never passed over in silence.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A limit that a service asks for: the controller that enforces it, in words, and the files per version."""

    controller: str
    words: str
    version1: Mapping[str, str]
    version2: Mapping[str, str]


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


def asked(limits: Limits, cores: int) -> tuple[Asked, ...]:
    """What the limits ask for, with more CPUs than there are cut to those that there are."""
    wanted = []
    if limits.memory is not None:
        wanted.append(_memory(limits))
    if limits.cpus is not None:
        quota = str(max(1000, int(min(limits.cpus.value, cores) * PERIOD)))
        wanted.append(
            Asked(
                "cpu",
                f"cpus {limits.cpus.value:g}",
                {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": quota},
                {"cpu.max": f"{quota} {PERIOD}"},
            )
        )
    if limits.cpu_shares is not None:
        shares = max(2, limits.cpu_shares.value)
        weight = 1 + (min(shares, 262_144) - 2) * 9999 // 262_142
        wanted.append(Asked("cpu", f"cpu_shares {shares}", {"cpu.shares": str(shares)}, {"cpu.weight": str(weight)}))
    if limits.cpuset is not None:
        cpus = {"cpuset.cpus": limits.cpuset.value}
        wanted.append(Asked("cpuset", f"cpuset {limits.cpuset.value}", cpus, cpus))
    if limits.pids is not None and limits.pids.value > 0:
        most = {"pids.max": str(limits.pids.value)}
        wanted.append(Asked("pids", f"pids {limits.pids.value}", most, most))
    return tuple(wanted)


def _memory(limits: Limits) -> Asked:
    assert limits.memory is not None
    memory, total = limits.memory.value, swap_total(limits)
    first, second = {"memory.limit_in_bytes": str(memory)}, {"memory.max": str(memory)}
    if total is not None and total >= memory:
        first["memory.memsw.limit_in_bytes"] = str(total)
        second["memory.swap.max"] = str(total - memory)
    elif total == -1:
        second["memory.swap.max"] = "max"
    if limits.memory_reservation is not None:
        first["memory.soft_limit_in_bytes"] = str(limits.memory_reservation.value)
        second["memory.low"] = str(limits.memory_reservation.value)
    return Asked("memory", f"memory {size(memory)}", first, second)


OPTIONAL_FILES = {"memory.memsw.limit_in_bytes", "memory.swap.max", "memory.soft_limit_in_bytes", "memory.low"}
"""Missing where the kernel does not account swap; then the limit holds for memory alone."""


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The cgroups made for one instance: `folders` by what they are for, `unified` "" without a v2 tree."""

    folders: tuple[str, ...]
    unified: str
    by_controller: Mapping[str, str]
    enforcement: tuple[str, ...]


def make(name: str, limits: Limits, cores: int, trees: tuple[Hierarchy, ...]) -> Cgroups:
    """Make the directories and write the limits. `name` is unique, begins with PREFIX and tells the owner."""
    made: list[str] = []
    by_controller: dict[str, str] = {}
    wanted = asked(limits, cores)
    unified, usable = _make_unified(name, trees, {one.controller for one in wanted} | {"memory"})
    if unified:
        made.append(unified)
        by_controller |= dict.fromkeys(usable, unified)
    needed = {one.controller for one in wanted} | {"memory"}
    for tree in trees:
        covered = needed & set(tree.controllers) - set(by_controller)
        if tree.version == 1 and covered:
            folder = _make_folder(f"{tree.own}/{name}", cpuset="cpuset" in tree.controllers)
            if folder:
                made.append(folder)
                by_controller |= dict.fromkeys(covered, folder)
    words = tuple(_enforce(one, by_controller.get(one.controller, ""), unified) for one in wanted)
    return Cgroups(tuple(made), unified, by_controller, words)


def _enforce(one: Asked, folder: str, unified: str) -> str:
    """Write one limit; the sentence says how it is enforced or why it isn't."""
    if not folder:
        return f"{one.words}: not enforced (no cgroup with the {one.controller} controller may be written here)"
    version = 2 if folder == unified else 1
    try:
        for file, text in (one.version2 if version == 2 else one.version1).items():
            try:
                (Path(folder) / file).write_text(text, encoding="ascii")
            except OSError:
                if file not in OPTIONAL_FILES:
                    raise
    except OSError as error:
        return f"{one.words}: not enforced ({error.strerror})"
    return f"{one.words}: cgroup{version}"


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
