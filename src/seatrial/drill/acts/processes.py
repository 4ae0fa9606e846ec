"""Which of an instance's processes is the program itself, and which are its workers. It looks; `send` alone acts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence

from seatrial.drill.judge.launch import INITS, Launcher, base, launcher_of
from seatrial.engine.interface import Instance, ProcessState

GONE_WITHIN = 2.0
LOOK = 0.02


def alive(instance: Instance) -> list[ProcessState]:
    """The processes that have not ended."""
    return [state for state in instance.processes() if state.state not in ("Z", "X")]


def program(states: Sequence[ProcessState]) -> ProcessState | None:
    """The program that the command became: PID 1, or what an init, a shell or a package manager there has started."""
    found = next((state for state in states if state.pid == 1), None)
    while found is not None and _is_in_front(found):
        below = [state for state in states if state.parent == found.pid and state.pid != found.pid]
        if not below:
            break
        found = min(below, key=lambda state: state.start_ticks)
    return found


def _is_in_front(state: ProcessState) -> bool:
    return bool(state.argv) and (base(state.argv[0]) in INITS or launcher_of(state.argv) is not Launcher.NONE)


def workers(states: Sequence[ProcessState], main: ProcessState) -> list[ProcessState]:
    """The children of the program that run the same program: what a master forks to share the work."""
    return [
        state
        for state in states
        if state.parent == main.pid and state.pid != main.pid and _runs_the_same(state.argv, main.argv)
    ]


def _runs_the_same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    if not one or not other or any("resource_tracker" in word for word in one):
        return False
    names = [base(argv[0].split()[0] if argv[0].split() else "").rstrip(":") for argv in (one, other)]
    return names[0] == names[1] and bool(names[0])


def send(instance: Instance, state: ProcessState, number: int) -> bool:
    """Send a signal to one process of an instance, and never to another one that got its number meanwhile."""
    if state.host_pid <= 0:
        return False
    try:
        descriptor = os.pidfd_open(state.host_pid)
    except OSError:
        return False
    try:
        if not is_there(instance, state):
            return False
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(descriptor, number)
            return True
        return False
    finally:
        os.close(descriptor)


def is_there(instance: Instance, state: ProcessState) -> bool:
    """Whether this very process is (or is left as a zombie) in the instance."""
    return any((each.pid, each.start_ticks) == (state.pid, state.start_ticks) for each in instance.processes())


async def kill(instance: Instance, state: ProcessState) -> bool:
    """SIGKILL to one process, and its end. False if it could not be sent, or did not end it in time."""
    if not send(instance, state, signal.SIGKILL):
        return False
    deadline = time.monotonic() + GONE_WITHIN
    key = (state.pid, state.start_ticks)
    while any((each.pid, each.start_ticks) == key for each in alive(instance)):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK)
    return True
