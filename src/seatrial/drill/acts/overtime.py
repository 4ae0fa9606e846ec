"""Overtime: a request that never ends is in flight at the stop signal. How long does the program wait for it?

Its own limit, if it has one, shows itself so, and nothing else is connected that could hold it up.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.drill.acts.interface import Act, Known, takes_requests
from seatrial.drill.exercise import Exercise
from seatrial.drill.scenarios import Recipe
from seatrial.model.service import Service

RECIPE = Recipe(idle=0, unfinished=2, streams=1, lead=0.1)
LONGEST = 30.0
"""Seconds for which it is waited at most, however long the grace period is."""
NOTHING = "it speaks no HTTP, so no request of it can be kept open"


def why_not(_service: Service, known: Known) -> str:
    """Why no request can be kept open, or ""."""
    return NOTHING if known.target is not None and not known.is_http else ""


async def perform(exercise: Exercise, known: Known) -> None:
    """Stop it with a request that never ends."""
    target = exercise.target
    if target is None or known.target is None or not known.is_http:
        exercise.why_not = NOTHING
        return
    exercise.options = replace(exercise.options, grace=min(exercise.grace, LONGEST))
    same = replace(known.target, family=target.family, address=target.address, port=target.port)
    await exercise.stop(same, RECIPE)


ACT = Act(perform, why_not, idles=True, wanted=takes_requests)
