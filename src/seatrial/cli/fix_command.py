"""`seatrial fix`: the findings that files can be mended for, as a unified diff, or written.

Finds projects and findings as `seatrial check` does; which edits there are is `check.fixing`'s affair, how they get
into a file `files.editing`'s. Exit codes: without --write 1 if there is something to fix; with it 0.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.check import fixing
from seatrial.check.run import Options
from seatrial.check.run import run as check
from seatrial.cli import codes
from seatrial.cli.check_settings import Settings, read_settings
from seatrial.cli.streams import complain, emit
from seatrial.files.documents import read_documents
from seatrial.files.editing import Edited, Source, edited, read_source, unified_diff, write_source
from seatrial.files.promises import are_kept
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.errors import InputError, NothingFoundError


@dataclass(slots=True)
class _File:
    """A file and what is wanted of it. `text` is what the findings were made from."""

    shown: str
    path: Path
    text: str
    edits: dict[Edit, None] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """What has come together of all projects; `files` by their real paths."""

    files: dict[str, _File] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    projects: int = 0
    fixed: int = 0
    changed: int = 0
    unsafe: int = 0
    problems: int = 0


def run(arguments: argparse.Namespace) -> int:
    """Show or write, and give the exit code."""
    settings = _settings(arguments)
    options = Options(settings.select, settings.ignore)
    work = _Work()
    for path in arguments.paths or ["."]:
        for project, origin in _projects(Path(path), work):
            _collect(project, origin, options, work)
    if not work.projects and not work.problems:
        raise NothingFoundError(
            "no Dockerfile and no compose file found", hint="name a directory, a Dockerfile or a compose file"
        )
    for file in work.files.values():
        _mend(file, arguments, work)
    _tell(work, arguments)
    if work.problems:
        return codes.USAGE
    return codes.FAILED if work.changed and not arguments.write else codes.GOOD


def _settings(arguments: argparse.Namespace) -> Settings:
    def names(given: list[str]) -> tuple[str, ...]:
        return tuple(name for part in given for each in part.split(",") if (name := each.strip()))

    found = read_settings(Path(arguments.config) if arguments.config else None)
    return found.overridden(select=names(arguments.select), ignore=names(arguments.ignore), fail_on=None, baseline=None)


def _projects(path: Path, work: _Work) -> Iterator[tuple[Path, str]]:
    """The projects at this path, each with where it lies below it: as `seatrial check` finds them."""
    if not path.is_dir():
        yield path, ""
        return
    from seatrial.files.discovery import candidates

    root = path.absolute()
    found = candidates(root)
    for each in (*found.directories, *found.compose_files):
        yield each, str(each.relative_to(root))
    for each in found.dockerfiles:
        if os.path.realpath(each) not in work.read:
            yield each, str(each.relative_to(root))


def _collect(path: Path, origin: str, options: Options, work: _Work) -> None:
    try:
        documents = read_documents(path, environment={}, origin=origin)
    except NothingFoundError:
        return
    except InputError as error:
        work.problems += 1
        complain(f"error: {error.place.file if error.place else path}: {error.message}")
        return
    work.projects += 1
    directory = Path(documents.directory)
    work.read.update(os.path.realpath(directory / name) for name in documents.texts)
    for edit in fixing.edits(documents, check(documents, options)):
        _file(edit.place.file, documents, work).edits[edit] = None


def _file(name: str, documents: Documents, work: _Work) -> _File:
    path = Path(documents.directory) / name
    real = os.path.realpath(path)
    if real not in work.files:
        shown = os.path.relpath(path)
        work.files[real] = _File(str(path) if shown.startswith("../") else shown, path, documents.texts.get(name, ""))
    return work.files[real]


def _mend(file: _File, arguments: argparse.Namespace, work: _Work) -> None:
    wanted = [edit for edit in file.edits if edit.is_safe or arguments.unsafe]
    work.unsafe += len(file.edits) - len(wanted)
    if not wanted:
        return
    try:
        source = read_source(file.path, file.shown)
        if source.text != file.text:
            raise InputError("has changed since it was read", hint="run it again")
        result = edited(source.text, wanted, are_kept)
        if result.done:
            _bring(source, result, file.shown, is_written=arguments.write)
    except InputError as error:
        work.problems += 1
        complain(f"error: {file.shown}: {error.message}")
        return
    for left in result.left:
        place = left.edit.place
        complain(f"left: {file.shown}:{place.line}:{place.column}: {left.edit.requirement}: {left.reason}")
    work.fixed += len(result.done)
    work.changed += bool(result.done)


def _bring(source: Source, result: Edited, shown: str, *, is_written: bool) -> None:
    if is_written:
        write_source(source, result.text, shown)
        for edit in result.done:
            complain(f"{shown}:{edit.place.line}: {edit.requirement}: {edit.note}")
        return
    before, after = (("\ufeff" if source.has_bom else "") + text for text in (source.text, result.text))
    emit(unified_diff(before, after, shown.removeprefix("/")))


def _tell(work: _Work, arguments: argparse.Namespace) -> None:
    fixes = f"{work.fixed} {'fix' if work.fixed == 1 else 'fixes'}"
    files = f"{work.changed} {'file' if work.changed == 1 else 'files'}"
    if not work.fixed:
        complain("nothing to fix")
    elif arguments.write:
        complain(f"{fixes} in {files}")
    else:
        complain(f"{fixes} in {files}; --write applies them")
    if work.unsafe:
        complain(f"{work.unsafe} more with --unsafe: they may change more than the requirement asks")
