"""Fix for exec-form-command: a plain line of words as a JSON array."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.fixes.commands import exec_form, plain_words
from seatrial.check.fixes.interface import instruction_at, spanned, unit_of
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Becomes, Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Rewrite the arguments: safe, for no shell would have changed any of these words."""
    unit = unit_of(context, finding)
    instruction = instruction_at(unit, finding.place, "CMD", "ENTRYPOINT") if unit else None
    if unit is None or instruction is None or instruction.json or instruction.broken or instruction.heredocs:
        return
    words = plain_words(spanned(context, finding.place))
    if not words or not _is_alone(unit, instruction.keyword):
        return
    new = exec_form(words)
    promise = Becomes(instruction.place.line, f"{instruction.keyword} {new}")
    yield Edit(finding.place, new, finding.requirement, f"write {instruction.keyword} in exec form", promise)


def _is_alone(unit: Unit, keyword: str) -> bool:
    """Whether no ENTRYPOINT gets the words of this CMD, and no CMD becomes the arguments of this ENTRYPOINT."""
    entrypoint, command = unit.service.entrypoint, unit.service.command
    shell = unit.service.shell[0].rpartition("/")[2] if unit.service.shell else "sh"
    other = command if keyword == "ENTRYPOINT" else entrypoint
    return shell in launch.SHELLS and not (other and other.value)
