"""Edits of YAML: sets a value, or adds a key with all that belongs to it, in the style of what is around it. Pure.

A `Spot` is a mapping of a file that a fix wants to change. In block style a key gets a line of its own behind the
last one of its mapping, with that mapping's indentation; in flow style it stands before the closing brace. Gives
nothing for JSON, for what an anchor shares with another place, and where the text isn't what it seems.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache

from seatrial.check.fixes import yaml_nodes
from seatrial.check.fixes.yaml_nodes import MAPPING, SCALAR, Node
from seatrial.check.interface import Context
from seatrial.model.edit import Edit, Path, Renames, Sets
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass, replace

Value = str | Sequence[str] | Mapping[str, "Value"]
"""A scalar as YAML writes it, a list of such, or a mapping."""

TODO = "# TODO(seatrial):"
_COMMENT = pattern(r"( *)#")
_ONLY_COMMENT = pattern(r"[ \t]*(?:#[^\n]*)?\r?$")


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of a YAML file."""

    file: str
    path: Path
    document: int = 0

    def below(self, *path: str | int) -> Spot:
        """A node inside of it."""
        return Spot(self.file, (*self.path, *path), self.document)

    def above(self, count: int = 1) -> Spot:
        """The node that it is in."""
        return Spot(self.file, self.path[:-count], self.document)


@dataclass(frozen=True, slots=True)
class What:
    """What an edit does, in words; `todo` is what is left to a person, and becomes a comment over what is added."""

    note: str
    is_safe: bool = False
    todo: str = ""


def spot_at(context: Context, place: Place | None) -> Spot | None:
    """The scalar that begins at this place."""
    text = _text(context, place.file) if place else ""
    if place is None or not text:
        return None
    offset = _offset(text, place)
    found = yaml_nodes.path_to(text, offset) if offset is not None else None
    return Spot(place.file, found[1], found[0]) if found else None


def node(context: Context, spot: Spot) -> Node | None:
    """What stands there; None where nothing does, or another place shares it."""
    found = yaml_nodes.way(_text(context, spot.file), spot.document, spot.path)
    return found[-1] if found else None


def setting(context: Context, finding: Finding, spot: Spot, value: str, what: What) -> Edit | None:
    """The edit that puts another scalar in the place of the one at `spot`."""
    text = _text(context, spot.file)
    found = node(context, spot)
    if not found or found.kind != SCALAR or found.has_properties or found.start == found.end:
        return None
    place = _place(text, spot.file, found.start, found.end)
    return Edit(
        place, value, finding.requirement, what.note, Sets(spot.path, value, spot.document), is_safe=what.is_safe
    )


def writing(context: Context, finding: Finding, spot: Spot, value: str, what: What) -> Edit | None:
    """The edit that puts a value on one line in the place of whatever stands at `spot`."""
    text = _text(context, spot.file)
    found = node(context, spot)
    if not found or found.has_properties or "#" in text[found.start : found.end] or found.start == found.end:
        return None
    if found.kind == SCALAR and not found.is_plain and text[found.start] in "|>":
        return None
    place = _place(text, spot.file, found.start, found.end)
    promise = Sets(spot.path, value, spot.document)
    return Edit(place, value, finding.requirement, what.note, promise, is_safe=what.is_safe)


def renaming(context: Context, finding: Finding, spot: Spot, name: str, what: What) -> Edit | None:
    """The edit that gives the key at `spot` another name."""
    owner = node(context, spot.above())
    entry = owner.entry(spot.path[-1]) if owner else None
    if entry is None or owner is None or owner.kind != MAPPING or owner.entry(name):
        return None
    place = _place(_text(context, spot.file), spot.file, entry[0].start, entry[0].end)
    promise = Renames(spot.path, name, spot.document)
    return Edit(place, name, finding.requirement, what.note, promise, is_safe=what.is_safe)


def adding(
    context: Context, finding: Finding, spot: Spot, path: Sequence[str], value: Value, what: What
) -> Edit | None:
    """The edit after which `path` below the mapping at `spot` is `value`: what is missing of the path is added, a
    scalar that is there is replaced."""
    keys, at = list(path), spot
    while True:
        found = node(context, at)
        if found is None:
            return None
        below = found.entry(keys[0]) if found.kind == MAPPING else None
        if below is None or below[1].is_null or (not found.is_flow and _is_empty(below[1])):
            break
        at = at.below(keys.pop(0))
        if not keys:
            return setting(context, finding, at, value, what) if isinstance(value, str) else None
    if found.kind != MAPPING or found.has_properties or at.file.endswith(".json"):
        return None
    for key in reversed(keys[1:]):
        value = {key: value}
    spans = _added(_text(context, at.file), at.file, found, (keys[0], value), what.todo)
    if not spans:
        return None
    promise = Sets((*at.path, keys[0]), flow(value), at.document)
    return Edit(*spans[0], finding.requirement, what.note, promise, is_safe=what.is_safe, more=tuple(spans[1:]))


def together(*edits: Edit | None) -> Edit | None:
    """One edit of several in one file: all of them or none."""
    found = [each for each in edits if each is not None]
    if not found or len(found) != len(edits):
        return None
    first, *others = found
    return replace(
        first,
        more=(*first.more, *(span for each in others for span in each.spans)),
        also=(*first.also, *(promise for each in others for promise in each.promises)),
    )


