"""Commands of RUN as they are written: where one stands in its instruction, and where the instruction ends. Pure.

Gives nothing where a command isn't written word for word (variables, quotes, a line that goes on in between).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.check.fixes.dockerfile_edits import Change, instruction_over, offset_in
from seatrial.check.fixes.interface import spanned
from seatrial.check.interface import Context
from seatrial.model.documents import Instruction, ShellCommand, Unit
from seatrial.model.place import Place
from seatrial.model.remembered import remembered


def run_over(unit: Unit, place: Place) -> Instruction | None:
    """The RUN in shell form, without heredocs, that this place lies in."""
    found = instruction_over(unit, place)
    if found is None or found.keyword != "RUN" or found.json or found.broken or found.heredocs:
        return None
    return found


def command_at(instruction: Instruction, place: Place) -> ShellCommand | None:
    """The command that begins at this place."""
    return _commands_by_place(instruction).get(place)


@remembered
def _commands_by_place(instruction: Instruction) -> Mapping[Place, ShellCommand]:
    return {each.place: each for each in reversed(instruction.shell)}


def behind_word(
    context: Context, instruction: Instruction, command: ShellCommand, word: str, text: str
) -> Change | None:
    """The change that puts text behind a word of the command, up to which all words are written as they are."""
    whole = spanned(context, instruction.place)
    start = offset_in(whole, instruction.place, command.place)
    upto = command.words[: command.words.index(word) + 1] if word in command.words else ()
    # between the words may be the end of a line that goes on
    written = re.compile(r"(?:[ \t]|\\\r?\n)+".join(map(re.escape, upto)) + r"(?=[\s;&|)]|$)")
    found = written.match(whole, start) if upto else None
    return Change(found.end(), found.end(), text) if found else None


def whole_command(context: Context, instruction: Instruction, command: ShellCommand) -> tuple[int, int] | None:
    """Where the command begins and ends, if each of its words is written as it is with a space between."""
    whole = spanned(context, instruction.place)
    start = offset_in(whole, instruction.place, command.place)
    text = " ".join(command.words)
    end = start + len(text)
    return (start, end) if whole[start:end] == text and re.match(r"[\s;&|)\\]|$", whole[end:]) else None


def at_the_end(context: Context, instruction: Instruction, command: str) -> Change | None:
    """The change that appends `&& command`, in the way in which the instruction's lines are broken."""
    whole = spanned(context, instruction.place)
    end = len(whole.rstrip())
    last = whole[:end].rpartition("\n")[2]
    if "#" in last or last.endswith(("\\", "`", ";", "&", "|", "(", "{")) or "<<" in whole:
        return None
    line = re.search(r"\\\r?\n([ \t]*)(&&[ \t]*)?[^\n]*$", whole[:end])
    if line is None:
        return Change(end, end, f" && {command}")
    return Change(end, end, f" \\\n{line.group(1) or '    '}&& {command}")
