"""Fix for memory-limit: a limit that holds the heap where one is given, else a usual one that is to be measured."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, manifests
from seatrial.check.fixes.compose_block import with_limit
from seatrial.check.fixes.interface import USUAL_MEMORY, made, unit_of
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.check.rules import memory_limit
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Sourced

_MEBI = 1024 * 1024
_STEP = 64
TODO = "memory-limit: measure what it needs; `seatrial drill` proposes a limit"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: unsafe, for too little is worse than no limit."""
    unit = unit_of(context, finding)
    if unit is None or unit.compose is None:
        if unit is None and context.documents.cluster is not None:
            from seatrial.check.fixes.kubernetes import memory

            yield from memory(context, finding)
        return
    limits = unit.service.limits
    if limits.memory is not None or limits.memory_swap is not None:
        return
    heap, elsewhere = _heap(unit), manifests.memory_of(context.documents, unit)
    size = max(elsewhere // _MEBI, 64) if elsewhere else USUAL_MEMORY
    size = -(-heap * 4 // 3 // (_STEP * _MEBI)) * _STEP if heap else size
    if limits.memory_reservation is not None:
        size = max(size, 2 * limits.memory_reservation.value // _MEBI)  # Docker refuses a limit below it
    what = What("add a memory limit", todo=TODO)
    yield from made(with_limit(context, unit, finding, ("mem_limit", "memory", f"{size}m"), what))


def _heap(unit: Unit) -> int:
    """The largest heap that somebody gives to the program, in bytes."""
    said = [value for name, value in unit.service.environment.items() if name in memory_limit.VARIABLES]
    said += [Sourced(" ".join(link.argv), link.place) for link in launch.chain(unit)]
    return max((heap for each in said for heap, _ in memory_limit.heaps_in(each)), default=0)