def flow(value: Value) -> str:
    """The value on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    return "[" + ", ".join(value) + "]"


def block(key: str, value: Value, step: int) -> list[str]:
    """The lines of a key and its value, the first one without indentation."""
    if not isinstance(value, Mapping):
        return [f"{key}: {flow(value)}"]
    inner = [line for name, each in value.items() for line in block(name, each, step)]
    return [f"{key}:", *(" " * step + line for line in inner)]


_Spans = list[tuple[Place, str]]
"""Places, and what they get; nothing where it isn't sure how to write it."""


def _added(text: str, file: str, owner: Node, entry: tuple[str, Value], todo: str) -> _Spans:
    key, value = entry
    there = owner.entry(key)
    if owner.is_flow:
        return _in_flow(text, file, owner, f"{key}: {flow(value)}", todo) if there is None else []
    if there is not None:
        return _below_key(text, file, owner, there, value, todo)
    at = _end_of_block(text, owner)
    if at is None:
        return []
    lines = [f"{TODO} {todo}"] if todo else []
    lines += block(key, value, step_of(text, owner))
    return [(_place(text, file, at, at), "".join("\n" + " " * owner.column + line for line in lines))]


def _in_flow(text: str, file: str, owner: Node, written: str, todo: str) -> _Spans:
    """In front of the closing brace; what is to be done comes at the end of the line."""
    if not text[owner.start : owner.end].endswith("}") or "#" in text[owner.start : owner.end]:
        return []
    at = owner.entries[-1][1].end if owner.entries else owner.start + 1
    spans = [(_place(text, file, at, at), (", " if owner.entries else "") + written)]
    end = _line_end(text, owner.end)
    return [*spans, (_place(text, file, end, end), f"  {TODO} {todo}")] if todo else spans


def _is_empty(found: Node) -> bool:
    """`{}`."""
    return found.kind == MAPPING and found.is_flow and not found.entries and not found.has_properties


def _below_key(text: str, file: str, owner: Node, there: tuple[Node, Node], value: Value, todo: str) -> _Spans:
    """For a key that has nothing: `resources:` or `resources: {}` at the end of its line."""
    key, old = there
    colon = re.match(r"[ ]*:", text[key.end :])
    if colon is None or not isinstance(value, Mapping):
        return []
    start = key.end + colon.end()
    at = _line_end(text, start)
    gone: _Spans = []
    if old.start != old.end:
        gone = [(_place(text, file, start, old.end), "")]
        start = old.end
    if start > at or not _ONLY_COMMENT.match(text[start:at]):
        return []
    step = step_of(text, owner)
    lines = [f"{TODO} {todo}"] if todo else []
    lines += [line for name, each in value.items() for line in block(name, each, step)]
    return [*gone, (_place(text, file, at, at), "".join("\n" + " " * (owner.column + step) + line for line in lines))]


def _end_of_block(text: str, owner: Node) -> int | None:
    """Behind the last line of a block mapping, the comments that are as deep as it is included."""
    at = _line_end(text, owner.end)
    if not _ONLY_COMMENT.match(text[owner.end : at]) or not owner.entries:
        return None
    outer = _indentation(text, owner)
    while at < len(text):
        start = text.index("\n", at) + 1 if "\n" in text[at:] else len(text)
        comment = _COMMENT.match(text[start : start + 400])
        if comment is None or len(comment.group(1)) < owner.column or len(comment.group(1)) <= outer:
            break
        at = _line_end(text, start)
    return at


def _indentation(text: str, owner: Node) -> int:
    """How deep the line is on which the mapping begins: less than its column where that is an item of a list."""
    line = text[text.rfind("\n", 0, owner.start) + 1 : owner.start]
    return len(line) - len(line.lstrip(" ")) if line.strip() else owner.column - 1


def step_of(text: str, owner: Node) -> int:
    """By how much a level is deeper than the one above."""
    for _, value in owner.entries:
        if value.kind == MAPPING and not value.is_flow and value.column > owner.column:
            return value.column - owner.column
    return _usual_step(text)


@lru_cache(maxsize=256)
def _usual_step(text: str) -> int:
    for root in yaml_nodes.documents(text):
        waiting = [root]
        while waiting:
            each = waiting.pop()
            for _, value in each.entries if not each.is_flow else ():
                if value.kind == MAPPING and not value.is_flow and value.column > each.column:
                    return min(value.column - each.column, 8)
                waiting.append(value)
    return 2


def _line_end(text: str, at: int) -> int:
    """Behind the last character of the line."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _place(text: str, file: str, start: int, end: int) -> Place:
    first, last = _position(text, start), _position(text, end)
    return Place(file, *first, *last)


def _position(text: str, offset: int) -> tuple[int, int]:
    starts = _line_starts(text)
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1


def _offset(text: str, place: Place) -> int | None:
    starts = _line_starts(text)
    return starts[place.line - 1] + place.column - 1 if 0 < place.line <= len(starts) else None


@lru_cache(maxsize=4)
def _line_starts(text: str) -> tuple[int, ...]:
    return (0, *(found.end() for found in re.finditer("\n", text)))


def _text(context: Context, file: str) -> str:
    return context.documents.texts.get(file, "")
