"""Reads the compose files of a project, each once, and puts variables into them.

Opens files through `files.reading` alone. A file that can't be read or a broken value is told to `Problems`; what is
left is still used. The number of files is bounded.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.files.compose.interpolation import InterpolationError, Lookup, interpolate
from seatrial.files.compose.merging import merge, shifted
from seatrial.files.compose.nodes import Entry, Listing, Node, Scalar, Table, broken, kind_of
from seatrial.files.compose.problems import Problems
from seatrial.files.compose.yaml_tree import YamlError, read_documents
from seatrial.files.reading import read_bytes
from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.model.values import dataclass, field, replace

MAX_FILES = 100
"""Files of one project; more is a fan of includes that never ends."""
MAX_LENGTH = 32 << 20
"""Characters of all values that hold variables."""


@dataclass(slots=True)
class Loader:
    """What is shared by all files of a project. `directory` is the project's own, absolute."""

    directory: str
    problems: Problems
    files: dict[str, None] = field(default_factory=dict)
    _documents: dict[tuple[str, str], list[Table]] = field(default_factory=dict)
    _unset: set[tuple[str, str]] = field(default_factory=set)
    _length: int = 0
    loads: int = 0

    def shown(self, path: str) -> str:
        """A file as places call it: relative to the project directory where it lies in it or beside it."""
        relative = os.path.relpath(path, self.directory)
        return path if relative.startswith("../../") else relative

    def documents(self, path: str, base: str, place: Place | None) -> list[Table]:
        """The documents of a file. `place` is where the file was asked for, if a file did."""
        key = (path, base)
        if key not in self._documents:
            self._documents[key] = self._read(path, base, place)
        return self._documents[key]

    def _read(self, path: str, base: str, place: Place | None) -> list[Table]:
        shown = self.shown(path)
        if len(self._documents) >= MAX_FILES:
            self.problems.error(f"more than {MAX_FILES} files are included", place or Place(shown, 1))
            return []
        self.files[shown] = None
        try:
            roots = read_documents(read_bytes(Path(path), shown), shown, base)
        except InputError as error:
            message = f"{shown} {error.message}"
            self.problems.error(message, place or error.place or Place(shown, 1), error.hint)
            return []
        except YamlError as error:
            self.problems.error(error.message, error.place, error.remedy)
            return []
        for root in roots:
            if not isinstance(root, Table):
                self.problems.error(f"a compose file must be a mapping, this is {kind_of(root)}", root.place)
        return [root for root in roots if isinstance(root, Table)]

    def services_of(self, path: str, base: str, lookup: Lookup, place: Place) -> Table | None:
        """The services of a file that another one extends, before their own `extends`."""
        merged: Node = Table({}, place, base)
        for document in self.documents(path, base, place):
            merged = merge(merged, self.interpolated(document, lookup), self.problems)
        return merged.table("services") if isinstance(merged, Table) else None

    def interpolated(self, node: Table, lookup: Lookup) -> Table:
        """The tree with its variables replaced, keys excepted."""
        result = self._interpolated(node, lookup)
        assert isinstance(result, Table)
        return result

    def _interpolated(self, node: Node, lookup: Lookup) -> Node:
        if isinstance(node, Table):
            entries = {
                key: Entry(entry.place, self._interpolated(entry.value, lookup)) for key, entry in node.entries.items()
            }
            return replace(node, entries=entries)
        if isinstance(node, Listing):
            return replace(node, items=tuple(self._interpolated(item, lookup) for item in node.items))
        if not isinstance(node.value, str) or "$" not in node.value:
            return node
        return self._interpolated_scalar(node, node.value, lookup)

    def _interpolated_scalar(self, node: Scalar, text: str, lookup: Lookup) -> Scalar:
        try:
            result = interpolate(text, lookup)
        except InterpolationError as error:
            remedy = f"set {error.missing} in the environment or in .env" if error.missing else ""
            self.problems.error(error.message, shifted(node, error.offset), remedy)
            return replace(broken(node), mark=node.mark, is_open=bool(error.missing))
        for name, offset in result.unset:
            if (name, node.place.file) in self._unset:
                continue
            self._unset.add((name, node.place.file))
            message = f"the variable {name} is not set; it counts as empty"
            remedy = f"set it in the environment or in .env, or write ${{{name}:-default}}"
            self.problems.warn(message, shifted(node, offset), remedy)
        self._length += len(result.text)
        if self._length > MAX_LENGTH:
            self.problems.error("the variables make the files too long", node.place)
            return replace(broken(node), mark=node.mark)
        indent = node.indent if result.text == text else -1
        return replace(node, value=result.text, indent=indent, is_open=bool(result.unset))
