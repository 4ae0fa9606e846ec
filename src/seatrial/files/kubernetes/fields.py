"""Typed looks into a manifest's tree: each gives a value with its place, or None and a finding where the type is wrong.

It must never raise for what a tree holds. A value with `$` or `{{` in it is filled in by somebody before Kubernetes
sees it: it counts as not said, without a finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.files.compose.nodes import Listing, Node, Scalar, Table, is_null, kind_of, text_of
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass, field

if TYPE_CHECKING:
    from fractions import Fraction

_FILLED_IN = pattern(r"\$|\{\{|<[A-Za-z_ -]+>|%\w+%|@@|__\w+__|^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
_MAX_SHOWN = 40


def is_filled_in(text: str) -> bool:
    """Whether something of this text is put in its place before it is used."""
    return bool(_FILLED_IN.search(text))


@dataclass(frozen=True, slots=True)
class Fields:
    """A table of a manifest, and where its findings go."""

    table: Table
    findings: list[Finding] = field(default_factory=list)

    def sub(self, key: str) -> Fields | None:
        """The table under a key."""
        node = self.table.get(key)
        if isinstance(node, Table):
            return Fields(node, self.findings)
        self._refuse(key, node, "a mapping")
        return None

    def key(self, key: str) -> Place | None:
        """Where a key stands."""
        entry = self.table.entries.get(key)
        return entry.place if entry else None

    def tables(self, key: str) -> Iterator[Fields]:
        """The tables of a list under a key."""
        node = self.table.get(key)
        if isinstance(node, Listing):
            for item in node.items:
                if isinstance(item, Table):
                    yield Fields(item, self.findings)
                else:
                    self._refuse(key, item, "a mapping")
        else:
            self._refuse(key, node, "a list")

    def text(self, key: str) -> Sourced[str] | None:
        """A string under a key."""
        node = self.table.get(key)
        if isinstance(node, Scalar) and not is_null(node):
            return Sourced(text_of(node), node.place)
        self._refuse(key, node, "a string")
        return None

    def string(self, key: str) -> str:
        """Like `text`, without its place; "" where nothing is said."""
        found = self.text(key)
        return found.value if found else ""

    def texts(self, key: str) -> Sourced[tuple[str, ...]] | None:
        """A list of strings under a key."""
        node = self.table.get(key)
        if not isinstance(node, Listing):
            self._refuse(key, node, "a list of strings")
            return None
        return Sourced(tuple(text_of(item) for item in node.items if isinstance(item, Scalar)), node.place)

    def each_text(self, key: str) -> tuple[Sourced[str], ...]:
        """The strings of a list under a key, each with its place."""
        node = self.table.get(key)
        items = node.items if isinstance(node, Listing) else ()
        return tuple(Sourced(text_of(item), item.place) for item in items if isinstance(item, Scalar))

    def number(self, key: str) -> Sourced[int] | None:
        """A whole number under a key."""
        node = self.table.get(key)
        if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
            return Sourced(node.value, node.place)
        self._refuse(key, node, "a whole number")
        return None

    def truth(self, key: str) -> Sourced[bool] | None:
        """A boolean under a key."""
        node = self.table.get(key)
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return Sourced(node.value, node.place)
        self._refuse(key, node, "true or false")
        return None

    def mapping(self, key: str) -> dict[str, str]:
        """A mapping of strings under a key."""
        node = self.table.get(key)
        if not isinstance(node, Table):
            self._refuse(key, node, "a mapping")
            return {}
        return {name: text_of(value) for name, value in node.items() if isinstance(value, Scalar)}

    def quantities(self, key: str) -> dict[str, Sourced[Fraction]]:
        """A mapping of quantities under a key."""
        found: dict[str, Sourced[Fraction]] = {}
        inner = self.sub(key)
        if inner is None:
            return found
        # Imported where there are any: exact numbers come with a module of decimals, which is slow to load.
        from seatrial.files.kubernetes.quantities import parse_quantity

        for name, node in inner.table.items():
            if not isinstance(node, Scalar):
                self._refuse(name, node, "a quantity")
                continue
            text = text_of(node)
            try:
                found[name] = Sourced(parse_quantity(text), node.place)
            except ValueError as error:
                if not is_null(node) and not is_filled_in(text):
                    self.wrong(str(error), node.place, "memory in Mi or Gi, cpu in cores or m")
        return found

    def wrong(self, message: str, place: Place, remedy: str) -> None:
        """A finding: Kubernetes refuses this."""
        self.findings.append(Finding("syntax", Severity.ERROR, message, place, remedy))

    def _refuse(self, key: str, node: Node | None, wanted: str) -> None:
        if is_null(node) or node is None or (isinstance(node, Scalar) and is_filled_in(text_of(node))):
            return
        if isinstance(node, Scalar) and "number" in wanted and text_of(node).isupper():
            return  # PORT, REPLICAS: somebody puts the number there
        shown = f" ({text_of(node)[:_MAX_SHOWN]!r})" if isinstance(node, Scalar) and "number" in wanted else ""
        self.wrong(f"{key} is {kind_of(node)}{shown}, and Kubernetes wants {wanted}", node.place, f"write {wanted}")
