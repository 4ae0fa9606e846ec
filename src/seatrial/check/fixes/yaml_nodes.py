"""A YAML text as nodes that know where they stand, so that a fix can put something in. Pure.

What stands behind an alias is no part of a document here: who changed it would change what others mean. Never raises
for what a text holds: what can't be read, or is nested or repeated beyond reason, has no documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from seatrial.model.edit import Path
from seatrial.model.remembered import remembered
from seatrial.model.values import dataclass

_MAX_DEPTH = 80
SCALAR, MAPPING, SEQUENCE, ALIAS = "scalar", "mapping", "sequence", "alias"


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node from its first character (`start`) to behind its last one (`end`), comments left out.

    `value` is a scalar's text; `is_plain` says that it stands there without quotes. `entries` are a mapping's, `items`
    a list's. `has_properties` says that it has an anchor or a tag.
    """

    kind: str
    start: int
    end: int
    column: int = 0
    value: str = ""
    is_plain: bool = False
    is_flow: bool = False
    has_properties: bool = False
    entries: tuple[tuple[Node, Node], ...] = ()
    items: tuple[Node, ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether nothing is said."""
        return self.kind == SCALAR and self.is_plain and self.value in ("", "~", "null") and not self.has_properties

    def entry(self, name: str | int) -> tuple[Node, Node] | None:
        """The key and the value of this name; an item has its value for a key, too."""
        if self.kind == SEQUENCE and isinstance(name, int) and 0 <= name < len(self.items):
            return self.items[name], self.items[name]
        return _named(self).get(name) if isinstance(name, str) else None


@remembered
def _named(mapping: Node) -> dict[str, tuple[Node, Node]]:
    """The entries by the names that only one of them has."""
    named = [each for each in mapping.entries if each[0].kind == SCALAR]
    times = Counter(key.value for key, _ in named)
    return {entry[0].value: entry for entry in named if times[entry[0].value] == 1}


@lru_cache(maxsize=256)
def documents(text: str) -> tuple[Node, ...]:
    """The roots of all documents; nothing where the text is no YAML."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(text)
    events: Any = yaml.parse(text, Loader=loader)
    try:
        for event in events:
            builder.take(event)
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    return tuple(builder.roots)


class _Open:
    """A collection whose end hasn't come yet."""

    def __init__(self, event: Any) -> None:
        self.event = event
        self.nodes: list[Node] = []


class _Builder:
    """Puts events together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.roots: list[Node] = []
        self.stack: list[_Open] = []

    def take(self, event: Any) -> None:
        """The next event."""
        kind = type(event).__name__
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self.stack) > _MAX_DEPTH:
                raise ValueError("nested too deeply")
            self.stack.append(_Open(event))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._add(_collection(self.stack.pop(), event))
        elif kind == "ScalarEvent":
            self._add(self._scalar(event))
        elif kind == "AliasEvent":
            start, end = event.start_mark, event.end_mark
            self._add(Node(ALIAS, start.index, end.index, start.column, value=event.anchor))

    def _add(self, node: Node) -> None:
        if self.stack:
            self.stack[-1].nodes.append(node)
        else:
            self.roots.append(node)

    def _scalar(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if event.style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip())
        return Node(
            SCALAR,
            start,
            end,
            event.start_mark.column,
            event.value,
            is_plain=not event.style,
            has_properties=bool(event.anchor or event.tag),
        )


def _collection(opened: _Open, end: Any) -> Node:
    event, nodes = opened.event, opened.nodes
    is_flow = bool(event.flow_style)
    start = event.start_mark
    last = nodes[-1].end if nodes else start.index
    is_mapping = type(event).__name__ == "MappingStartEvent"
    return Node(
        MAPPING if is_mapping else SEQUENCE,
        start.index,
        end.end_mark.index if is_flow else last,
        nodes[0].column if nodes and not is_flow and is_mapping else start.column,
        is_flow=is_flow,
        has_properties=bool(event.anchor or event.tag),
        entries=tuple(zip(nodes[::2], nodes[1::2], strict=True)) if is_mapping else (),
        items=() if is_mapping else tuple(nodes),
    )


def way(text: str, document: int, path: Path) -> tuple[Node, ...]:
    """The nodes from a document's root to what stands at `path`; nothing where that isn't there, or where another
    place may have it, too (an anchor on the way)."""
    roots = documents(text)
    if not 0 <= document < len(roots):
        return ()
    found = [roots[document]]
    for name in path:
        entry = found[-1].entry(name)
        if entry is None or entry[1].kind == ALIAS or entry[1].has_properties:
            return ()
        found.append(entry[1])
    return tuple(found)


def path_to(text: str, offset: int) -> tuple[int, Path] | None:
    """The document and the path of the scalar that begins at this character."""
    return _scalar_places(text).get(offset)


@lru_cache(maxsize=4)
def _scalar_places(text: str) -> dict[int, tuple[int, Path]]:
    """All scalars by the characters that they begin at: a file of many documents is asked for many of them."""
    found: dict[int, tuple[int, Path]] = {}
    for number, root in enumerate(documents(text)):
        for path, node in _scalars(root, ()):
            found.setdefault(node.start, (number, path))
    return found


def _scalars(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    """All scalars; a key has the path of its value."""
    if node.kind == SCALAR:
        yield path, node
    for key, value in node.entries:
        if key.kind == SCALAR:
            yield (*path, key.value), key
            yield from _scalars(value, (*path, key.value))
    for number, item in enumerate(node.items):
        yield from _scalars(item, (*path, number))
