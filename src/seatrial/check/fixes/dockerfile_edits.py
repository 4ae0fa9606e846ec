"""Edits of Dockerfiles: words inside of an instruction, or instructions in front of another one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seatrial.check.fixes.interface import lines_of, point, spanned
from seatrial.check.interface import Context
from seatrial.model.documents import Dockerfile, Instruction, Unit
from seatrial.model.edit import Edit, Precedes, Splices
from seatrial.model.finding import Finding
from seatrial.model.place import Place
from seatrial.model.remembered import remembered
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """What stands from `start` to `end` of an instruction's text becomes `text`."""

    start: int
    end: int
    text: str


def inside(
    context: Context, finding: Finding, instruction: Instruction, changes: Sequence[Change], note: str, *, is_safe: bool
) -> Edit | None:
    """The edit that makes these changes in one instruction: all of them or none."""
    whole = spanned(context, instruction.place)
    if not whole or not changes:
        return None
    spans = [(_between(instruction.place, whole, each.start, each.end), each.text) for each in changes]
    promises = [Splices(instruction.place.line, each.start, each.end, each.text) for each in changes]
    return Edit(
        spans[0][0],
        spans[0][1],
        finding.requirement,
        note,
        promises[0],
        is_safe,
        tuple(spans[1:]),
        tuple(promises[1:]),
    )


def offset_in(whole: str, place: Place, inner: Place) -> int:
    """How far into the text of `place` the inner one begins."""
    if inner.line == place.line:
        return inner.column - place.column
    lines = whole.split("\n")[: inner.line - place.line]
    return sum(len(line) + 1 for line in lines) + inner.column - 1


def replacing(
    context: Context, finding: Finding, instruction: Instruction, place: Place | None, text: str, what: tuple[str, bool]
) -> Edit | None:
    """The edit that replaces this place, which lies inside of the instruction. `what` is the note and `is_safe`."""
    whole = spanned(context, instruction.place)
    if place is None or not whole or not place.end_line or place.file != instruction.place.file:
        return None
    start, end = offset_in(whole, instruction.place, place), offset_in(whole, instruction.place, _end(place))
    if not 0 < start <= end <= len(whole):
        return None
    return inside(context, finding, instruction, [Change(start, end, text)], what[0], is_safe=what[1])


def preceding(
    context: Context, finding: Finding, instruction: Instruction, lines: Iterable[str], note: str, *, is_safe: bool
) -> Edit | None:
    """The edit that puts lines (instructions, and comments above them) in front of an instruction, and of the comments
    that belong to it."""
    text = lines_of(context, instruction.place.file)
    at = instruction.place.line
    start = at
    while start > 1 and text[start - 2].lstrip().startswith("#"):
        start -= 1
    is_start = start > 1 and not text[start - 2].rstrip().endswith(("\\", "`"))
    if at > len(text) or instruction.place.column != 1 or not is_start:
        return None
    written = "".join(line + "\n" for line in lines)
    place = point(instruction.place, start, 1)
    return Edit(place, written, finding.requirement, note, Precedes(at, written.rstrip("\n")), is_safe)


def own(unit: Unit) -> tuple[Instruction, ...]:
    """The instructions of the service's own stage."""
    return unit.stages[0].instructions if unit.stages else ()


def before_command(
    context: Context, unit: Unit, finding: Finding, lines: Iterable[str], note: str, *, is_safe: bool
) -> Edit | None:
    """The edit that puts lines in front of the stage's last ENTRYPOINT and CMD, where nothing is built behind them."""
    starts = [number for number, each in enumerate(own(unit)) if each.keyword in ("CMD", "ENTRYPOINT")]
    if not starts:
        return None
    at = starts[-1]
    while at - 1 in starts:
        at -= 1
    if any(each.keyword in ("RUN", "COPY", "ADD", "USER") for each in own(unit)[at:]):
        return None
    return preceding(context, finding, own(unit)[at], lines, note, is_safe=is_safe)


def instruction_over(unit: Unit, place: Place | None) -> Instruction | None:
    """The instruction of the service's Dockerfile that this place lies in."""
    if unit.dockerfile is None or place is None:
        return None
    return next((each for each in _on_lines(unit.dockerfile).get(place.line, ()) if _holds(each.place, place)), None)


@remembered
def _on_lines(dockerfile: Dockerfile) -> dict[int, list[Instruction]]:
    """The instructions by each of the lines that they stand on."""
    found: dict[int, list[Instruction]] = {}
    for stage in dockerfile.stages:
        for each in (stage.origin, *stage.instructions):
            for line in range(each.place.line, each.place.end_line + 1):
                found.setdefault(line, []).append(each)
    return found


def _holds(outer: Place, inner: Place) -> bool:
    starts = (outer.line, outer.column) <= (inner.line, inner.column)
    ends = (inner.line, inner.column) <= (outer.end_line, outer.end_column)
    return outer.file == inner.file and starts and ends


def _end(place: Place) -> Place:
    return Place(place.file, place.end_line, place.end_column)


def _between(place: Place, whole: str, start: int, end: int) -> Place:
    return Place(place.file, *_position(place, whole[:start]), *_position(place, whole[:end]))


def _position(place: Place, before: str) -> tuple[int, int]:
    line, column = place.line + before.count("\n"), len(before.rpartition("\n")[2]) + 1
    return line, column + (place.column - 1 if line == place.line else 0)
