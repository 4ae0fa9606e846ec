"""Fix for node-env-production: an ENV right in front of the command, where no RUN sees it any more."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.interface import instruction_at, point, unit_of
from seatrial.check.interface import Context
from seatrial.model.edit import Edit, Precedes
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the instruction: safe for Python's buffer, unsafe for NODE_ENV, which programs choose their behaviour by."""
    unit = unit_of(context, finding)
    instruction = instruction_at(unit, finding.place, "CMD", "ENTRYPOINT") if unit else None
    if unit is None or instruction is None or not unit.stages or instruction not in unit.stages[0].instructions:
        return
    is_python = "PYTHONUNBUFFERED" in finding.message
    written = "ENV PYTHONUNBUFFERED=1" if is_python else "ENV NODE_ENV=production"
    at = instruction.place.line
    lines = context.documents.texts.get(finding.place.file, "").split("\n")
    start = at
    while start > 1 and lines[start - 2].lstrip().startswith("#"):
        start -= 1  # a comment belongs to the command below it
    if at > len(lines) or instruction.place.column != 1 or not _ends_before(lines, start):
        return
    promise = Precedes(at, written)
    yield Edit(
        point(finding.place, start, 1), written + "\n", finding.requirement, f"add {written}", promise, is_python
    )


def _ends_before(lines: list[str], start: int) -> bool:
    """Whether the line above is the end of an instruction."""
    return start > 1 and not lines[start - 2].rstrip().endswith(("\\", "`"))
