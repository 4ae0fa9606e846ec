"""What an instance takes while it works: limits, memory, descriptors, processes, and which of its files grow.

Files are looked for where services write: those that its processes have open, its working directory, /var/log, /tmp
and its volumes, and whatever directory has changed since its start. It looks through /proc/PID/root and changes
nothing; what this user may not see is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from seatrial.drill.acts import processes
from seatrial.drill.acts.files import Files, grown
from seatrial.drill.acts.usage import open_files, usage
from seatrial.drill.exercise import Exercise
from seatrial.engine.interface import Instance

LOOK = 0.15


@contextlib.asynccontextmanager
async def measured(exercise: Exercise) -> AsyncIterator[Callable[[frozenset[str]], Awaitable[None]]]:
    """Take down what it uses meanwhile. What is given looks which files have grown since, while the instance still
    runs, and whether they speak of these requests."""
    instance = exercise.instance
    assert instance is not None
    places = Files(instance, exercise.service)
    before = await asyncio.to_thread(places.look)
    main = processes.program(processes.alive(instance))
    exercise.nofile = open_files(main.host_pid) if main is not None else (0, 0)

    async def look_again(marks: frozenset[str]) -> None:
        after = await asyncio.to_thread(places.look)
        exercise.files = await asyncio.to_thread(grown, places, before, after, marks)

    watching = asyncio.create_task(_watch(exercise, instance))
    try:
        yield look_again
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        if not watching.cancelled() and (error := watching.exception()) is not None:  # of what was left nothing is said
            exercise.disturbed = exercise.disturbed or f"what it takes could not be measured to the end: {error!r}"


async def _watch(exercise: Exercise, instance: Instance) -> None:
    """Take down what it uses, until cancelled."""
    while True:
        with contextlib.suppress(OSError):
            if alive := processes.alive(instance):
                exercise.usage.append(await asyncio.to_thread(usage, alive, time.monotonic()))
        await asyncio.sleep(LOOK)
