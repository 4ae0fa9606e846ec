"""Reads the values of a table as what they must be, each with its place.

A value of the wrong type is told to `Problems` and counts as not said. What compose casts after interpolation ("8080",
"true") is taken too. Knows types, not compose's keys.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from seatrial.files.compose.merging import listed, pairs_table
from seatrial.files.compose.nodes import Listing, Node, Scalar, Table, is_null, kind_of, text_of
from seatrial.files.compose.problems import Problems, nearest
from seatrial.files.units import parse_bytes, parse_duration
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

T = TypeVar("T")

_TWO_63 = 2.0**63
_TRUE = frozenset({"true", "y", "yes", "on"})
_FALSE = frozenset({"false", "n", "no", "off"})
_INTEGER = pattern(r"[-+]?[0-9]{1,18}")
_NUMBER = pattern(r"[-+]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?")


class Fields:
    """The values of one table. `where` is what messages call it, such as "services.web"."""

    def __init__(self, table: Table, problems: Problems, where: str) -> None:
        self.table = table
        self.problems = problems
        self.where = where

    def check_keys(self, known: Collection[str]) -> None:
        """Tells of each key that is neither known nor an extension (`x-…`)."""
        for key, entry in self.table.entries.items():
            if key in known or key.startswith("x-"):
                continue
            near = nearest(key, known)
            remedy = f"did you mean {near}?" if near else "remove it, or start its name with x-"
            shown = key if len(key) <= 40 else key[:39] + "…"
            self.problems.warn(f"{self.where} has no key {shown!r}; compose refuses it", entry.place, remedy)

    def wrong(self, node: Node, key: str, wanted: str, remedy: str = "") -> None:
        """Tells that a value has the wrong type, unless it was told before."""
        if isinstance(node, Scalar) and node.is_broken:
            return
        message = f"{self.where}.{key} must be {wanted}, this is {kind_of(node)}"
        self.problems.error(message, node.place, remedy or f"write {wanted}")

    def node(self, key: str) -> Node | None:
        """The value of a key; None where nothing or null is said, or where a finding explained it already."""
        node = self.table.get(key)
        if node is None or is_null(node) or (isinstance(node, Scalar) and node.is_broken):
            return None
        return node

    def says(self, key: str) -> bool:
        """Whether the key is there with a value, even a broken one."""
        return not is_null(self.table.get(key))

    def text(self, key: str) -> Sourced[str] | None:
        """A string."""
        node = self.node(key)
        return None if node is None else self.text_at(node, key)

    def text_at(self, node: Node, key: str, *, numbers: bool = False) -> Sourced[str] | None:
        """A string that is a value of its own, such as an item of a list; `numbers` says whether numbers will do."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return Sourced(node.value, node.place)
        if numbers and isinstance(node, Scalar) and isinstance(node.value, int | float) and node.value is not True:
            return Sourced(text_of(node), node.place)
        quoted = f'write "{text_of(node)}"' if isinstance(node, Scalar) and node.value is not None else ""
        self.wrong(node, key, "a string", quoted)
        return None

    def path(self, key: str) -> Sourced[str] | None:
        """A path, absolute; relative ones are relative to where the file that says it belongs."""
        node = self.node(key)
        said = self.text(key)
        return Sourced(absolute(said.value, node.base), said.place) if node is not None and said else None

    def boolean(self, key: str) -> Sourced[bool] | None:
        """A boolean, or a string that compose casts to one."""
        node = self.node(key)
        if node is None:
            return None
        if isinstance(node, Scalar):
            if isinstance(node.value, bool):
                return Sourced(node.value, node.place)
            word = node.value.lower() if isinstance(node.value, str) else ""
            if word in _TRUE | _FALSE:
                if word not in ("true", "false"):
                    meant = "true" if word in _TRUE else "false"
                    self.problems.note(
                        f"{word!r} is a string in YAML 1.2; compose takes it", node.place, f"write {meant}"
                    )
                return Sourced(word in _TRUE, node.place)
        self.wrong(node, key, "true or false")
        return None

    def integer(self, key: str) -> Sourced[int] | None:
        """A whole number."""
        node = self.node(key)
        return None if node is None else self.integer_at(node, key)

    def integer_at(self, node: Node, key: str) -> Sourced[int] | None:
        """A whole number that is a value of its own."""
        if isinstance(node, Scalar):
            value = node.value
            if isinstance(value, int) and not isinstance(value, bool):
                return Sourced(value, node.place)
            if isinstance(value, float) and abs(value) < _TWO_63:
                if not value.is_integer():
                    message = f"{self.where}.{key}: {value} is cut to {int(value)}"
                    self.problems.warn(message, node.place, "write a whole number")
                return Sourced(int(value), node.place)
            if isinstance(value, str) and _INTEGER.fullmatch(value):
                return Sourced(int(value), node.place)
        self.wrong(node, key, "a whole number")
        return None

    def number(self, key: str) -> Sourced[float] | None:
        """A number."""
        node = self.node(key)
        if node is None:
            return None
        if isinstance(node, Scalar):
            value = node.value
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18:
                return Sourced(float(value), node.place)
            if isinstance(value, str) and _NUMBER.fullmatch(value):
                return Sourced(float(value), node.place)
        self.wrong(node, key, "a number")
        return None

    def size(self, key: str) -> Sourced[int] | None:
        """A number of bytes."""
        node = self.node(key)
        if isinstance(node, Scalar) and isinstance(node.value, float):
            # Compose takes strings and whole numbers, and silently drops the others.
            self.problems.warn(f"{self.where}.{key}: compose ignores a fraction of bytes", node.place, "write 512m")
            return None
        if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
            return self.integer(key)
        return self._parsed(key, "a size such as 512m", parse_bytes)

    def duration(self, key: str) -> Sourced[float] | None:
        """Seconds."""
        node = self.node(key)
        if isinstance(node, Scalar) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            self.wrong(node, key, "a duration with a unit", f"write {text_of(node)}s")
            return None
        return self._parsed(key, "a duration such as 10s", parse_duration)

    def _parsed(self, key: str, wanted: str, parse: Callable[[str], T]) -> Sourced[T] | None:
        node = self.node(key)
        if node is None:
            return None
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            self.wrong(node, key, wanted)
            return None
        try:
            return Sourced(parse(node.value), node.place)
        except ValueError as error:
            self.problems.error(f"{self.where}.{key}: {error}", node.place)
            return None

    def items(self, key: str) -> Iterator[Node]:
        """The items of a list, without nulls and broken ones."""
        node = self.node(key)
        if node is None:
            return
        if not isinstance(node, Listing):
            self.wrong(node, key, "a list")
            return
        for item in node.items:
            if is_null(item):
                self.problems.error(f"{self.where}.{key} has an empty item", item.place)
            elif not (isinstance(item, Scalar) and item.is_broken):
                yield item

    def texts(self, key: str, *, numbers: bool = False, single: bool = False) -> tuple[Sourced[str], ...]:
        """The strings of a list; `single` says whether a lone string may stand for a list of one."""
        source = self
        node = self.node(key)
        if single and isinstance(node, Scalar):
            entry = self.table.entries[key]
            one = type(entry)(entry.place, listed(node))
            source = Fields(self.table.with_entries({key: one}), self.problems, self.where)
        found = (source.text_at(item, key, numbers=numbers) for item in source.items(key))
        return tuple(text for text in found if text is not None)

    def unique_texts(self, key: str, *, numbers: bool = False, refuse_twice: bool = False) -> tuple[Sourced[str], ...]:
        """The strings of a list, each once; the place is that of the last one."""
        found: dict[str, Sourced[str]] = {}
        for text in self.texts(key, numbers=numbers):
            if refuse_twice and text.value in found and text.place:
                self.problems.error(f"{self.where}.{key} has {text.value!r} twice", text.place, "remove one")
            found[text.value] = text
        return tuple(found.values())

    def pairs(self, key: str) -> dict[str, Sourced[str | None]]:
        """A mapping, or a list of `name=value`; None is the value of a name alone."""
        node = self.node(key)
        if node is None:
            return {}
        table = pairs_table(node)
        if not isinstance(table, Table):
            self.wrong_pairs(node, key)
            return {}
        found: dict[str, Sourced[str | None]] = {}
        for name, value in table.items():
            if not isinstance(value, Scalar):
                self.wrong(value, f"{key}.{name}", "a single value")
            elif not value.is_broken:
                found[name] = Sourced(None if value.value is None else text_of(value), value.place)
        return found

    def wrong_pairs(self, node: Node, key: str) -> None:
        """Tells what keeps a value from being a mapping or a list of `name=value`."""
        items = node.items if isinstance(node, Listing) else ()
        odd = [item for item in items if not isinstance(item, Scalar) or not isinstance(item.value, str)]
        for item in odd:
            self.wrong(item, key, "a mapping or a list of name=value")
        if not odd:
            self.wrong(node, key, "a mapping or a list of name=value")

    def sub(self, key: str) -> Fields | None:
        """The table that a key holds."""
        node = self.node(key)
        if node is None:
            return None
        if isinstance(node, Table):
            return Fields(node, self.problems, f"{self.where}.{key}")
        self.wrong(node, key, "a mapping")
        return None

    def extensions(self) -> dict[str, Sourced[object]]:
        """The `x-…` keys as plain values."""
        return {key: Sourced(plain(value), value.place) for key, value in self.table.items() if key.startswith("x-")}


def unique_names(texts: Iterable[Sourced[str]]) -> tuple[Sourced[str], ...]:
    """Of texts with the same name (all up to a `=`) the last one, at the place of the first, as compose keeps them."""
    return tuple({text.value.partition("=")[0]: text for text in texts}.values())


def plain(node: Node) -> object:
    """A tree as lists, dictionaries and plain values."""
    if isinstance(node, Table):
        return {key: plain(value) for key, value in node.items()}
    return [plain(item) for item in node.items] if isinstance(node, Listing) else node.value


def absolute(path: str, base: str) -> str:
    """A path of a compose file, absolute; `~` is the caller's home, as in compose."""
    return os.path.normpath(os.path.join(base, os.path.expanduser(path)))  # noqa: PTH111, PTH118 — texts, not files
