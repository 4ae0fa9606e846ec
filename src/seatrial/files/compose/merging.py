"""How a later compose file overrides an earlier one, and a service the one that it extends.

Compose's rules: mappings merge, lists append, single values replace, with the exceptions of the tables below. Pure:
trees in, a new tree out; what can't be merged is told, and the earlier value stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from seatrial.files.compose.nodes import Entry, Listing, Mark, Node, Scalar, Table, is_null, kind_of, text_of
from seatrial.files.compose.problems import Problems
from seatrial.model.place import Place
from seatrial.model.values import replace

Path: TypeAlias = tuple[str, ...]
_Convert: TypeAlias = Callable[[Node], Node]

_REPLACED = {"command", "entrypoint", "healthcheck.test", "ulimits.*"}
_PAIRS = {
    *("environment", "annotations", "labels", "sysctls", "deploy.labels"),
    *("build.args", "build.labels", "build.additional_contexts"),
    *("networks.*.labels", "volumes.*.labels"),
}
_HOSTS = {"extra_hosts", "build.extra_hosts"}
_LISTS = {"dns", "dns_opt", "dns_search", "env_file", "label_file", "tmpfs", "profiles"}
_NAMES = {"networks", "models"}


def merge(base: Node, over: Node, problems: Problems, path: Path = ()) -> Node:
    """The value of `base` with `over` on top. `path` is where in the document both stand ("services", name, …)."""
    if over.mark is Mark.OVERRIDE:
        return without_marks(over)
    rule = _rule_of(path)
    if rule in _REPLACED or _rule_of(path[:-1]) in _PAIRS:
        return without_marks(over)
    if is_null(over):
        return base
    if rule == "logging":
        return _merge_logging(base, over, problems, path)
    if rule in _HOSTS:
        return _merge_hosts(base, over, problems, path)
    convert = _conversion(rule)
    return _merge_plain(convert(base), convert(over), problems, path)


def without_resets(base: Table, over: Table) -> Table:
    """The earlier tree without what the later one resets or replaces, which must happen before `extends` is applied."""
    entries = dict(base.entries)
    for key, value in over.items():
        earlier = base.get(key)
        if earlier is None:
            continue
        if value.mark is not Mark.NONE:
            del entries[key]
        elif isinstance(value, Table) and isinstance(earlier, Table):
            entries[key] = replace(entries[key], value=without_resets(earlier, value))
    return base.with_entries(entries)


def without_marks(node: Node) -> Node:
    """The tree without what it resets, and without its marks."""
    if isinstance(node, Table):
        kept = {
            key: replace(entry, value=without_marks(entry.value))
            for key, entry in node.entries.items()
            if entry.value.mark is not Mark.RESET
        }
        return node.with_entries(kept)
    if isinstance(node, Listing):
        items = tuple(without_marks(item) for item in node.items if item.mark is not Mark.RESET)
        return replace(node, items=items, mark=Mark.NONE)
    return replace(node, mark=Mark.NONE)


def pairs_table(node: Node) -> Node:
    """A list of `name=value` as the mapping that it stands for; everything else as it is. A later name wins."""
    if not isinstance(node, Listing):
        return node
    entries: dict[str, Entry] = {}
    for item in node.items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            return node
        name, equals, value = item.value.partition("=")
        place = shifted(item, len(name) + 1) if equals else item.place
        entries[name] = Entry(item.place, replace(item, value=value if equals else None, place=place, indent=-1))
    return Table(entries, node.place, node.base)


def depends_table(node: Node) -> Node:
    """The short form of `depends_on` as the long one."""
    if not isinstance(node, Listing):
        return node
    entries = {}
    for item in node.items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            return node
        table = {
            "condition": Entry(item.place, replace(item, value="service_started")),
            "required": Entry(item.place, replace(item, value=True)),
        }
        entries[item.value] = Entry(item.place, Table(table, item.place, item.base))
    return Table(entries, node.place, node.base)


def build_table(node: Node) -> Node:
    """The short form of `build` as the long one."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Table({"context": Entry(node.place, node)}, node.place, node.base)
    return node


