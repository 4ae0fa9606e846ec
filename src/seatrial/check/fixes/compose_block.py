"""Puts keys into the block of a compose service, by looking at lines alone. Pure.

Only the plain shape is taken: `name:` on a line of its own (a comment may follow), keys below it, indented by spaces. A
flow mapping, an anchor on the service (others may merge it), an alias or a tab gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit, Sets
from seatrial.model.finding import Finding
from seatrial.model.place import Place

_KEY_LINE = re.compile(r"""( *)(?:[\w.-]+|"[\w.-]+"|'[\w.-]+')[ ]*:[ ]*(?:#.*)?\r?$""")
_NO_CONTENT = re.compile(r"[ \t]*(?:#.*)?\r?$")
_COMMENT = re.compile(r"( *)#")


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of a service: how deep its keys are, by how much each level is, and where another can be added."""

    indent: int
    step: int
    end: Place


def block(text: str, key: Place) -> Block | None:
    """The block below the key at this place; None where its shape isn't the plain one."""
    lines = text.split("\n")
    if not 0 < key.line <= len(lines):
        return None
    found = _KEY_LINE.match(lines[key.line - 1])
    if found is None or len(found.group(1)) != key.column - 1:
        return None
    outer, indent, last = key.column - 1, 0, 0
    for number in range(key.line, len(lines)):
        line = lines[number]
        if _NO_CONTENT.match(line):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth <= outer:
            break
        if line[depth] == "\t" or line[depth:].startswith("<<: {"):
            return None
        indent, last = indent or depth, number
    if not indent or (lines[last].lstrip(" ").startswith("- ") and indent == outer):
        return None
    last = _with_comments(lines, last, outer)
    end = Place(key.file, last + 1, len(lines[last].rstrip("\r")) + 1, last + 1, len(lines[last].rstrip("\r")) + 1)
    return Block(indent, indent - outer, end)


def _with_comments(lines: Sequence[str], last: int, outer: int) -> int:
    """The last line of the comments that follow at once and are as deep as the block."""
    while last + 1 < len(lines):
        comment = _COMMENT.match(lines[last + 1])
        if comment is None or len(comment.group(1)) <= outer:
            break
        last += 1
    return last


def with_key(
    context: Context, unit: Unit, finding: Finding, lines: Sequence[str], *, is_safe: bool = True
) -> Edit | None:
    """The edit that adds these lines, `key: value` or a key and its mapping (indented by tabs), to the service."""
    entry = unit.compose
    text = context.documents.texts.get(entry.file, "") if entry else ""
    found = block(text, entry.place) if entry and text else None
    if entry is None or found is None:
        return None
    key, _, value = lines[0].partition(":")
    stepped = [line.replace("\t", " " * found.step) for line in lines]
    new = "".join("\n" + " " * found.indent + line for line in stepped)
    written = value.strip() or "\n".join(stepped[1:])
    return Edit(
        found.end, new, finding.requirement, f"add {key}", Sets(("services", entry.name, key), written), is_safe
    )
