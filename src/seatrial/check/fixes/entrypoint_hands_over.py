"""Fix for entrypoint-hands-over: `exec` in front of the last command of a script."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check.fixes.interface import point, unit_of
from seatrial.check.interface import Context
from seatrial.check.rules.entrypoint_hands_over import ASSIGNED
from seatrial.model.documents import Script, ShellCommand
from seatrial.model.edit import Edit, Execs
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern

_SYNTAX = pattern(r"[;&|(){}`<]|\$\(|(?<!\S)#")
"""What may make the rest of the line more than one simple command (a comment may hide any of it)."""


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Put it there: safe, for nothing comes after the command."""
    unit = unit_of(context, finding)
    script = unit.entrypoint_script if unit else None
    if script is None or script.file != finding.place.file or not script.commands:
        return
    if unit and unit.dockerfile and script.file == unit.dockerfile.file:
        return  # written by a heredoc: another file when it is read again
    last = script.commands[-1]
    if last.place == finding.place and not last.execs and not script.has_carriage_returns and _is_the_end(script, last):
        place = last.place
        promise = Execs(place.line, place.column)
        note = f"hand over to {last.words[0]} by exec"
        yield Edit(point(place, place.line, place.column), "exec ", finding.requirement, note, promise)


def _is_the_end(script: Script, last: ShellCommand) -> bool:
    """Whether the command stands in no function, condition or loop, and the script ends with it."""
    lines = script.text.split("\n")
    before, line = lines[last.place.line - 1][: last.place.column - 1], lines[last.place.line - 1 :]
    if before and not (before.endswith("&& ") and not before[0].isspace() and "||" not in before):
        return False
    if ASSIGNED.match(line[0], last.place.column - 1):
        return False
    if last.program == "eval" or re.search(rf"(?m)^\s*(?:function\s+)?{re.escape(last.words[0])}\s*\(", script.text):
        return False
    rest = "\n".join(line)[last.place.column - 1 :].rstrip()
    is_one = all(part.endswith("\\") for part in rest.split("\n")[:-1])
    return is_one and not _SYNTAX.search(re.sub(r"\$\{[^{}`()]*\}", "", rest)) and not _is_open(lines[: -len(line)])


def _is_open(lines: list[str]) -> bool:
    """Whether an if, a loop, a function or a continued line of the lines above goes on."""
    depth = 0
    for line in lines:
        words = re.findall(r"(?:^|[;\s)])(if|fi|do|done|case|esac|\{|\})(?=$|[;\s])", line.partition("#")[0])
        depth += sum(1 if word in ("if", "do", "case", "{") else -1 for word in words)
    above = next((line for line in reversed(lines) if line.strip()), "")
    return depth != 0 or above.endswith(("\\", "&&", "||", "|"))
