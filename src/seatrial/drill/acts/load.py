"""Load: requests for a while, and nothing wrong. What the service logs, which files of its own grow, what it uses.

Files are looked for where services write: those that its processes have open, and its working directory, /var/log,
/tmp and its volumes. It looks through /proc/PID/root and changes nothing; what this user may not see is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

from seatrial.drill.acts import processes
from seatrial.drill.acts.files import Files, grown
from seatrial.drill.acts.interface import Act, Known, takes_requests
from seatrial.drill.acts.usage import open_files, usage
from seatrial.drill.exercise import Exercise
from seatrial.drill.options import Stage
from seatrial.engine.interface import Instance
from seatrial.model.recording import Event, EventKind
from seatrial.model.service import Service

RATE = 40.0
"""Requests a second at most: enough to show a pattern, and no burden for what runs beside it."""
SECONDS = 1.5
SETTLES = 0.3
"""Seconds after the last answer in which its log line is written."""
LOOK = 0.15
LINGERS = 1.0
"""Seconds after which a zombie is one that nobody waits for."""
NOTHING = "it speaks no HTTP, so there is nothing to ask it"


def why_not(_service: Service, known: Known) -> str:
    """Why it can't be loaded, or ""."""
    return NOTHING if known.target is not None and not known.is_http else ""


async def perform(exercise: Exercise, known: Known) -> None:
    """Ask it for a while, and look at what that leaves."""
    instance, target = exercise.instance, exercise.target
    assert instance is not None
    if target is None or known.target is None or not known.is_http:
        exercise.why_not = NOTHING
        return
    places = Files(instance, exercise.service)
    before = await asyncio.to_thread(places.look)
    main = processes.program(processes.alive(instance))
    exercise.nofile = open_files(main.host_pid) if main is not None else (0, 0)
    watching = asyncio.create_task(_watch(exercise, instance))
    try:
        same = replace(known.target, family=target.family, address=target.address, port=target.port)
        marks = await exercise.serve(same, min(RATE, exercise.options.rate), SECONDS)
        await asyncio.sleep(SETTLES)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
    await _look_for_zombies(exercise, instance)
    after = await asyncio.to_thread(places.look)
    exercise.files = await asyncio.to_thread(grown, places, before, after, marks)
    await exercise.kill(Stage.ENOUGH)
    await exercise.note_end()


async def _look_for_zombies(exercise: Exercise, instance: Instance) -> None:
    """Take down the processes that have ended and that nobody waits for, at two looks apart."""
    first = {(state.pid, state.start_ticks) for state in instance.processes() if state.state == "Z"}
    if not first:
        return
    await asyncio.sleep(LINGERS)
    for state in instance.processes():
        if state.state == "Z" and (state.pid, state.start_ticks) in first:
            detail = f"a zombie for {LINGERS:g} s and more, its parent is pid {state.parent}"
            exercise.events.append(Event(time.monotonic(), EventKind.ZOMBIE, "left", detail, state.pid))


async def _watch(exercise: Exercise, instance: Instance) -> None:
    """Take down what it uses, until cancelled."""
    while True:
        with contextlib.suppress(OSError):
            exercise.usage.append(await asyncio.to_thread(usage, processes.alive(instance), time.monotonic()))
        await asyncio.sleep(LOOK)


ACT = Act(perform, why_not, wanted=takes_requests)
