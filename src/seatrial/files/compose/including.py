"""`include`: other compose projects whose services become part of this one.

Each is loaded with its own project directory and `.env`; what the including file says of the same name goes on top.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.loading import Loader
from seatrial.files.compose.merging import merge
from seatrial.files.compose.nodes import Entry, Listing, Node, Scalar, Table, broken, is_null, kind_of
from seatrial.files.compose.surroundings import EnvFile, read_env_files
from seatrial.model.values import replace

_SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "models")
_MAX_CHAIN = 20
_KEYS = frozenset({"path", "project_directory", "env_file"})


class Load(Protocol):
    """How the files of one include become a tree."""

    def __call__(
        self, loader: Loader, paths: Sequence[str], base: str, lookup: Lookup, within: tuple[str, ...]
    ) -> Table: ...


def apply_includes(loader: Loader, tree: Table, lookup: Lookup, chain: tuple[str, ...], load: Load) -> Table:
    """The tree with everything that it includes. `chain` are the files from the first one down to this."""
    said = tree.get("include")
    if said is None:
        return tree
    entries = dict(tree.entries)
    del entries["include"]
    tree = tree.with_entries(entries)
    if not isinstance(said, Listing):
        if not is_null(said):
            loader.problems.error(f"include must be a list, this is {kind_of(said)}", said.place)
        return tree
    for item in said.items:
        imported = _load(loader, item, lookup, chain, load)
        if imported is not None:
            tree = _import(loader, imported, tree)
    return tree


def _load(loader: Loader, item: Node, lookup: Lookup, chain: tuple[str, ...], load: Load) -> Table | None:
    table = item if isinstance(item, Table) else Table({"path": Entry(item.place, item)}, item.place, item.base)
    for key, entry in table.entries.items():
        if key not in _KEYS:
            loader.problems.error(
                f"include has no key {key!r}; it has path, project_directory and env_file", entry.place
            )
    paths = _paths(loader, table.get("path"), "include.path")
    if not paths:
        if table.get("path") is None:
            loader.problems.error("an include needs a path", item.place)
        return None
    files = [_absolute(path) for path in paths]
    if any(_is_remote(str(path.value)) for path in paths):
        loader.problems.note(f"{paths[0].value} is not on this machine; what it includes is not read", paths[0].place)
        return None
    if files[0] in chain:
        names = " → ".join(loader.shown(file) for file in (*chain, files[0]))
        loader.problems.error(f"the files include each other in a circle: {names}", paths[0].place)
        return None
    if len(chain) > _MAX_CHAIN:
        loader.problems.error(f"more than {_MAX_CHAIN} files include each other in a row", paths[0].place)
        return None
    directory = _directory(loader, table.get("project_directory"), files[0])
    inner = _environment(loader, table.get("env_file"), directory, lookup)
    for path, file in zip(paths, files, strict=True):
        loader.documents(file, directory, path.place)
    return load(loader, files, directory, inner, chain)


def _directory(loader: Loader, said: Node | None, first: str) -> str:
    named = _paths(loader, said, "include.project_directory")
    return _absolute(named[0]) if named else os.path.dirname(first)  # noqa: PTH120 — a text, not a file


def _environment(loader: Loader, said: Node | None, directory: str, lookup: Lookup) -> Lookup:
    if said is None or is_null(said):
        default = os.path.join(directory, ".env")  # noqa: PTH118 — a text, not a file
        files = [EnvFile(default, loader.shown(default))]
    else:
        named = [path for path in _paths(loader, said, "include.env_file") if path.value != "/dev/null"]
        files = [EnvFile(_absolute(path), loader.shown(_absolute(path)), path.place) for path in named]
    values = read_env_files(loader.problems, files, lookup)

    def inner(name: str) -> str | None:
        outside = lookup(name)
        return values.get(name) if outside is None else outside

    return inner


def _paths(loader: Loader, node: Node | None, what: str) -> list[Scalar]:
    items = node.items if isinstance(node, Listing) else () if node is None else (node,)
    found = []
    for item in items:
        if isinstance(item, Scalar) and isinstance(item.value, str) and item.value:
            found.append(item)
        elif not (isinstance(item, Scalar) and item.is_broken):
            loader.problems.error(f"{what} must be a path, this is {kind_of(item)}", item.place)
    return found


def _absolute(path: Scalar) -> str:
    return os.path.normpath(os.path.join(path.base, str(path.value)))  # noqa: PTH118 — texts, not files


def _is_remote(path: str) -> bool:
    return "://" in path or path.startswith(("git@", "github.com/"))


def _import(loader: Loader, imported: Table, tree: Table) -> Table:
    entries = dict(tree.entries)
    for section in _SECTIONS:
        theirs = imported.table(section)
        if theirs is None:
            continue
        if section not in entries or is_null(entries[section].value):
            entries[section] = Entry(theirs.place, theirs)
            continue
        ours = entries[section].value
        if not isinstance(ours, Table):
            loader.problems.error(f"{section} must be a mapping, this is {kind_of(ours)}", ours.place)
            ours = broken(ours)
        entries[section] = replace(entries[section], value=_joined(loader, theirs, ours, section))
    return tree.with_entries(entries)


def _joined(loader: Loader, theirs: Table, ours: Node, section: str) -> Node:
    if not isinstance(ours, Table):
        return theirs
    # Only names that both have are merged; the marks of the others must last until they meet an earlier file.
    entries = dict(theirs.entries)
    for name, entry in ours.entries.items():
        if name in theirs.entries:
            merged = merge(theirs.entries[name].value, entry.value, loader.problems, (section, name))
            entries[name] = replace(entry, value=merged)
        else:
            entries[name] = entry
    return ours.with_entries(entries)
