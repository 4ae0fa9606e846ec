"""Load: requests for a while, and nothing wrong. What the service logs, which files of its own grow, what it uses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from seatrial.drill.acts.interface import Act, Known, takes_requests
from seatrial.drill.acts.measuring import measured
from seatrial.drill.exercise import Exercise
from seatrial.drill.options import Stage
from seatrial.engine.interface import Instance
from seatrial.model.recording import Event, EventKind, Scenario
from seatrial.model.service import Service

RATE = 40.0
"""Requests a second at most: enough to show a pattern, and no burden for what runs beside it."""
SECONDS = 1.5
SETTLES = 0.3
"""Seconds after the last answer in which its log line is written."""
LINGERS = 1.0
"""Seconds after which a zombie is one that nobody waits for."""
NOTHING = "it speaks no HTTP, so there is nothing to ask it"


def why_not(_service: Service, known: Known) -> str:
    """Why it can't be loaded, or ""."""
    return NOTHING if known.target is not None and not known.is_http else ""


async def perform(exercise: Exercise, known: Known) -> None:
    """Ask it for a while, and look at what that leaves."""
    instance = exercise.instance
    assert instance is not None
    if exercise.target is None or known.target is None or not known.is_http:
        exercise.why_not = NOTHING
        return
    async with measured(exercise) as look_again:
        marks = await ask(exercise, known)
        await asyncio.sleep(SETTLES)
    await _look_for_zombies(exercise, instance)
    await look_again(marks)
    await exercise.kill(Stage.ENOUGH)
    await exercise.note_end()


async def ask(exercise: Exercise, known: Known) -> frozenset[str]:
    """Ask it for a while; the ids of the requests."""
    target = exercise.target
    if target is None or known.target is None:
        return frozenset()
    same = replace(known.target, family=target.family, address=target.address, port=target.port)
    return await exercise.serve(same, min(RATE, exercise.options.rate), SECONDS)


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


ACT = Act(perform, why_not, wanted=takes_requests, then=(Scenario.MEMORY,))
