"""Dockerfile syntax into the neutral documents that rules see.

Adds what reading leaves open: which stage stands on which, and the simple commands of shell lines with exact places.
Pure; it must never raise.
"""

from __future__ import annotations

import re

from seatrial.files.dockerfile import Dockerfile, Heredoc, Instruction, Stage
from seatrial.files.dockerfile.expansion import ExpansionError, Options, expand
from seatrial.files.json_positions import Lines
from seatrial.files.shell_commands import shell_commands
from seatrial.model import documents
from seatrial.model.once import once
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

_SHELL_KEYWORDS = frozenset({"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"})
_REFERENCE = pattern(r"\$(?:\{(\w+)(:?-)?|(\w+))", re.ASCII)


def neutral(dockerfile: Dockerfile, context: documents.BuildContext) -> documents.Dockerfile:
    """The same file as rules see it."""
    lines = Lines(dockerfile.text, dockerfile.file)
    escape = dockerfile.directives.escape_character
    converted = {id(each): _instruction(each, lines) for each in dockerfile.instructions}
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


def _instruction(read: Instruction, lines: Lines) -> documents.Instruction:
    has_shell = read.keyword in _SHELL_KEYWORDS and not read.json
    return documents.Instruction(
        read.keyword,
        read.place,
        read.arguments,
        read.arguments_place,
        tuple([Sourced(word.text, word.place) for word in read.words]),
        read.json,
        {flag.name: Sourced(flag.value, flag.value_place or flag.place) for flag in reversed(read.flags)},
        tuple(
            [
                documents.Assignment(pair.name.text, pair.value.text if pair.value else None, pair.place)
                for pair in read.pairs
            ]
        ),
        tuple([Sourced(heredoc.content, heredoc.place) for heredoc in read.heredocs]),
        read.broken,
        once(lambda: _shell(read, lines)) if has_shell else tuple,
        tuple([flag.value for flag in read.flags if flag.name == "mount" and flag.value]),
    )


def _shell(read: Instruction, lines: Lines) -> tuple[documents.ShellCommand, ...]:
    found: tuple[documents.ShellCommand, ...] = ()
    if read.words:
        line = read.words[-1].text
        before = read.arguments_start + len(read.arguments) - len(line)
        found = shell_commands(line, lambda start, end: read.place_of(before + start, before + end))
    for heredoc in read.heredocs if read.keyword == "RUN" else ():
        found += _in_heredoc(heredoc, lines)
    return found


def _in_heredoc(heredoc: Heredoc, lines: Lines) -> tuple[documents.ShellCommand, ...]:
    before = lines.offset(heredoc.place.line, heredoc.place.column)
    return shell_commands(heredoc.content, lambda start, end: lines.place(before + start, before + end))
