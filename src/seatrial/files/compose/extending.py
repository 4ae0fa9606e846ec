"""`extends`: a service that starts from another one, of the same file or of another.

The base is extended first, its own files' relative paths stay relative to those files, and a circle is an error.
"""

from __future__ import annotations

import os

from seatrial.files.compose.interpolation import Lookup
from seatrial.files.compose.loading import Loader
from seatrial.files.compose.merging import merge
from seatrial.files.compose.nodes import Mark, Node, Scalar, Table, is_null, kind_of
from seatrial.files.compose.problems import nearest
from seatrial.model.values import replace

_MAX_CHAIN = 50
_Link = tuple[str, str]
"""A file and a service of it."""


def apply_extends(loader: Loader, tree: Table, path: str, lookup: Lookup) -> Table:
    """The tree with every service extended. `path` is the file that it stands in."""
    services = tree.table("services")
    if services is None or not any(
        isinstance(value, Table) and "extends" in value.entries for _, value in services.items()
    ):
        return tree
    work = _Extending(loader, lookup)
    extended = {
        name: replace(entry, value=work.extended(name, services, path, ())) for name, entry in services.entries.items()
    }
    entries = dict(tree.entries)
    entries["services"] = replace(entries["services"], value=replace(services, entries=extended))
    return replace(tree, entries=entries)


class _Extending:
    def __init__(self, loader: Loader, lookup: Lookup) -> None:
        self.loader = loader
        self.problems = loader.problems
        self.lookup = lookup
        self.done: dict[_Link, Node] = {}
        self.read: dict[str, Table | None] = {}

    def extended(self, name: str, services: Table, path: str, chain: tuple[_Link, ...]) -> Node:
        link = (path, name)
        if link not in self.done:
            self.done[link] = self._extend(name, services, path, (*chain, link))
        return self.done[link]

    def _extend(self, name: str, services: Table, path: str, chain: tuple[_Link, ...]) -> Node:
        service = services.entries[name].value
        said = service.get("extends") if isinstance(service, Table) else None
        if not isinstance(service, Table) or said is None or said.mark is Mark.RESET:
            return service
        own = service.with_entries({key: entry for key, entry in service.entries.items() if key != "extends"})
        own = replace(own, mark=service.mark)
        found = self._base(name, said, services, path)
        if found is None:
            return service  # with its `extends`: what it lacks has been explained
        reference, base_services, base_path = found
        link = (base_path, str(reference.value))
        if link in chain or len(chain) > _MAX_CHAIN:
            circle = " → ".join(f"{service} ({self.loader.shown(file)})" for file, service in (*chain, link)[-6:])
            self.problems.error(f"the services extend each other in a circle: {circle}", reference.place)
            return service
        base = self.extended(link[1], base_services, base_path, chain)
        if not isinstance(base, Table):
            return own
        merged = merge(base, replace(own, mark=Mark.NONE), self.problems, ("services", name))
        return replace(merged, place=own.place, mark=own.mark)

    def _base(self, name: str, said: Node, services: Table, path: str) -> tuple[Scalar, Table, str] | None:
        """What is extended: the name of the service, where it is among, and their file."""
        file: Node | None = None
        reference: Node | None = said
        if isinstance(said, Table):
            reference, file = said.get("service"), said.get("file")
            self._check_keys(said)
        if not isinstance(reference, Scalar) or not isinstance(reference.value, str):
            if not (isinstance(reference, Scalar) and reference.is_broken) and not is_null(said):
                self.problems.error(f"the extends of {name} needs the name of a service", (reference or said).place)
            return None
        if file is not None and not is_null(file):
            found = self._from_file(file)
            if found is None:
                return None
            services, path = found
        if reference.value not in services.entries:
            self._tell_missing(name, reference, services, path)
            return None
        return reference, services, path

    def _from_file(self, file: Node) -> tuple[Table, str] | None:
        if not isinstance(file, Scalar) or not isinstance(file.value, str):
            if not (isinstance(file, Scalar) and file.is_broken):
                self.problems.error(f"extends.file must be a path, this is {kind_of(file)}", file.place)
            return None
        if "://" in file.value:
            self.problems.note(f"{file.value} is not on this machine; what it says is not read", file.place)
            return None
        path = os.path.normpath(os.path.join(file.base, os.path.expanduser(file.value)))  # noqa: PTH111, PTH118  # a text
        before = len(self.problems.findings)
        if path not in self.read:
            self.read[path] = self.loader.services_of(path, os.path.dirname(path), self.lookup, file.place)  # noqa: PTH120  # a text
        services = self.read[path]
        if services is None:
            if len(self.problems.findings) == before:
                self.problems.error(f"{self.loader.shown(path)} has no services to extend", file.place)
            return None
        return services, path

    def _tell_missing(self, name: str, reference: Scalar, services: Table, path: str) -> None:
        wanted = str(reference.value)
        near = nearest(wanted, list(services.entries))
        shown = self.loader.shown(path)
        message = f"{name} extends the service {wanted!r}, which {shown} doesn't have"
        self.problems.error(message, reference.place, f"did you mean {near}?" if near else "")

    def _check_keys(self, said: Table) -> None:
        for key, entry in said.entries.items():
            if key not in ("service", "file"):
                self.problems.error(f"extends has no key {key!r}; it has service and file", entry.place)
