"""Reads kustomizations: what belongs together, which files are patches, and what a patch touches. Applies nothing.

Pure but for the function that gives a file's bytes. Never raises for what a file holds.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping

from seatrial.files.compose.nodes import Listing, Node, Scalar, Table, text_of
from seatrial.files.compose.yaml_tree import YamlError, read_documents
from seatrial.files.kubernetes.fields import Fields
from seatrial.model.values import dataclass, field

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
Read = Callable[[str], bytes | None]
"""The bytes of a file by its path from the root, None where there is none to read."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch: whom it is for ("" is anybody), and the names of the fields that it touches."""

    kind: str
    name: str
    fields: frozenset[str]

    def touches(self, kind: str, name: str) -> bool:
        """Whether it is for this object."""
        return self.kind in ("", kind) and (self.name in ("", name) or _matches(self.name, name))


def _matches(pattern: str, name: str) -> bool:
    # A target's name may be a regular expression; only the simplest is looked into.
    return pattern.endswith(".*") and name.startswith(pattern[:-2])


@dataclass(slots=True)
class Kustomization:
    """One kustomization. Paths are from the root; `members` are files and directories."""

    directory: str
    members: list[str] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    patch_files: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)


def read_kustomization(data: bytes, file: str, read: Read) -> Kustomization | None:
    """The kustomization in this file, None where it can't be read."""
    table = next(iter(_tables(data, file)), None)
    if table is None:
        return None
    fields = Fields(table)
    found = Kustomization(posixpath.dirname(file))
    for key in ("resources", "bases", "components", "crds"):
        for each in fields.each_text(key):
            path = _join(found.directory, each.value)
            if path is not None:
                found.members.append(path)
    for image in fields.tables("images"):
        found.images.append(image.string("name"))
    for node in _patch_nodes(table):
        _read_patch(node, found, read)
    return found


def _patch_nodes(table: Table) -> Iterator[Node]:
    for key in ("patches", "patchesStrategicMerge", "patchesJson6902"):
        node = table.get(key)
        if isinstance(node, Listing):
            yield from node.items


def _read_patch(node: Node, found: Kustomization, read: Read) -> None:
    if isinstance(node, Scalar):
        text = text_of(node)
        if "\n" in text:
            _add(text.encode(), "", "", found)
        else:
            _add_file(text, "", "", found, read)
    elif isinstance(node, Table):
        fields = Fields(node)
        target = fields.sub("target")
        kind, name = (target.string("kind"), target.string("name")) if target else ("", "")
        if text := fields.string("patch"):
            _add(text.encode(), kind, name, found)
        if path := fields.string("path"):
            _add_file(path, kind, name, found, read)


def _add_file(path: str, kind: str, name: str, found: Kustomization, read: Read) -> None:
    joined = _join(found.directory, path)
    data = read(joined) if joined is not None else None
    if joined is not None and data is not None:
        found.patch_files.append(joined)
        _add(data, kind, name, found)


def _add(data: bytes, kind: str, name: str, found: Kustomization) -> None:
    try:
        roots = read_documents(data, "patch", "")
    except YamlError:
        return
    for root in roots:
        if isinstance(root, Table):
            fields = Fields(root)
            metadata = fields.sub("metadata")
            own = fields.string("kind"), metadata.string("name") if metadata else ""
            found.patches.append(Patch(kind or own[0], name or ("" if kind else own[1]), frozenset(_names(root))))
        elif isinstance(root, Listing):
            paths = [Fields(item).string("path") for item in root.items if isinstance(item, Table)]
            values = {each for item in root.items for each in _names(item)}
            words = {part for path in paths for part in re.split(r"[/~]", path) if part}
            found.patches.append(Patch(kind, name, frozenset(words | values)))


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Table):
        for key, value in node.items():
            yield key
            yield from _names(value)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _names(item)


def read_skaffold(data: bytes, file: str) -> Mapping[str, str]:
    """The images that a skaffold.yaml builds, and the directory (from the root) of each."""
    built: dict[str, str] = {}
    for table in _tables(data, file):
        build = Fields(table).sub("build")
        for artifact in build.tables("artifacts") if build else ():
            path = _join(posixpath.dirname(file), artifact.string("context") or ".")
            if path is not None and artifact.string("image"):
                built[artifact.string("image")] = path
    return built


def _tables(data: bytes, file: str) -> list[Table]:
    try:
        return [root for root in read_documents(data, file, "") if isinstance(root, Table)]
    except YamlError:
        return []


def _join(directory: str, path: str) -> str | None:
    """A path from the root, None for what lies outside or somewhere in the network."""
    if "://" in path or path.startswith(("/", "git@", "github.com/")) or "?" in path:
        return None
    joined = posixpath.normpath(posixpath.join(directory, path))
    return None if joined.startswith("..") else joined


def memberships(kustomizations: Mapping[str, Kustomization]) -> dict[str, set[str]]:
    """For each file and directory: the directories of the kustomizations that take it in, through others, too."""
    found: dict[str, set[str]] = {}
    for start in kustomizations:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            directory = waiting.pop()
            if directory in seen:
                continue
            seen.add(directory)
            inner = kustomizations.get(directory)
            for member in inner.members if inner else ():
                found.setdefault(member, set()).add(start)
                waiting.append(member)
    return found
