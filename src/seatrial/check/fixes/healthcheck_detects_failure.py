"""Fix for healthcheck-detects-failure: `-f` for curl."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check.fixes.interface import point, spanned, unit_of
from seatrial.check.interface import Context
from seatrial.model.documents import Instruction, Unit
from seatrial.model.edit import Becomes, Edit, InsertsItem, Promise, Substitutes
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

_NOTE = "let curl fail on an error status"
_ITEM = pattern(r"""(["'])(?:/usr/bin/)?curl\1(?=\s*,)""")
_BLOCK_ITEM = pattern(r"""^([ ]*)- +(["']?)((?:/usr/bin/)?curl)\2[ ]*(?:#[^\r\n]*)?(?=\r?$)""", re.MULTILINE)
_WORD = pattern(r"(?<![\w/.-])(?:/usr/bin/)?curl(?= )")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Put it behind curl's name, wherever that is written: safe."""
    unit = unit_of(context, finding)
    if unit is None or "curl without -f" not in finding.message:
        return
    for instruction in (each for stage in unit.stages for each in stage.instructions if each.keyword == "HEALTHCHECK"):
        if _holds(instruction.place, finding.place):
            yield from _in_dockerfile(context, finding, instruction)
            return
    if unit.compose is not None:
        yield from _in_compose(context, finding, unit)


def _holds(outer: Place, inner: Place) -> bool:
    starts = (outer.line, outer.column) <= (inner.line, inner.column)
    return (
        outer.file == inner.file
        and starts
        and (inner.end_line, inner.end_column)
        <= (
            outer.end_line,
            outer.end_column,
        )
    )


def _in_dockerfile(context: Context, finding: Finding, instruction: Instruction) -> Iterator[Edit]:
    whole, place = spanned(context, instruction.place), finding.place
    start = _offset(instruction.place, place, whole)
    text = spanned(context, place)
    if instruction.json:
        items = list(_ITEM.finditer(text))
        if len(items) != 1:
            return
        at, new = start + items[0].end(), ', "-f"'
    elif _WORD.fullmatch(text + " ", 0, len(text) + 1) or text.rpartition("/")[2] == "curl":
        at, new = start + len(text), " -f"
    else:
        return
    promise = Becomes(instruction.place.line, whole[:at] + new + whole[at:])
    yield Edit(_point(instruction.place, whole, at), new, finding.requirement, _NOTE, promise)


def _in_compose(context: Context, finding: Finding, unit: Unit) -> Iterator[Edit]:
    entry, place = unit.compose, finding.place
    if entry is None:
        return
    text = spanned(context, place)
    path = ("services", entry.name, "healthcheck", "test")
    items, block = list(_ITEM.finditer(text)), list(_BLOCK_ITEM.finditer(_whole_lines(context, place)))
    words = list(_WORD.finditer(text))
    edit: tuple[int, str, Promise]
    if text.startswith("[") and len(items) == 1:
        quote = items[0].group(1)
        edit = (items[0].end(), f", {quote}-f{quote}", InsertsItem(path, items[0].group()[1:-1], '"-f"'))
    elif text.startswith("-") and len(block) == 1:
        found = block[0]
        item = f'\n{found.group(1)}- "-f"'
        first = len(_whole_lines(context, place)) - len(_whole_lines(context, place).lstrip(" "))
        edit = (found.end() - first, item, InsertsItem(path, found.group(3), '"-f"'))
    elif len(words) == 1:
        word = words[0].group()
        edit = (words[0].end(), " -f", Substitutes(path, word + " ", word + " -f "))
    else:
        return
    at, new, promise = edit
    yield Edit(_point(place, text, at), new, finding.requirement, _NOTE, promise)


def _whole_lines(context: Context, place: Place) -> str:
    lines = context.documents.texts.get(place.file, "").split("\n")
    return "\n".join(lines[place.line - 1 : place.end_line])


def _offset(outer: Place, inner: Place, text: str) -> int:
    """Where `inner` starts in the text that `outer` spans."""
    lines = text.split("\n")[: inner.line - outer.line]
    before = sum(len(line) + 1 for line in lines)
    return before + inner.column - (outer.column if inner.line == outer.line else 1)


def _point(place: Place, text: str, at: int) -> Place:
    """The empty span at this offset of the text that `place` spans."""
    line = place.line + text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1) + (place.column if line == place.line else 1)
    return point(place, line, column)
