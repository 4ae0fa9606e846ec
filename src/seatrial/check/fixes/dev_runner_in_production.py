"""Fix for dev-runner-in-production: --reload and --watch are taken out of the Dockerfile's command."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check.fixes.dockerfile_edits import Change, inside
from seatrial.check.fixes.interface import instruction_at, made, spanned, unit_of
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_OPTIONS = r"--reload|--watch|--hot"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Take the option out: unsafe, for a compose file may count on it. What to run in the place of a server for
    development is the project's choice."""
    unit = unit_of(context, finding)
    instruction = instruction_at(unit, finding.place, "CMD", "ENTRYPOINT") if unit else None
    if instruction is None or instruction.broken or instruction.heredocs or finding.related:
        return
    whole = spanned(context, instruction.place)
    pattern = rf',\s*"(?:{_OPTIONS})"' if instruction.json else rf"[ \t]+(?:{_OPTIONS})(?=\s|$)"
    found = list(re.finditer(pattern, whole))
    if len(found) == 1:
        option = re.sub(r"[^\w-]", "", found[0].group())
        changes = [Change(found[0].start(), found[0].end(), "")]
        yield from made(inside(context, finding, instruction, changes, f"take {option} out", is_safe=False))
