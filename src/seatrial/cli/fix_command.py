"""`seatrial fix`: the findings that files can be mended for, as a unified diff, or written.

Finds projects and findings as `seatrial check` does; which edits there are is `check.fixing`'s affair, how they get
into a file `files.editing`'s. Either every file is written or none is. Exit codes: without --write 1 if there is
something to fix; with it 0.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from seatrial.check import baseline, fixing
from seatrial.check import run as checking
from seatrial.check.run import Options
from seatrial.check.run import run as check
from seatrial.cli import codes
from seatrial.cli.check_projects import prefix_of
from seatrial.cli.check_settings import Settings, known_findings, read_settings
from seatrial.cli.fix_measured import Measurements
from seatrial.cli.fix_projects import projects
from seatrial.cli.streams import complain, emit
from seatrial.files.diffs import unified_diff
from seatrial.files.editing import Change, Edited, edited, read_source, write_sources
from seatrial.files.promises import are_kept
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding
from seatrial.model.redaction import source_line
from seatrial.model.values import dataclass, field, replace


@dataclass(slots=True)
class _File:
    """A file and what is wanted of it. `text` is what the findings were made from, None where they weren't made from
    what it holds (.dockerignore)."""

    shown: str
    path: Path
    text: str | None
    edits: dict[Edit, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """What has come together of all projects; `files` by their real paths."""

    files: dict[str, _File] = field(default_factory=dict)
    changes: list[tuple[Change, Edited]] = field(default_factory=list)
    projects: int = 0
    unsafe: int = 0
    problems: int = 0

    @property
    def fixed(self) -> int:
        """How many edits are made."""
        return sum(len(result.done) for _, result in self.changes)

    def wrong(self, where: str, error: InputError) -> None:
        """Say what can't be read or written."""
        self.problems += 1
        complain(f"error: {where}: {error.message}")
        if error.hint:
            complain(f"hint: {error.hint}")


def run(arguments: argparse.Namespace) -> int:
    """Show or write, and give the exit code."""
    settings = _settings(arguments)
    known = known_findings(settings.baseline)
    options = Options(settings.select, settings.ignore, known, today=time.strftime("%Y-%m-%d", time.gmtime()))
    work = _Work()
    source = Measurements(Path(arguments.recording), options) if arguments.recording is not None else None
    for path in arguments.paths or ["."]:
        for documents in projects(Path(path), lambda at, error: work.wrong(_where(at, error), error)):
            _collect(documents, source.edits(documents) if source else _edits(documents, options), work)
    if not work.projects and not work.problems:
        raise NothingFoundError(
            "no Dockerfile, compose file, Kubernetes manifest or task definition found",
            hint="name a directory, a Dockerfile, a compose file or a manifest",
        )
    if source:
        source.tell()
    for file in work.files.values():
        _mend(file, arguments, work)
    if arguments.write:
        _write(work)
    else:
        _show(work)
    _tell(work, arguments)
    if work.problems:
        return codes.USAGE
    return codes.FAILED if work.changes and not arguments.write else codes.GOOD


def _where(path: Path, error: InputError) -> str:
    """The file as it is called here: what was found in a search is named from its project."""
    file = error.place.file if error.place else str(path)
    return _shown((path if path.is_dir() else path.parent) / file) if path.is_absolute() else file


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("../") else relative


def _settings(arguments: argparse.Namespace) -> Settings:
    def names(given: list[str]) -> tuple[str, ...]:
        return tuple(name for part in given for each in part.split(",") if (name := each.strip()))

    found = read_settings(Path(arguments.config) if arguments.config else None)
    return found.overridden(select=names(arguments.select), ignore=names(arguments.ignore), fail_on=None, baseline=None)


def _collect(documents: Documents, edits: Iterator[Edit], work: _Work) -> None:
    work.projects += 1
    for edit in edits:
        _file(edit.place.file, documents, work).edits[edit] = None


def _edits(documents: Documents, options: Options) -> Iterator[Edit]:
    """Those that the findings of a check ask for."""
    outcome = check(documents, replace(options, known=Counter()))
    if options.known:
        outcome = replace(outcome, all_findings=tuple(_fresh(documents, outcome.all_findings, options.known)))
    yield from fixing.edits(documents, outcome)


def _fresh(documents: Documents, findings: tuple[Finding, ...], known: Counter[baseline.Key]) -> Iterator[Finding]:
    """Those that the baseline doesn't have. It calls files as they are seen from here, an edit as its project does."""
    prefix, here = prefix_of(documents.directory), f"{Path.cwd()}/"
    seen = {checking.moved(each, prefix, here): each for each in findings}
    texts = {checking.moved_file(file, prefix, here): text for file, text in documents.texts.items()}
    left, _ = baseline.without_known(seen, texts, known)
    yield from (seen[each] for each in left)


def _file(name: str, documents: Documents, work: _Work) -> _File:
    path = Path(documents.directory) / name
    real = os.path.realpath(path)
    if real not in work.files:
        work.files[real] = _File(_shown(path), path, documents.texts.get(name))
    return work.files[real]


def _mend(file: _File, arguments: argparse.Namespace, work: _Work) -> None:
    wanted = [edit for edit in file.edits if edit.is_safe or arguments.unsafe]
    work.unsafe += len(file.edits) - len(wanted)
    if not wanted:
        return
    try:
        source = read_source(file.path, file.shown, may_be_new=all(edit.creates for edit in wanted))
        if file.text is not None and source.text != file.text:
            raise InputError("has changed since it was read", hint="run it again")
    except InputError as error:
        work.wrong(file.shown, error)
        return
    result = edited(source.text, wanted, are_kept)
    for left in result.left:
        place = left.edit.place
        complain(f"left: {file.shown}:{place.line}:{place.column}: {left.edit.requirement}: {left.reason}")
    if result.done:
        work.changes.append((Change(source, result.text, file.shown), result))


def _write(work: _Work) -> None:
    """All files or none."""
    try:
        write_sources([change for change, _ in work.changes])
    except InputError as error:
        work.wrong(error.place.file if error.place else "", error)
        work.changes.clear()
    for change, result in work.changes:
        for edit in result.done:
            complain(f"{change.shown}:{edit.place.line}: {edit.requirement}: {edit.note}")


def _show(work: _Work) -> None:
    for change, _ in work.changes:
        mark = "\ufeff" if change.source.has_bom else ""
        name = change.shown.removeprefix("/")
        diff = unified_diff(mark + change.source.text, mark + change.text, name, is_new=change.source.is_new)
        emit(diff)
        if any("$" not in line and source_line(line) != line for line in diff.split("\n")):
            complain(f"note: the diff quotes credentials of {change.shown}, as it has to: keep it out of logs")


def _tell(work: _Work, arguments: argparse.Namespace) -> None:
    fixes = f"{work.fixed} {'fix' if work.fixed == 1 else 'fixes'}"
    files = f"{len(work.changes)} {'file' if len(work.changes) == 1 else 'files'}"
    if not work.fixed:
        complain("nothing to fix")
    elif arguments.write:
        complain(f"{fixes} in {files}")
    else:
        complain(f"{fixes} in {files}; --write applies them")
    if work.unsafe:
        complain(f"{work.unsafe} more with --unsafe: they may change more than the requirement asks")
