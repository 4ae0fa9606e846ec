"""A parsed file as the extractors look at it: its calls and functions in order, and which of them lies in which.

Only byte ranges are compared: tree-sitter's own way to a parent is slow in deep trees. What is asked of a node is
bounded by its range, so that no file, however it was made, takes long.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seatrial.model.place import Place
from seatrial.model.source import Actions
from seatrial.model.values import dataclass, field

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_CALLS = 30_000
MAX_CALLS_OF_ONE = 1_500
_MAX_NAME = 200
_MAX_LEVELS = 200


@dataclass(slots=True)
class Call:
    """A call or `new`: what is called as text ("process.on"), and its arguments (Python's keywords apart)."""

    node: Node
    name: str
    start: int
    end: int

    @property
    def last(self) -> str:
        """The name behind the last dot."""
        return self.name.rpartition(".")[2]

    @property
    def receiver(self) -> str:
        """What stands before the last dot."""
        return self.name.rpartition(".")[0]

    def arguments(self) -> list[Node]:
        """Its positional arguments."""
        found = self.node.child_by_field_name("arguments")
        if found is None or found.type not in ("arguments", "argument_list"):
            return []
        return [each for each in found.named_children if each.type not in ("keyword_argument", "comment")]

    def keywords(self) -> dict[str, Node]:
        """Python's keyword arguments."""
        found = self.node.child_by_field_name("arguments")
        pairs: dict[str, Node] = {}
        for each in found.named_children if found is not None else ():
            name, value = each.child_by_field_name("name"), each.child_by_field_name("value")
            if each.type == "keyword_argument" and name is not None and value is not None:
                pairs[(name.text or b"").decode("utf-8", "replace")] = value
        return pairs


@dataclass(slots=True)
class Body:
    """A function: its range, its name where it has one, and the names of its parameters as text."""

    start: int
    end: int
    name: str = ""
    parameters: str = ""
    parent: int = -1


@dataclass(slots=True)
class Scan:
    """One file. Ranges (`conditions`, `waits`) are (start, end) pairs in order."""

    file: str
    data: bytes
    calls: list[Call] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    conditions: list[tuple[int, int]] = field(default_factory=list)
    waits: list[tuple[int, int]] = field(default_factory=list)
    constants: dict[str, Node] = field(default_factory=dict)
    named: dict[str, Body] = field(default_factory=dict)
    listeners: dict[str, Body] = field(default_factory=dict)
    """The functions that are called at an event of the process, by its name."""
    known: dict[int, Actions] = field(default_factory=dict)
    """What functions do, by where they start."""
    _starts: list[int] = field(default_factory=list)
    _body_starts: list[int] = field(default_factory=list)
    _lines: list[bytes] | None = None

    def settle(self) -> None:
        """Sort, once all has been put in."""
        self.calls.sort(key=lambda call: (call.start, -call.end))
        self.bodies.sort(key=lambda body: (body.start, -body.end))
        self.conditions.sort()
        self.waits.sort()
        self._starts = [call.start for call in self.calls]
        self._body_starts = [body.start for body in self.bodies]
        stack: list[int] = []
        for number, body in enumerate(self.bodies):
            while stack and self.bodies[stack[-1]].end <= body.start:
                stack.pop()
            body.parent = stack[-1] if stack else -1
            stack.append(number)
            if body.name:
                self.named.setdefault(body.name, body)

    def within(self, start: int, end: int) -> Sequence[Call]:
        """The calls that begin in this range, the first ones of very many."""
        first = bisect_left(self._starts, start)
        last = bisect_left(self._starts, end, first)
        return self.calls[first : min(last, first + MAX_CALLS_OF_ONE)]

    def innermost(self, at: int) -> Body | None:
        """The function in which this byte lies."""
        number = bisect_right(self._body_starts, at) - 1
        for _ in range(_MAX_LEVELS):
            if number < 0:
                return None
            if self.bodies[number].end > at:
                return self.bodies[number]
            number = self.bodies[number].parent
        return None

    def body_at(self, node: Node) -> Body | None:
        """The function that this node is."""
        number = bisect_left(self._body_starts, node.start_byte)
        found = self.bodies[number] if number < len(self.bodies) else None
        return found if found is not None and found.start == node.start_byte else None

    def is_conditional(self, at: int, since: int) -> bool:
        """Whether a condition stands between `since` and this byte."""
        last = bisect_right(self.conditions, (at, len(self.data) + 1))
        first = bisect_left(self.conditions, (since, 0))
        return any(start <= at < end for start, end in self.conditions[max(first, last - _MAX_LEVELS) : last])

    def conditions_around(self, at: int) -> Iterator[str]:
        """The beginnings of the `if` statements around this byte, the innermost ones."""
        last = bisect_right(self.conditions, (at, len(self.data) + 1))
        for start, end in self.conditions[max(0, last - _MAX_LEVELS) : last]:
            if start <= at < end:
                head = self.data[start : min(end, start + _MAX_NAME)]
                yield head.partition(b"\n")[0].partition(b"{")[0].decode("utf-8", "replace")

    def waits_before(self, start: int, at: int) -> bool:
        """Whether an `await` begins between these bytes."""
        first = bisect_left(self.waits, (start, 0))
        return first < len(self.waits) and self.waits[first][0] < at

    def text(self, node: Node) -> str:
        """What a node says; the end of it where it is long."""
        return self.slice(max(node.start_byte, node.end_byte - _MAX_NAME), node.end_byte)

    def slice(self, start: int, end: int) -> str:
        """The text of a range."""
        return self.data[start:end].decode("utf-8", "replace")

    def place(self, node: Node, until: Node | None = None) -> Place:
        """Where a node stands."""
        (row, column), (end_row, end_column) = node.start_point, (until or node).end_point
        return Place(self.file, row + 1, self._column(row, column), end_row + 1, self._column(end_row, end_column))

    def head(self, call: Call) -> Place:
        """Where a call stands: what is called, without its arguments."""
        name = call.node.child_by_field_name("function") or call.node.child_by_field_name("constructor")
        if name is None or name.start_point[0] != name.end_point[0]:
            arguments = call.node.child_by_field_name("arguments")
            if name is not None and arguments is not None and name.named_children:
                last = name.named_children[-1]
                return self.place(last)
            return self.place(call.node)
        return self.place(call.node, name)

    def _column(self, row: int, column: int) -> int:
        if self._lines is None:
            self._lines = [] if self.data.isascii() else self.data.split(b"\n")
        if not self._lines:
            return column + 1
        line = self._lines[row] if row < len(self._lines) else b""
        return len(line[:column].decode("utf-8", "replace")) + 1


def call_name(scan: Scan, node: Node) -> str:
    """What is called, without spaces and question marks; only its end where that is long."""
    name = node.child_by_field_name("function") or node.child_by_field_name("constructor")
    if name is None:
        return ""
    text = scan.data[max(name.start_byte, name.end_byte - _MAX_NAME) : name.end_byte]
    return b"".join(text.split()).replace(b"?.", b".").replace(b"!.", b".").decode("utf-8", "replace")
