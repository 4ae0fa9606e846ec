"""Freeze: SIGSTOP to every process of the service. Its listener still accepts, and nothing answers any more.

It is what a deadlock, a blocked event loop or a stuck disk look like from outside. The instance is left frozen: the
kernel's SIGKILL at its end needs nobody to wake up.
"""

from __future__ import annotations

import asyncio
import signal
import time

from seatrial.drill.acts import health, processes
from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.exercise import Exercise
from seatrial.engine.interface import Instance
from seatrial.model.recording import Event, EventKind

LIMIT = 2.0
"""Seconds in which all processes have to be stopped; one in the middle of a system call takes a moment."""
LOOK = 0.02
_STILL = frozenset("TtZX")


async def perform(exercise: Exercise, _known: Known) -> None:
    """Freeze the service, then run its health check as often as it takes to be unhealthy."""
    assert exercise.instance is not None
    check = health.check_of(exercise.service)
    assert check is not None
    number = await freeze(exercise.instance)
    if number == 0:
        exercise.disturbed = "the service could not be frozen"
        return
    exercise.events.append(Event(time.monotonic(), EventKind.FROZEN, str(number)))
    await health.probe_in_time(exercise, "frozen", check)


async def freeze(instance: Instance) -> int:
    """Stop all processes of an instance; how many there are, or 0 if they would not be stopped in time."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        moving = [state for state in instance.processes() if state.state not in _STILL]
        if not moving:
            return len(instance.processes())
        for state in moving:
            processes.send(instance, state, signal.SIGSTOP)
        await asyncio.sleep(LOOK)  # one may have been forking: look until nothing moves
    return 0


ACT = Act(perform, health.why_not, wanted=health.wanted)
