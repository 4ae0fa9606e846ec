"""Dockerfile syntax into the neutral documents that rules see.

Adds what reading leaves open: which stage stands on which, and the simple commands of shell lines with exact places.
Pure; it must never raise.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from seatrial.files.dockerfile import Dockerfile, Instruction, Stage
from seatrial.files.dockerfile.expansion import ExpansionError, Options, expand
from seatrial.files.json_positions import Lines
from seatrial.files.shell_commands import shell_commands
from seatrial.model import documents
from seatrial.model.once import once
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced

_SHELL_KEYWORDS = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"})
_REFERENCE = pattern(r"\$(?:\{(\w+)(:?-)?|(\w+))", re.ASCII)
_GAPS = {
    escape: pattern(rf"{re.escape(escape)}(?<!{re.escape(escape * 2)})[ \t]*\r*\n(?:[ \t]*(?:#[^\n]*)?\r*\n)*")
    for escape in "\\`"
}
"""A continuation, and the comments and empty lines after it: what reading takes out of an instruction."""


def neutral(dockerfile: Dockerfile, context: documents.BuildContext) -> documents.Dockerfile:
    """The same file as rules see it."""
    lines = Lines(dockerfile.text, dockerfile.file)
    escape = dockerfile.directives.escape_character
    converted = {id(each): _instruction(each, lines, escape) for each in dockerfile.instructions}
    names: dict[str, int] = {}
    values = _argument_defaults(dockerfile, escape)
    stages = []
    for stage in dockerfile.stages:
        stages.append(_stage(stage, converted, names, _expanded(stage.base.text, values, escape)))
        if stage.name:
            names[stage.name] = stage.index
    return documents.Dockerfile(dockerfile.file, dockerfile.text, tuple(converted.values()), tuple(stages), context)


def _argument_defaults(dockerfile: Dockerfile, escape: str) -> dict[str, str]:
    """The ARGs before the first FROM that have a default that can be known."""
    values: dict[str, str] = {}
    for pair in (pair for instruction in dockerfile.global_arguments for pair in instruction.pairs):
        value = _expanded(pair.value.text, values, escape) if pair.value else ""
        if value:
            values[pair.name.text] = value
    return values


def _expanded(text: str, values: dict[str, str], escape: str) -> str:
    """The text with the variables filled in, "" where one isn't known."""
    for braced, default, plain in _REFERENCE.findall(text):
        if (braced or plain) not in values and not default:
            return ""
    try:
        return expand(text, values, Options(escape=escape))
    except ExpansionError:
        return ""


def _stage(
    stage: Stage, converted: dict[int, documents.Instruction], names: dict[str, int], image: str
) -> documents.Stage:
    parent = names.get(image.lower() or stage.base.text.lower())
    return documents.Stage(
        stage.index,
        stage.name,
        Sourced(stage.base.text, stage.base.place),
        converted[id(stage.origin)],
        tuple(converted[id(each)] for each in stage.instructions),
        parent,
        image if parent is None else "",
    )


def _instruction(read: Instruction, lines: Lines, escape: str) -> documents.Instruction:
    has_shell = read.keyword in _SHELL_KEYWORDS and not read.json
    return documents.Instruction(
        read.keyword,
        read.place,
        read.arguments,
        read.arguments_place,
        tuple(Sourced(word.text, word.place) for word in read.words),
        read.json,
        {flag.name: Sourced(flag.value, flag.value_place or flag.place) for flag in reversed(read.flags)},
        tuple(
            documents.Assignment(pair.name.text, pair.value.text if pair.value else None, pair.place)
            for pair in read.pairs
        ),
        tuple(Sourced(heredoc.content, heredoc.place) for heredoc in read.heredocs),
        read.broken,
        once(lambda: _shell(read, lines, escape)) if has_shell else tuple,
        tuple(flag.value for flag in read.flags if flag.name == "mount" and flag.value),
    )


def _shell(read: Instruction, lines: Lines, escape: str) -> tuple[documents.ShellCommand, ...]:
    found: tuple[documents.ShellCommand, ...] = ()
    word = read.words[-1] if read.words else None
    if word is not None and read.arguments_place is not None:
        found = shell_commands(word.text, Aligned(word.text, word.place, lines, escape))
    for heredoc in read.heredocs if read.keyword == "RUN" else ():
        found += shell_commands(heredoc.content, Aligned(heredoc.content, heredoc.place, lines, ""))
    return found


class Aligned:
    """Turns spans of an instruction's joined text into places of the file, by walking over what was taken out."""

    def __init__(self, text: str, place: Place, lines: Lines, escape: str) -> None:
        self._place = place
        self._lines = lines
        self._logical = [0]
        self._physical = [lines.offset(place.line, place.column)]
        if escape:
            self._walk(lines.offset(place.end_line, place.end_column), len(text), _GAPS[escape])

    def _walk(self, stop: int, length: int, gaps: re.Pattern[str]) -> None:
        at, logical = self._physical[0], 0
        for gap in gaps.finditer(self._lines.text, at, stop):
            logical += gap.start() - at
            at = gap.end()
            self._logical.append(logical)
            self._physical.append(at)
        if logical + stop - at != length:
            # Something was taken out that isn't known here: the start is still right.
            self._logical, self._physical = [], []

    def __call__(self, start: int, end: int) -> Place:
        if not self._logical:
            return self._place
        return self._lines.place(self._offset(start), self._offset(end - 1) + 1 if end > start else None)

    def _offset(self, position: int) -> int:
        piece = max(bisect_right(self._logical, position) - 1, 0)
        return self._physical[piece] + position - self._logical[piece]
