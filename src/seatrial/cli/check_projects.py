"""The projects that `seatrial check` finds at a path, each read and checked: what has come together of all of them.

Projects are independent of each other but for what manifests say of them, so many of them are shared among processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.check import run as checking
from seatrial.check.run import Options, Outcome
from seatrial.files import disk
from seatrial.files.documents import read_documents
from seatrial.model.documents import Documents, Neighbour
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass, field, replace

if TYPE_CHECKING:
    from seatrial.files.discovery import Candidates
    from seatrial.files.kubernetes import Manifests
    from seatrial.model.kubernetes import Cluster

WORTH_A_FORK = 32
"""Projects for which one more process pays."""
FEW_DIRECTORIES = 64
"""A tree of so many is looked through before another process would have begun."""
_AT_ONCE = 8
"""Projects that a process takes at once: their neighbours are asked for the same directories."""


@dataclass(slots=True)
class Checked:
    """What has come together of all projects; places are relative to the working directory. `talk` are lines for
    stderr, `problems` what could not be read at all."""

    outcomes: list[Outcome] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    services: int = 0
    problems: list[str] = field(default_factory=list)
    talk: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    neighbours: list[Neighbour] = field(default_factory=list)

    def add(self, other: Checked) -> None:
        """Takes in what another process has found."""
        self.outcomes += other.outcomes
        self.texts |= other.texts
        self.services += other.services
        self.problems += other.problems
        self.talk += other.talk
        self.read |= other.read
        self.neighbours += other.neighbours


@dataclass(frozen=True, slots=True)
class _Search:
    """Where projects are looked for: everything below `root`. `cluster` is what the manifests there say."""

    root: Path
    options: Options
    cluster: Cluster | None
    is_alone: bool
    """Whether there is one Dockerfile only."""


def check_path(path: Path, options: Options, checked: Checked) -> None:
    """Check what is at this path: everything below a directory, or the project of a file."""
    if not disk.is_directory(path):
        _check_one(path, options, checked)
        return
    root = path.absolute()
    found = _candidates(root)
    checked.talk += found.left_out
    manifests = _manifests(root, found.manifests)
    is_alone = len(found.dockerfiles) == 1 and not found.left_out
    search = _Search(root, options, manifests.cluster if manifests and manifests.texts else None, is_alone)
    _check_all((*found.directories, *found.compose_files), search, checked)
    _check_all([each for each in found.dockerfiles if each not in checked.read], search, checked)
    if manifests is not None:
        _check_manifests(search, manifests, checked)


def _candidates(root: Path) -> Candidates:
    """What lies below `root`. In a large tree another process looks for it, while the rules are imported here."""
    from seatrial.files.discovery import candidates

    found = candidates(root, limit=FEW_DIRECTORIES)
    if not found.left_out:
        return found
    from seatrial.check.table import load_common
    from seatrial.cli import forks

    looking = forks.aside(partial(_look_around, root))
    load_common()
    found, notes, listings = looking()
    disk.hear(notes)
    disk.know(listings)
    return found


def _look_around(root: Path) -> tuple[Candidates, disk.Notes, disk.Listings]:
    from seatrial.files.discovery import candidates

    with disk.apart() as notes:
        return candidates(root), notes, disk.listings()


def _check_all(projects: Sequence[str], search: _Search, checked: Checked) -> None:
    # Manifests are checked with the services around them, and a service that was read can't be sent to and fro.
    if search.cluster or len(projects) < 2 * WORTH_A_FORK:
        for project in projects:
            _check_one(Path(project), search.options, checked, search)
        return
    from seatrial.cli import forks

    workers = forks.workers_for(len(projects), WORTH_A_FORK)
    size = max(_AT_ONCE, len(projects) // forks.MAX_WAITING + 1)
    parts = [projects[start : start + size] for start in range(0, len(projects), size)]
    for part, notes in forks.each(_elsewhere(search), parts, workers):
        checked.add(part)
        disk.hear(notes)


def _elsewhere(search: _Search) -> Callable[[Sequence[str]], tuple[Checked, disk.Notes]]:
    """What another process does with a part: checks each, and gives back what was asked of the disk, too."""

    def check(projects: Sequence[str]) -> tuple[Checked, disk.Notes]:
        part = Checked()
        with disk.apart() as notes:
            for project in projects:
                _check_one(Path(project), search.options, part, search)
        part.neighbours.clear()
        return part, notes

    return check


def _manifests(root: Path, files: tuple[str, ...]) -> Manifests | None:
    if not files:
        return None
    from seatrial.files.kubernetes import read_manifests

    return read_manifests(root, files)


def _check_manifests(search: _Search, manifests: Manifests, checked: Checked) -> None:
    """The Kubernetes manifests of a search, all together: what they say of one service may stand in many files."""
    from seatrial.files.kubernetes.project import manifest_documents

    documents = manifest_documents(search.root, manifests, checked.neighbours)
    if documents is not None:
        _run(replace(documents, is_alone=search.is_alone), search.options, checked)
        checked.talk += documents.cluster.left_out() if documents.cluster else ()


def _check_one(path: Path, options: Options, checked: Checked, search: _Search | None = None) -> None:
    """`search` is None where the user named the file."""
    origin = _below(str(path), str(search.root)) if search else ""
    try:
        documents = read_documents(path, environment={}, origin=origin, manifests=search is None)
    except NothingFoundError:
        return
    except InputError as error:
        file = error.place.file if error.place else str(path)
        problem = f"{_found(file, path) if search else file}: {error.message}"
        checked.problems += [] if problem in checked.problems else [problem]
        return
    checked.read.update(os.path.normpath(f"{documents.directory}/{file}") for file in documents.texts)
    if search:
        found = documents.findings
        below = _below(documents.directory, str(search.root))
        prefix = "" if below == "." else below + "/"
        if prefix:
            if any(_MISTAKEN.search(finding.message) for finding in found):
                return  # a part that is put over another file, or no compose file at all
            found = tuple(_of_any_context(found))
        checked.neighbours += [Neighbour(prefix, unit) for unit in documents.units]
        is_alone = search.is_alone
        documents = replace(documents, findings=found, around=search.cluster, prefix=prefix, is_alone=is_alone)
    _run(documents, options, checked)


def _run(documents: Documents, options: Options, checked: Checked) -> None:
    prefix, here = prefix_of(documents.directory), os.getcwd().rstrip("/") + "/"  # noqa: PTH109  # texts are compared
    outcome = checking.run(documents, replace(options, prefix=prefix, here=here))
    checked.outcomes.append(outcome)
    checked.texts.update({checking.moved_file(file, prefix, here): text for file, text in documents.texts.items()})
    cluster = documents.cluster
    checked.services += len(documents.units) + (len(cluster.workloads) + len(cluster.tasks) if cluster else 0)


def prefix_of(directory: str) -> str:
    """What stands before the files of this project, seen from the working directory."""
    relative = _below(directory, os.getcwd())  # noqa: PTH109  # texts are compared
    if relative == ".":
        return ""
    return (directory if relative.startswith("../../..") else relative).rstrip("/") + "/"


def _below(path: str, directory: str) -> str:
    """The path as seen from the directory; both are absolute."""
    within = directory.rstrip("/") + "/"
    if path.startswith(within) and ".." not in path:
        return path[len(within) :]
    return os.path.relpath(path, directory)


def _found(file: str, project: Path) -> str:
    """The name of a file of a project that was found, seen from the working directory."""
    path = (project if disk.is_directory(project) else project.parent) / file
    return prefix_of(str(path.parent)) + path.name


_MISTAKEN = pattern(r"has neither an image nor a build|^a compose file must be a mapping")
"""What is wrong with a file that somebody named is not, with one that merely has the name."""


def _of_any_context(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Without those that depend on which directory the image is built from, which nobody says."""
    for finding in findings:
        if "build context" not in finding.message:
            yield finding