def hosts_listing(node: Node) -> Node:
    """A mapping of hosts to one address or several as the list of `host=address` that it stands for."""
    if not isinstance(node, Table):
        return node
    items: list[Node] = []
    for name, value in node.items():
        for address in value.items if isinstance(value, Listing) else (value,):
            if not isinstance(address, Scalar):
                return node
            text = name if is_null(address) else f"{name}={text_of(address)}"
            items.append(replace(address, value=text, indent=-1))
    return Listing(tuple(items), node.place, node.base)


def listed(node: Node) -> Node:
    """A single value as the list of it."""
    return Listing((node,), node.place, node.base) if isinstance(node, Scalar) and not node.is_broken else node


def shifted(scalar: Scalar, by: int) -> Place:
    """The place of the part of a scalar that starts `by` characters into it, where that can be told."""
    place = scalar.place
    if scalar.indent < 0 or place.line != place.end_line:
        return place
    end = max(place.column + 1, place.end_column - scalar.indent)
    column = min(place.column + scalar.indent + by, end)
    return replace(place, column=column, end_column=end)


def _rule_of(path: Path) -> str:
    """The name of a path in the tables above: within a service without its beginning, elsewhere `section.*.key`."""
    if len(path) < 3:
        return ""
    rest = path[2:]
    if path[0] != "services":
        return ".".join((path[0], "*", *rest))
    return "ulimits.*" if len(rest) == 2 and rest[0] == "ulimits" else ".".join(rest)


def _conversion(rule: str) -> _Convert:
    if rule in _PAIRS:
        return pairs_table
    if rule in _LISTS:
        return listed
    if rule == "depends_on":
        return depends_table
    if rule == "build":
        return build_table
    return _names_table if rule in _NAMES else _unchanged


def _unchanged(node: Node) -> Node:
    return node


def _names_table(node: Node) -> Node:
    if not isinstance(node, Listing):
        return node
    entries = {}
    for item in node.items:
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            return node
        entries[item.value] = Entry(item.place, replace(item, value=None, indent=-1))
    return Table(entries, node.place, node.base)


def _merge_plain(base: Node, over: Node, problems: Problems, path: Path) -> Node:
    if isinstance(base, Scalar) or (isinstance(over, Scalar) and over.is_broken):
        return without_marks(over)
    if isinstance(base, Table) and isinstance(over, Table):
        return _merge_tables(base, over, problems, path)
    if isinstance(base, Listing) and isinstance(over, Listing):
        added = without_marks(over)
        assert isinstance(added, Listing)
        return replace(base, items=base.items + added.items)
    name = ".".join(path)
    problems.error(f"{name} is {kind_of(over)} here and {kind_of(base)} before, at {base.place}", over.place)
    return base


def _merge_tables(base: Table, over: Table, problems: Problems, path: Path) -> Table:
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        if entry.value.mark is Mark.RESET:
            entries.pop(key, None)
        elif key in entries:
            merged = merge(entries[key].value, entry.value, problems, (*path, key))
            entries[key] = Entry(entry.place, merged)
        else:
            entries[key] = replace(entry, value=without_marks(entry.value))
    return replace(base, entries=entries, mark=Mark.NONE)


def _merge_hosts(base: Node, over: Node, problems: Problems, path: Path) -> Node:
    # A host may have several addresses, so a later one is added to an earlier one, and only the very same is left out.
    earlier, later = hosts_listing(base), hosts_listing(without_marks(over))
    if isinstance(earlier, Listing) and isinstance(later, Listing):
        known = {item.value for item in earlier.items if isinstance(item, Scalar)}
        added = tuple(item for item in later.items if not (isinstance(item, Scalar) and item.value in known))
        return replace(earlier, items=earlier.items + added)
    return _merge_plain(earlier, later, problems, path)


def _merge_logging(base: Node, over: Node, problems: Problems, path: Path) -> Node:
    # Options of another driver would mean nothing: they are merged only where the driver stays.
    if isinstance(base, Table) and isinstance(over, Table):
        before, after = base.get("driver"), over.get("driver")
        if isinstance(before, Scalar) and isinstance(after, Scalar) and before.value != after.value:
            return without_marks(over)
    return _merge_plain(base, over, problems, path)
