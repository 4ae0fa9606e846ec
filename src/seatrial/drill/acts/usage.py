"""What an instance's processes use now, from /proc. It looks; it never fails for a process that has ended meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from seatrial.engine.interface import ProcessState
from seatrial.engine.native.cgroups import hierarchies
from seatrial.model.recording import Charged, Usage

PAGE = os.sysconf("SC_PAGE_SIZE")


def usage(states: Iterable[ProcessState], now: float) -> Usage:
    """The sum over all processes: pages of their own each, and shared ones (a binary, what a fork left) once."""
    own = shared = number = tasks = 0
    descriptors = []
    for state in states:
        if state.host_pid <= 0:
            continue
        number += 1
        private, common = _memory(state.host_pid)
        own, shared = own + private, max(shared, common)
        with contextlib.suppress(OSError):
            descriptors.append(sum(1 for _ in Path(f"/proc/{state.host_pid}/fd").iterdir()))
        with contextlib.suppress(OSError):
            tasks += sum(1 for _ in Path(f"/proc/{state.host_pid}/task").iterdir())
    most = max(descriptors, default=0)
    return Usage(now, own + shared, sum(descriptors), number, tasks, most)


def charged(states: Iterable[ProcessState]) -> Charged:
    """What the kernel charged to the cgroup of an instance that runs under a memory limit."""
    pid = next((state.host_pid for state in states if state.host_pid > 0), 0)
    for folder in _memory_cgroups(pid) if pid else ():
        if (peak := _number(folder / "memory.max_usage_in_bytes")) >= 0:
            return Charged(peak, _number(folder / "memory.failcnt"))
        if (peak := _number(folder / "memory.peak")) >= 0:
            return Charged(peak, _times_at_limit(folder / "memory.events"))
    return Charged()


def _memory_cgroups(pid: int) -> Iterator[Path]:
    """The directories of a process's cgroups that may account for memory; none if it has ended."""
    with contextlib.suppress(OSError):
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        own = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
        for tree in hierarchies(mounts, own):
            if tree.version == 2 or "memory" in tree.controllers:
                yield Path(tree.own)


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return -1


def _times_at_limit(events: Path) -> int:
    try:
        words = dict(line.split() for line in events.read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return -1
    return int(words.get("max", -1))


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


def _memory_by_statm(pid: int) -> tuple[int, int]:
    try:
        words = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    except OSError:
        return 0, 0
    resident, shared = int(words[1]) * PAGE, int(words[2]) * PAGE
    return resident - shared, shared
