"""Fix for healthcheck-tool-present: the same question, asked by a program that the image has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import health, launch
from seatrial.check.fixes import health_commands
from seatrial.check.fixes.commands import exec_form
from seatrial.check.fixes.dockerfile_edits import Change, inside, instruction_over
from seatrial.check.fixes.interface import made, spanned, unit_of
from seatrial.check.fixes.yaml_edits import Spot, What, writing
from seatrial.check.interface import Context
from seatrial.model.documents import ShellCommand
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_NOTE = "ask by a program that the image has"
_PLAIN = re.compile(
    r"-[fsSLqIk]+|--(?:fail|silent|show-error|location|quiet|spider|no-verbose|head)|-nv|-q?O-|-O|-o|--output"
    r"|--(?:tries|timeout|max-time|connect-timeout|retry)=\d+|/dev/null|-"
)
_WITH_NUMBER = frozenset({"-m", "--max-time", "-T", "--timeout", "-t", "--tries", "--connect-timeout", "--retry"})


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Rewrite the command: unsafe, for the tools differ in what they follow and refuse."""
    unit = unit_of(context, finding)
    url = _asked(unit.health) if unit else ""
    command = health_commands.asking(launch.base_image(unit), url) if unit and url else ()
    if unit is None or not command:
        return
    instruction = instruction_over(unit, finding.place)
    if instruction is not None and instruction.keyword == "HEALTHCHECK":
        whole = spanned(context, instruction.place)
        word = re.search(r"(?<![\w=-])CMD\s+", whole, re.IGNORECASE)
        if word is not None and "#" not in whole[word.end() :]:
            changes = [Change(word.end(), len(whole.rstrip()), exec_form(command))]
            yield from made(inside(context, finding, instruction, changes, _NOTE, is_safe=False))
    elif unit.compose is not None and (place := health.place(unit)) is not None and place.file == unit.compose.file:
        spot = Spot(unit.compose.file, ("services", unit.compose.name, "healthcheck", "test"))
        yield from made(writing(context, finding, spot, exec_form(("CMD", *command)), What(_NOTE)))


def _asked(commands: tuple[ShellCommand, ...]) -> str:
    """The one address that curl or wget asks, where they are told nothing else that matters."""
    if not commands or any(each.words not in (("exit", "1"), ("false",)) for each in commands[1:]):
        return ""
    addresses = []
    skip = False
    for word in commands[0].words[1:]:
        if skip or _PLAIN.fullmatch(word):
            skip = False
        elif word in _WITH_NUMBER:
            skip = True
        else:
            addresses.append(word)
    is_plain = len(addresses) == 1 and health_commands.is_address(addresses[0])
    return addresses[0] if is_plain else ""
