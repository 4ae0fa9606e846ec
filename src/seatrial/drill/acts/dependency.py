"""Dependency: what the service depends on is cut off, made slow and restored, while its health paths are asked.

Its liveness and its readiness path are asked all along, each with the time-out of a probe. What is looked for comes as
soon as a client notices, so each step ends when readiness has changed its mind, or at its limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from seatrial.drill.acts.interface import Act, Known, takes_requests
from seatrial.drill.asking import Asking
from seatrial.drill.exercise import Exercise
from seatrial.drill.judge.dependency_judges import CHANGING, GAP, longest_gap
from seatrial.model.recording import Event, EventKind
from seatrial.model.service import Service
from seatrial.model.traffic import COMPLETE, Asked

PACE = 0.1
LIMIT = 3.0
"""Seconds that an answer gets: more than most probes give (Kubernetes: 1 s where nothing is said)."""
WELL = 0.4
NOTICES = 5.0
"""Seconds in which a service has to notice that something is gone, or back: pools try again after a moment."""
AFTER = 0.5
LOOK = 0.05


def why_not(_service: Service, known: Known) -> str:
    """Why nothing can be cut off, or ""."""
    if not known.dependencies:
        return known.why_alone or "its files name nothing that it depends on"
    return "" if known.target is None else _nothing_to_ask(known)


def _depends(service: Service, known: Known) -> bool:
    return bool(known.dependencies or known.why_alone) and (known.is_http or takes_requests(service, known))


def _nothing_to_ask(known: Known) -> str:
    if not known.is_http:
        return "it speaks no HTTP, so there is no path that tells how it is"
    if not known.liveness and not known.readiness:
        return "no path is known that tells how it is: none that is named like one was found, or none answered"
    return ""


async def perform(exercise: Exercise, known: Known) -> None:
    """Cut, slow and restore each dependency, one after the other."""
    if exercise.load is None or exercise.target is None or (why := _nothing_to_ask(known)):
        exercise.why_not = "nothing listens" if exercise.target is None else why
        return
    paths = {"liveness": known.liveness, "readiness": known.readiness}
    asking = Asking(exercise.load, exercise.target, paths, pace=PACE, limit=LIMIT)
    asking.start("well")
    await asyncio.sleep(WELL)
    for number, dependency in enumerate(exercise.around.found):
        if not exercise.is_over:
            await _try(exercise, asking, number, dependency.dependency.name)
    await asking.stop()
    exercise.asked += asking.asked
    if (gap := longest_gap(asking.asked)) > GAP:
        exercise.disturbed = exercise.disturbed or f"this machine was busy: for {gap:.2f} s nobody asked"
    await exercise.note_end()


async def _try(exercise: Exercise, asking: Asking, number: int, name: str) -> None:
    steps = (("cut", "cut", _is_no), ("restore", "restored", _is_yes), ("slow", "slow", _is_no))
    for word, situation, wanted in (*steps, ("restore", "restored", _is_yes)):
        if exercise.is_over:
            return
        told = asking.became(CHANGING, name)
        if not await exercise.around.tell(word, number):
            exercise.disturbed = "the stand-in for a dependency did not do as it was told"
            return
        exercise.events.append(Event(told, EventKind.DEPENDENCY, name, situation))
        begun = asking.became(situation, name)
        await _wait(exercise, partial(_told, asking, begun, wanted))
        await exercise.ends_within(AFTER)


async def _wait(exercise: Exercise, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + NOTICES
    while not condition() and not exercise.is_over and time.monotonic() < deadline:
        await asyncio.sleep(LOOK)


def _told(asking: Asking, begun: float, wanted: Callable[[Asked], bool]) -> bool:
    """Whether the readiness path has said what it should, of what was asked since; without one, whether liveness was
    asked for a while."""
    asked = [one for one in asking.asked if one.exchange.begun >= begun]
    deep = [one for one in asked if one.purpose == "readiness"]
    return any(wanted(one) for one in deep) if deep else len(asked) * PACE >= LIMIT


def _is_no(asked: Asked) -> bool:
    return asked.exchange.outcome in COMPLETE and (asked.exchange.status or 0) >= 400


def _is_yes(asked: Asked) -> bool:
    return asked.exchange.outcome in COMPLETE and (asked.exchange.status or 0) < 400


ACT = Act(perform, why_not, idles=True, wanted=_depends)
