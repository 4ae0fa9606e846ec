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
from seatrial.model.kubernetes import Cluster
from seatrial.model.place import Place
from seatrial.model.remembered import remembered

USUAL_MEMORY = 512
"""MiB of a limit where nothing says what is needed: the same for a service in compose and in Kubernetes."""

Fix = Callable[[Context, Finding], Iterable[Edit]]


def unit_of(context: Context, finding: Finding) -> Unit | None:
    """The service that the finding speaks of; None where it speaks of a workload or a task, which may have the
    same name."""
    if context.documents.cluster is not None and finding.place.file in _files(context.documents.cluster):
        return None
    return _by_name(context.units).get(finding.service)


@remembered
def _files(cluster: Cluster) -> frozenset[str]:
    """The files that the cluster's workloads and tasks stand in."""
    workloads = {each.place.file for each in cluster.workloads}
    containers = {one.place.file for each in cluster.workloads for one in each.pod.containers[:1]}
    return frozenset({task.place.file for task in cluster.tasks} | workloads | containers)


@remembered
def _by_name(units: tuple[Unit, ...]) -> dict[str, Unit]:
    return {unit.service.name: unit for unit in reversed(units)}


def instruction_at(unit: Unit, place: Place | None, *keywords: str) -> Instruction | None:
    """The instruction of the service's image that has its arguments at this place."""
    for stage in unit.stages:
        for instruction in stage.instructions:
            if instruction.keyword in keywords and place is not None and instruction.arguments_place == place:
                return instruction
    return None


def lines_of(context: Context, file: str) -> list[str]:
    """The file's lines, not to be changed; one empty line where it isn't known."""
    return _lines(context.documents.texts.get(file, ""))


@remembered
def _lines(text: str) -> list[str]:
    return text.split("\n")


def spanned(context: Context, place: Place) -> str:
    """The text at this place, "" where it isn't known."""
    lines = lines_of(context, place.file)[place.line - 1 : place.end_line]
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
