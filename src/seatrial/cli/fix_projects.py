"""The projects that `seatrial fix` mends: found and read as `seatrial check` finds and reads them.

What `check` leaves out of a search (a part that is put over another file, a file that merely has the name) is left out
here, too: its findings would be nobody's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.files.documents import read_documents
from seatrial.model.documents import Documents, Neighbour
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.values import dataclass, field, replace

if TYPE_CHECKING:
    from seatrial.files.kubernetes import Manifests
    from seatrial.model.kubernetes import Cluster

_MISTAKEN = re.compile(r"has neither an image nor a build|^a compose file must be a mapping")


@dataclass(slots=True)
class _Search:
    """What a search below a directory has come to know."""

    root: Path
    complain: Callable[[Path, InputError], None]
    is_alone: bool
    cluster: Cluster | None = None
    read: set[str] = field(default_factory=set)
    neighbours: list[Neighbour] = field(default_factory=list)


def projects(path: Path, complain: Callable[[Path, InputError], None]) -> Iterator[Documents]:
    """The documents of every project at this path. What can't be read is told to `complain`."""
    if not path.is_dir():
        found = _read(path, "", complain, manifests=True)
        if found is not None:
            yield found
        return
    from seatrial.files.discovery import candidates

    found_below = candidates(path.absolute())
    search = _Search(path.absolute(), complain, len(found_below.dockerfiles) == 1 and not found_below.left_out)
    manifests = _manifests(search.root, found_below.manifests)
    search.cluster = manifests.cluster if manifests and manifests.texts else None
    for each in (*found_below.directories, *found_below.compose_files):
        yield from _of_search(Path(each), search)
    for each in found_below.dockerfiles:
        if os.path.realpath(each) not in search.read:
            yield from _of_search(Path(each), search)
    if manifests is not None:
        from seatrial.files.kubernetes.project import manifest_documents

        documents = manifest_documents(search.root, manifests, search.neighbours)
        if documents is not None:
            yield replace(documents, is_alone=search.is_alone)


def _manifests(root: Path, files: tuple[str, ...]) -> Manifests | None:
    if not files:
        return None
    from seatrial.files.kubernetes import read_manifests

    return read_manifests(root, files)


def _of_search(path: Path, search: _Search) -> Iterator[Documents]:
    documents = _read(path, str(path.relative_to(search.root)), search.complain, manifests=False)
    if documents is None:
        return
    directory = Path(documents.directory)
    search.read.update(os.path.realpath(directory / name) for name in documents.texts)
    if directory != search.root and any(_MISTAKEN.search(finding.message) for finding in documents.findings):
        return
    below = os.path.relpath(directory, search.root)
    prefix = "" if below == "." else below + "/"
    search.neighbours += [Neighbour(prefix, unit) for unit in documents.units]
    yield replace(documents, around=search.cluster, prefix=prefix, is_alone=search.is_alone)


def _read(
    path: Path, origin: str, complain: Callable[[Path, InputError], None], *, manifests: bool
) -> Documents | None:
    try:
        return read_documents(path, environment={}, origin=origin, manifests=manifests)
    except NothingFoundError:
        return None
    except InputError as error:
        complain(path, error)
        return None
