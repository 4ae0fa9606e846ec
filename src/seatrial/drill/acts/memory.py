"""Memory: the service again, under the load by which its peak was measured, at the memory limit that the peak proposes;
and once more at the next larger one, where it fell there.

The limit is the kernel's or it is none: where no controller enforces it, nothing is run that would look like a proof.
Swap is as little as the limit, so that memory which is short is seen.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from seatrial.drill.acts import load
from seatrial.drill.acts.interface import Act, Known
from seatrial.drill.acts.misfits import bound
from seatrial.drill.acts.usage import charged
from seatrial.drill.exercise import Exercise
from seatrial.drill.options import Stage
from seatrial.model.memory import growth, mib, peak, proposed_memory, tried
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Service

_KERNELS = ("cgroup", "systemd")


def _why_not(_service: Service, known: Known) -> str:
    """Why no limit can be proposed, or ""."""
    run = known.runs.get(Scenario.LOAD)
    if run is None:
        return "the load drill was not run"
    if run.exit is not None and run.exit.oom_kills:
        return "it was killed for memory before: its peak is not known"
    if grew := growth(run.usage):
        return f"{grew}: its peak is not known"
    return "" if peak(run) else "the memory in use could not be read"


def _why_not_more(_service: Service, known: Known) -> str:
    """Why the next larger limit is not tried, or ""."""
    run = known.runs.get(Scenario.MEMORY)
    if run is None:
        return "the memory drill was not run"
    found = tried(run, known.runs.get(Scenario.LOAD))
    if found.lived is None:
        return f"at {mib(found.limit)} nothing was proved"
    return f"{mib(found.limit)} was enough" if found.lived else ""


def _at_proposed(service: Service, known: Known) -> Service:
    return limited(service, proposed_memory(peak(known.runs[Scenario.LOAD])))


def _at_next(service: Service, known: Known) -> Service:
    return limited(service, proposed_memory(known.runs[Scenario.MEMORY].memory))


def limited(service: Service, limit: int) -> Service:
    """The service with this memory limit, and no swap beyond it."""
    said, reserved = Sourced(limit), service.limits.memory_reservation
    kept = reserved if reserved is not None and reserved.value <= limit else None
    return replace(service, limits=replace(service.limits, memory=said, memory_swap=said, memory_reservation=kept))


async def perform(exercise: Exercise, known: Known) -> None:
    """Have it answer what it answered when its peak was measured, and look at what it was charged."""
    instance = exercise.instance
    assert instance is not None
    means = next((line.partition(": ")[2] for line in instance.enforcement if line.startswith("memory ")), "")
    if not means.startswith(_KERNELS):
        exercise.why_not = f"a memory limit is not enforced by the kernel here ({means or 'nothing was said'})"
        return
    await load.ask(exercise, known)
    exercise.charged = await asyncio.to_thread(charged, instance.processes())
    await exercise.kill(Stage.ENOUGH)
    await exercise.note_end()


MEMORY = Act(perform, _why_not, _at_proposed, limit=bound, then=(Scenario.MORE_MEMORY,))
MORE_MEMORY = Act(perform, _why_not_more, _at_next, limit=bound)
