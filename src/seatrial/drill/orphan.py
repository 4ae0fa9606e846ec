"""A real orphan under the real PID 1: made inside the instance, then watched until it is reaped or stays a zombie.

A shell starts a short sleep and ends before it; the kernel gives the sleep to PID 1 of the namespace
(pid_namespaces(7)). When it ends, only PID 1 can take its zombie away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from seatrial.engine.interface import Instance, ProcessState
from seatrial.model.recording import Event, EventKind

LIFE = 0.2
PATIENCE = 1.5
"""Seconds that PID 1 gets for reaping; an init does it in less than a millisecond."""
LOOK = 0.02
LIMIT = 5.0
COMMAND = ("/bin/sh", "-c", f"sleep {LIFE} </dev/null >/dev/null 2>&1 & echo $!")


# A process that was made and is not to be seen any more was reaped: a zombie would be seen.
def _state(instance: Instance, pid: int) -> ProcessState | None:
    return next((state for state in instance.processes() if state.pid == pid), None)


async def make_orphan(
    instance: Instance, is_over: Callable[[], bool], clean: Callable[[str], str]
) -> tuple[Event | None, str]:
    """The event of its end (absolute time), or None and the reason why there is nothing to tell. `clean` takes secrets
    out of what is cut."""
    made = await instance.execute(COMMAND, timeout=LIMIT)
    words = made.output.split()
    if made.code != 0 or not words or not words[-1].isdigit():
        said = made.error or clean(made.output).strip()[:200] or f"exit code {made.code}"
        return None, f"no shell to make an orphan with: {said}"
    return await _follow(instance, int(words[-1]), is_over)


async def _follow(instance: Instance, pid: int, is_over: Callable[[], bool]) -> tuple[Event | None, str]:
    begun, died = time.monotonic(), 0.0
    while time.monotonic() < begun + LIMIT:
        if is_over():
            return None, "the service ended meanwhile"
        state, now = _state(instance, pid), time.monotonic()
        if state is None:
            if _state(instance, 1) is None:
                return None, "the processes of the instance can't be seen"
            took = f"reaped within {(now - died) * 1000:.0f} ms" if died else "reaped at once when it ended"
            return Event(now, EventKind.REAPED, "orphan", took, pid), ""
        if state.state == "Z":
            died = died or now
            if now - died >= PATIENCE:
                detail = f"a zombie for {now - died:.1f} s, its parent is pid {state.parent}"
                return Event(now, EventKind.ZOMBIE, "orphan", detail, pid), ""
        await asyncio.sleep(LOOK)
    return None, "the orphan did not end in time"
