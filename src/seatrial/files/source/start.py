"""Where the source of a service begins: from its command to files of the build context.

Asks only which files there are, on every check: light, and without reading any source.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from seatrial.files.scripts.tree import Tree
from seatrial.files.source.entry import Entry, read_entry
from seatrial.files.source.modules import Modules
from seatrial.model.service import Service
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """Where the source of a service begins: files below the context."""

    entry: Entry
    files: tuple[str, ...]
    modules: Modules


def find_start(service: Service, tree: Tree) -> Start | None:
    """The entry of a service, None where its command runs nothing that is here. Asks only which files there are."""
    if service.argv is None or not service.argv.value:
        return None
    argv = service.hops[-1].argv if service.hops else service.argv.value
    directory = (service.hops[-1].directory if service.hops else "") or tree.absolute(".")
    entry = read_entry(argv)
    if entry is None:
        return None
    inside = tree.absolute(entry.directory, directory) if entry.directory else directory
    modules = Modules(tree.context, tuple(_roots(service, tree, inside, directory)))
    files: list[str] = []
    for number, path in enumerate(entry.paths):
        found = _file(tree, modules, path, inside)
        if found is not None:
            files.append(found)
            if number == 0:
                modules.roots = tuple(dict.fromkeys((posixpath.dirname(found), *modules.roots)))
    for name in entry.modules:
        files += modules.module(name, modules.roots)
    return Start(entry, tuple(dict.fromkeys(files)), modules) if files else None


def _below(tree: Tree, path: str) -> str | None:
    """A container directory as a directory of the context, by the copies."""
    for copy in reversed(tree.copies):
        target = tree.absolute(copy.target)
        for said in copy.sources:
            source = posixpath.normpath(posixpath.join("/", said)).lstrip("/")
            inside = path == target or path.startswith(target.rstrip("/") + "/")
            if inside and "*" not in source:
                return posixpath.normpath(posixpath.join(source or ".", path[len(target) :].lstrip("/")))
    workdir = tree.absolute(".")
    if path == workdir or path.startswith(workdir.rstrip("/") + "/"):
        return posixpath.normpath(path[len(workdir) :].lstrip("/") or ".")
    return None


def _roots(service: Service, tree: Tree, inside: str, directory: str) -> Iterator[str]:
    places = [inside, directory]
    said = service.environment.get("PYTHONPATH")
    places += [tree.absolute(each, directory) for each in said.value.split(":")[:8] if each] if said else []
    for place in places:
        found = _below(tree, place)
        if found is not None:
            yield "" if found == "." else found
    yield from ("", "src", "app")


def _file(tree: Tree, modules: Modules, path: str, directory: str) -> str | None:
    absolute = tree.absolute(path, directory)
    endings = ("", ".js", ".mjs", ".cjs", ".ts", "/index.js", "/index.ts", "/__main__.py")
    for ending in endings:
        found = tree.find(absolute + ending)
        if found is not None:
            try:
                return found.relative_to(tree.context).as_posix()
            except ValueError:
                return None
    parent, name = posixpath.split(absolute)
    candidates = [_below(tree, parent)]
    workdir = tree.absolute(".")
    if absolute.startswith(workdir.rstrip("/") + "/"):
        candidates.append(posixpath.dirname(absolute[len(workdir) :].lstrip("/")))
    if not path.startswith("/"):
        candidates.append(posixpath.dirname(posixpath.normpath(path)))
    for candidate in candidates:
        if candidate is not None and not candidate.startswith(".."):
            found_source = modules.built(posixpath.normpath(posixpath.join(candidate, name)))
            if found_source is not None:
                return found_source
    return None
