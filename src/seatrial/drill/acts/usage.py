"""What an instance's processes use now, from /proc. It looks; it never fails for a process that has ended meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seatrial.engine.interface import ProcessState
from seatrial.engine.native.cgroups import hierarchies
from seatrial.model.recording import Charged, Usage

PAGE = os.sysconf("SC_PAGE_SIZE")
_NONE = 1 << 60
"""As much or more is no limit, in the words of version 1."""
_WORDS = (
    ("limit_in_bytes", "usage_in_bytes", "total_inactive_file", "total_mapped_file"),
    ("max", "current", "inactive_file", "file_mapped"),
)
"""Limit, charge, and in memory.stat the file pages that nobody uses and those that are mapped, by version."""


def usage(states: Sequence[ProcessState], now: float) -> Usage:
    """The sum over all processes. Memory is what the kernel charges to the instance's own cgroup, where it has one;
    else pages of their own each, and shared ones (a binary, what a fork left) once."""
    own = shared = files = number = tasks = 0
    descriptors = []
    for state in states:
        if state.host_pid <= 0:
            continue
        number += 1
        private, common = _memory(state.host_pid)
        own, shared, files = own + private, max(shared, common), max(files, _file_pages(state.host_pid))
        with contextlib.suppress(OSError):
            descriptors.append(sum(1 for _ in Path(f"/proc/{state.host_pid}/fd").iterdir()))
        with contextlib.suppress(OSError):
            tasks += sum(1 for _ in Path(f"/proc/{state.host_pid}/task").iterdir())
    most = max(descriptors, default=0)
    held = _held(states, files)
    return Usage(now, held or own + shared, sum(descriptors), number, tasks, most, charged=held > 0)


def charged(states: Iterable[ProcessState]) -> Charged:
    """What the kernel charged to the cgroup of an instance that runs under a memory limit."""
    for folder in _cgroups_of(states):
        if (peak := _number(folder / "memory.max_usage_in_bytes")) >= 0:
            return Charged(peak, _number(folder / "memory.failcnt"))
        if (peak := _number(folder / "memory.peak")) >= 0:
            return Charged(peak, _numbers(folder / "memory.events").get("max", -1))
    return Charged()


def _held(states: Iterable[ProcessState], files: int) -> int:
    """The memory that is charged to the instance's own cgroup now, but for file pages that nobody uses: what Docker
    shows as a container's, with its health check's. 0 where it has no cgroup of its own.

    A limit holds no more than that. Where there is none, one is looked for that holds wherever it will run: of `files`,
    the bytes of files that a process has mapped, those count too that this machine charges to somebody else, who read
    that binary first. A container that is alone with its image is charged for them."""
    ours = set(_memory_cgroups(os.getpid()))
    for folder in _cgroups_of(states):
        for most, current, idle, mapped in _WORDS:
            held = _number(folder / f"memory.{current}")
            if held < 0 or folder in ours:
                continue
            told = _numbers(folder / "memory.stat")
            is_limited = 0 < _number(folder / f"memory.{most}") < _NONE
            others = 0 if is_limited else max(0, files - told.get(mapped, 0))
            return max(0, held - told.get(idle, 0)) + others
    return 0


def _cgroups_of(states: Iterable[ProcessState]) -> Iterable[Path]:
    pid = next((state.host_pid for state in states if state.host_pid > 0), 0)
    return _memory_cgroups(pid) if pid else ()


def _memory_cgroups(pid: int) -> Iterator[Path]:
    """The directories of a process's cgroups that may account for memory; none if it has ended."""
    with contextlib.suppress(OSError):
        own = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        for tree in hierarchies(mounts, own):
            if tree.version == 2 or "memory" in tree.controllers:
                yield Path(tree.own)


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return -1


def _numbers(path: Path) -> dict[str, int]:
    """A file of names with their numbers; empty if it can't be read."""
    try:
        lines = (line.split() for line in path.read_text(encoding="ascii").splitlines())
        return {name: int(number) for name, number in lines}
    except (OSError, ValueError):
        return {}


def open_files(pid: int) -> tuple[int, int]:
    """The soft and the hard limit of open files of a process (-1 unlimited); (0, 0) if it has ended."""
    try:
        text = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    except OSError:
        return 0, 0
    words = next((line.split() for line in text.splitlines() if line.startswith("Max open files")), [])
    soft, hard = (-1 if word == "unlimited" else int(word) for word in words[3:5])
    return soft, hard


def _memory(pid: int) -> tuple[int, int]:
    """Bytes that are a process's own, and bytes that it may share, by /proc/PID/smaps_rollup, else by statm."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return _memory_by_statm(pid)
    fields = {words[0]: int(words[1]) << 10 for line in text.splitlines()[1:] if len(words := line.split()) > 1}
    own = fields.get("Private_Clean:", 0) + fields.get("Private_Dirty:", 0)
    return own, max(0, fields.get("Rss:", 0) - own)


def _file_pages(pid: int) -> int:
    """Bytes of files that a process has mapped and that are there."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("RssFile:"):
                return int(line.split()[1]) << 10
    return 0


def _memory_by_statm(pid: int) -> tuple[int, int]:
    try:
        words = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0, 0
    resident, shared = int(words[1]) * PAGE, int(words[2]) * PAGE
    return resident - shared, shared
