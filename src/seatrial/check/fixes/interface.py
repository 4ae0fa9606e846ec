"""What a fix is: one file with a function from a finding to the edits that meet its requirement.

A fix module `check/fixes/<name>.py` defines `fix(context, finding)` and is named in `FIXES` of `seatrial.check.fixing`.
It gives nothing where it isn't sure: a mapping that it can't see the shape of, a line with shell syntax, a value that
only a person knows. It must never raise and never do I/O. Each edit says what changes in the parsed file (its promise),
and is not applied where anything else would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from seatrial.check.interface import Context
from seatrial.model.documents import Instruction, Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Place

USUAL_MEMORY = 512
"""MiB of a limit where nothing says what is needed: the same for a service in compose and in Kubernetes."""

Fix = Callable[[Context, Finding], Iterable[Edit]]


def unit_of(context: Context, finding: Finding) -> Unit | None:
    """The service that the finding speaks of; None where it speaks of a workload or a task, which may have the
    same name."""
    cluster = context.documents.cluster
    if cluster is not None and any(task.place.file == finding.place.file for task in cluster.tasks):
        return None
    if cluster is not None and any(
        finding.place.file in (each.place.file, *(one.place.file for one in each.pod.containers[:1]))
        for each in cluster.workloads
    ):
        return None
    return next((unit for unit in context.units if unit.service.name == finding.service), None)


def instruction_at(unit: Unit, place: Place | None, *keywords: str) -> Instruction | None:
    """The instruction of the service's image that has its arguments at this place."""
    for stage in unit.stages:
        for instruction in stage.instructions:
            if instruction.keyword in keywords and place is not None and instruction.arguments_place == place:
                return instruction
    return None


def spanned(context: Context, place: Place) -> str:
    """The text at this place, "" where it isn't known."""
    lines = context.documents.texts.get(place.file, "").split("\n")[place.line - 1 : place.end_line]
    if not lines or not place.end_line:
        return ""
    lines[-1] = lines[-1][: place.end_column - 1]
    lines[0] = lines[0][place.column - 1 :]
    return "\n".join(lines)


def point(place: Place, line: int, column: int) -> Place:
    """The empty span in front of this character."""
    return Place(place.file, line, column, line, column)


def made(edit: Edit | None) -> Iterator[Edit]:
    """The edit, if there is one."""
    if edit is not None:
        yield edit
