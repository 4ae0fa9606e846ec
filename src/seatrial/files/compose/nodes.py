"""The tree that a YAML document becomes: scalars, lists and tables that know where they stood.

Immutable, so that aliases share one value and no step can change what another one holds. `base` is the directory that
relative paths of the file are relative to: it travels with the value through overrides, `extends` and `include`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from seatrial.model.place import Place
from seatrial.model.values import dataclass, replace

if TYPE_CHECKING:
    from datetime import date  # slow; few files hold one

Value: TypeAlias = "str | int | float | bool | date | None"
"""A single value. A plain `2024-01-02` is a date, which compose prints in its own way."""


class Mark(Enum):
    """What a tag asks of a merge."""

    NONE = ""
    RESET = "!reset"
    """The value is taken away, also the one of an earlier file."""
    OVERRIDE = "!override"
    """The value replaces an earlier file's instead of being merged with it."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `indent` is how far `value` starts behind its place (a quote), or -1 where they don't match up.

    `is_broken` marks a value that a finding explained already: it counts as said, and nobody looks at it again;
    `is_open` one with a variable in it that has no value here.
    """

    value: Value
    place: Place
    base: str = ""
    mark: Mark = Mark.NONE
    indent: int = -1
    is_broken: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence."""

    items: tuple[Node, ...]
    place: Place
    base: str = ""
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a table with its value; `place` is the key's."""

    place: Place
    value: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping whose keys are strings, in the order of the file."""

    entries: Mapping[str, Entry]
    place: Place
    base: str = ""
    mark: Mark = Mark.NONE

    def get(self, key: str) -> Node | None:
        """The value of a key; None if it isn't there."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def table(self, key: str) -> Table | None:
        """The value of a key where that is a table."""
        value = self.get(key)
        return value if isinstance(value, Table) else None

    def items(self) -> Iterator[tuple[str, Node]]:
        """Keys and values."""
        return ((key, entry.value) for key, entry in self.entries.items())

    def with_entries(self, entries: Mapping[str, Entry]) -> Table:
        """The same table with other entries."""
        return replace(self, entries=entries, mark=Mark.NONE)


Node: TypeAlias = Scalar | Listing | Table


def broken(node: Node) -> Scalar:
    """A stand-in for a value that a finding has explained."""
    return Scalar(None, node.place, node.base, is_broken=True)


def is_null(node: Node | None) -> bool:
    """Whether nothing was said: no value, or an explicit null."""
    return node is None or (isinstance(node, Scalar) and node.value is None and not node.is_broken)


def text_of(scalar: Scalar) -> str:
    """A scalar as compose prints it where a string is wanted: `0777` is "511", `1.50` is "1.5", `TRUE` is "true"."""
    value = scalar.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    return str(value) if isinstance(value, str | int) else f"{value.isoformat()} 00:00:00 +0000 UTC"


def _float_text(value: float) -> str:
    # Go's %v of a float64: the shortest form, with an exponent below 1e-4 and from 1e21.
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "+Inf", "-inf": "-Inf"}.get(str(value), "NaN")
    if value == 0 or 1e-4 <= abs(value) < 1e21:
        return f"{value:.0f}" if value.is_integer() else _plain(value)
    digits, _, exponent = f"{value!r}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+03d}" if exponent else f"{value:e}"


def _plain(value: float) -> str:
    text = repr(value)
    if "e" not in text:
        return text
    return f"{value:.30f}".rstrip("0")


def kind_of(node: Node) -> str:
    """What a node is, in a user's words."""
    if isinstance(node, Table):
        return "a mapping"
    if isinstance(node, Listing):
        return "a list"
    if isinstance(node.value, float) and not math.isfinite(node.value):
        return str(node.value)
    names = {"bool": "a boolean", "int": "a number", "float": "a number", "str": "a string", "date": "a date"}
    return names.get(type(node.value).__name__, "null")
