"""Stands in for a cgroup of memory: looks at what the processes of an instance have in memory, and kills all of them
when it is too much. A look a second; it can come too late, which is why `limits` says that it is the means in force.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from seatrial.engine.native.limits import WATCH_EVERY


async def watch(pids: Callable[[], Iterable[int]], limit: int, kill: Callable[[], None]) -> None:
    """Look until it is too much; then call `kill`."""
    page = os.sysconf("SC_PAGE_SIZE")
    while resident(_statm(pids()), page) <= limit:
        await asyncio.sleep(WATCH_EVERY)
    kill()


def resident(statm: Iterable[str], page_size: int) -> int:
    """Bytes that processes have in memory, by their /proc/PID/statm. Pages that they share count for each of them, so
    the sum is never too small."""
    return sum(int(text.split()[1]) for text in statm if text) * page_size


def _statm(pids: Iterable[int]) -> Iterator[str]:
    for pid in pids:
        try:
            yield Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
        except OSError:
            continue
