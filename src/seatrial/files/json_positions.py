"""Reads JSON and remembers where every value stands.

For findings in package.json that point at the very value. It accepts exactly what RFC 8259 allows (and one byte order
mark, which npm tolerates), bounded in depth; anything else is a JsonError with its offset. It must never guess.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property

from seatrial.model.place import Place
from seatrial.model.values import dataclass, field

MAX_DEPTH = 100
_DECODER = json.JSONDecoder()
_SPACE = " \t\n\r"
_DIGITS = frozenset("0123456789")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}


class JsonError(ValueError):
    """The text is not JSON; `offset` is where it stops being so."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value at `text[start:end]`. An object's value is a dict of nodes, an array's a tuple of them."""

    value: dict[str, Node] | tuple[Node, ...] | str | int | float | bool | None
    start: int
    end: int
    keys: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """For an object: the span of each key."""

    def get(self, *path: str) -> Node | None:
        """The value under these keys, or None where one of them is missing or no object."""
        node = self
        for key in path:
            if not isinstance(node.value, dict) or key not in node.value:
                return None
            node = node.value[key]
        return node

    def text(self, *path: str) -> str | None:
        """The string under these keys, or None."""
        node = self.get(*path)
        return node.value if node is not None and isinstance(node.value, str) else None


class Lines:
    """Turns offsets of a text into lines and columns."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def place(self, start: int, end: int | None = None) -> Place:
        """The place of `text[start:end]`."""
        line, column = self._at(start)
        if end is None:
            return Place(self.file, line, column)
        return Place(self.file, line, column, *self._at(end))

    def offset(self, line: int, column: int) -> int:
        """Where this line and column (from 1) stand in the text; its end where it has no such line."""
        return self._starts[line - 1] + column - 1 if line <= len(self._starts) else len(self.text)

    def __len__(self) -> int:
        """How many lines there are; behind the last line end is one more."""
        return len(self._starts)

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def parse(text: str) -> Node:
    """The one value of this text. Raises JsonError."""
    reader = _Reader(text)
    start = reader.skip(1 if text.startswith("\ufeff") else 0)
    node = reader.value(start, 0)
    end = reader.skip(node.end)
    if end != len(text):
        raise JsonError("something follows the end of the value", end)
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def skip(self, at: int) -> int:
        while at < len(self.text) and self.text[at] in _SPACE:
            at += 1
        return at

    def value(self, at: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise JsonError(f"nested deeper than {MAX_DEPTH} levels", at)
        head = self.text[at : at + 1]
        if head == '"':
            string, end = self._string(at)
            return Node(string, at, end)
        if head == "{":
            return self._object(at, depth)
        if head == "[":
            return self._array(at, depth)
        if head == "-" or head in _DIGITS:
            return self._number(at)
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, at):
                return Node(meaning, at, at + len(word))
        raise JsonError("a value is expected here" if head else "the text ends too early", at)

    def _string(self, at: int) -> tuple[str, int]:
        try:
            string, end = _DECODER.raw_decode(self.text, at)
        except json.JSONDecodeError as error:
            raise JsonError(error.msg[:1].lower() + error.msg[1:], error.pos) from error
        return str(string), end

    def _object(self, at: int, depth: int) -> Node:
        members: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        position = self.skip(at + 1)
        if self.text.startswith("}", position):
            return Node(members, at, position + 1, keys)
        while True:
            if not self.text.startswith('"', position):
                raise JsonError("a key in double quotes is expected here", position)
            key, end = self._string(position)
            colon = self.skip(end)
            if not self.text.startswith(":", colon):
                raise JsonError("a colon is expected after the key", colon)
            node = self.value(self.skip(colon + 1), depth + 1)
            members[key], keys[key] = node, (position, end)
            position, ended = self._next(node.end, "}")
            if ended:
                return Node(members, at, position, keys)

    def _array(self, at: int, depth: int) -> Node:
        items: list[Node] = []
        position = self.skip(at + 1)
        if self.text.startswith("]", position):
            return Node((), at, position + 1)
        while True:
            node = self.value(position, depth + 1)
            items.append(node)
            position, ended = self._next(node.end, "]")
            if ended:
                return Node(tuple(items), at, position)

    def _next(self, at: int, closing: str) -> tuple[int, bool]:
        at = self.skip(at)
        if self.text.startswith(closing, at):
            return at + 1, True
        if not self.text.startswith(",", at):
            raise JsonError(f"a comma or {closing!r} is expected here", at)
        return self.skip(at + 1), False

    def _number(self, at: int) -> Node:
        found = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?").match(self.text, at)
        if found is None:
            raise JsonError("a digit is expected after the minus sign", at + 1)
        whole, fraction, exponent = found.groups()
        if len(whole) > 400:
            raise JsonError("a number of more than 400 digits", at)
        number = int(whole) if not (fraction or exponent) else float(found.group())
        return Node(number, at, found.end())
