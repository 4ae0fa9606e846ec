"""Fix for package-manager-as-pid1: the program that the script runs, where the script is that program and no more."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.fixes.commands import exec_form, plain_words
from seatrial.check.fixes.interface import instruction_at, unit_of
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Becomes, Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Place

_RUNTIMES = frozenset({"node", "nodejs", "python", "python3", "deno", "java", "ruby", "php"})
"""Programs of the image itself; others may be found only in node_modules/.bin, which npm puts into PATH."""


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Rewrite CMD: unsafe, for what npm puts into the environment is gone then."""
    unit = unit_of(context, finding)
    instruction = instruction_at(unit, finding.place, "CMD", "ENTRYPOINT") if unit else None
    if unit is None or instruction is None or instruction.broken or not _fits(unit, instruction.keyword):
        return
    argv = _resolved(unit)
    if argv and instruction.arguments_place is not None:
        new = exec_form(argv)
        promise = Becomes(instruction.place.line, f"{instruction.keyword} {new}")
        note = f"start {argv[0]} itself"
        yield Edit(instruction.arguments_place, new, finding.requirement, note, promise, is_safe=False)


def _fits(unit: Unit, keyword: str) -> bool:
    """Whether the instruction is the whole command, or stands behind an init."""
    entrypoint, command = unit.service.entrypoint, unit.service.command
    if keyword == "ENTRYPOINT":
        return not (command and command.value)
    words = entrypoint.value if entrypoint else ()
    return not words or words[0].rpartition("/")[2] in launch.INITS


def _resolved(unit: Unit) -> tuple[str, ...]:
    """What the script starts; empty where that isn't all that it does."""
    hops = unit.service.hops
    last = hops[-1] if hops else None
    behind = hops[-2] if len(hops) > 1 else None
    if last is None or last.before or last.after or not last.argv or last.argv[0] not in _RUNTIMES:
        return ()
    if behind is not None and behind.by.value.split(" ")[0] in ("npm", "yarn", "pnpm", "bun"):
        return ()  # a script that calls another one
    text = _script_text(unit, last.by.place)
    words = plain_words(text.removeprefix("exec "))
    return words if words == last.argv else ()


def _script_text(unit: Unit, place: Place | None) -> str:
    """The script as package.json has it, where package.json lies in the working directory."""
    for manifest in unit.manifests:
        for path, where in manifest.places.items():
            if where == place and path[:1] == ("scripts",) and manifest.file.rpartition("/")[2] == "package.json":
                said = manifest.text(*path)
                return said.value if said else ""
    return ""
