"""Stand-in: the health check against nothing at all, and against something that answers every request with 500.

The service itself is not started. In its place there is a shell that waits, with the same user, environment and files,
so that the check finds all that it needs but the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import replace

from seatrial.drill.acts import health
from seatrial.drill.acts.interface import Act, Known, port_of
from seatrial.drill.exercise import Exercise
from seatrial.model.place import Sourced
from seatrial.model.service import Service

WAITS = ("/bin/sh", "-c", "while :; do sleep 3600; done")
PROGRAM = (sys.executable, "-P", "-m", "seatrial.load.stand_in")
LISTENS_WITHIN = 10.0
LOOK = 0.02


def changed(service: Service, _known: Known) -> Service:
    """The service with something that only waits in its place."""
    return replace(service, argv=Sourced(WAITS), hops=(), init=Sourced(False), shell_form=False)


async def perform(exercise: Exercise, known: Known) -> None:
    """Probe while nothing listens, then while all requests are answered with 500 where the service speaks HTTP."""
    await health.probe(exercise, "refused", 1)
    port = port_of(exercise.service, known)
    if known.is_http and port and await take(exercise, port):
        await health.probe(exercise, "error", 1)


async def take(exercise: Exercise, port: int) -> bool:
    """Have something else listen on the port; false, and the run is disturbed, if it would not."""
    assert exercise.instance is not None
    if not exercise.instance.shares_network:
        exercise.disturbed = "nothing else can be made to listen in the network of the instance from here"
        return False
    with contextlib.suppress(ProcessLookupError):
        await exercise.instance.spawn_beside((*PROGRAM, str(port)))
    deadline = time.monotonic() + LISTENS_WITHIN
    while not any(listener.port == port for listener in exercise.instance.listeners()):
        if time.monotonic() > deadline:
            exercise.disturbed = "the stand-in for the service did not listen in time"
            return False
        await asyncio.sleep(LOOK)
    return True


ACT = Act(perform, health.why_not, changed, waits=False, wanted=health.wanted)
