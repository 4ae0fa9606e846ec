"""Whom the kernel killed for memory, and how much memory processes have. Pure: texts in, values out.

The counter is the truth: it is read before and after a run, so it doesn't matter whether a notice came in time, and a
plain SIGKILL is never taken for a kill for memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Victim(Enum):
    """Whom the kernel killed for memory during a run."""

    NOBODY = "nobody"
    CHILD = "a child"
    MAIN = "the main process"


def oom_kills(text: str) -> int:
    """The counter of kills in memory.events (v2) or memory.oom_control (v1). Not `oom`, which counts more
    (containerd#6323). 0 where the kernel is too old to have one (v1 before 4.13)."""
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill" and number.strip().isdigit():
            return int(number)
    return 0


def victim(before: str, after: str, code: int, *, killed_by_us: bool) -> Victim:
    """Whom it was, by the counter's file before and after the run, the exit code, and whether we sent a SIGKILL."""
    if oom_kills(after) <= oom_kills(before):
        return Victim.NOBODY
    return Victim.MAIN if code == 137 and not killed_by_us else Victim.CHILD


def resident(statm: Iterable[str], page_size: int) -> int:
    """Bytes that processes have in memory, by their /proc/PID/statm: what the watchdog compares. Pages that they share
    count for each of them, so the sum is never too small."""
    return sum(int(text.split()[1]) for text in statm if text) * page_size
