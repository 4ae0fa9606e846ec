"""`seatrial fix`: the findings that files can be mended for, as a unified diff, or written.

Finds projects and findings as `seatrial check` does; which edits there are is `check.fixing`'s affair, how they get
into a file `files.editing`'s, and in how many rounds `cli.fix_rounds`'. Either every file is written or none is. Exit
codes: without --write 1 if there is something to fix; with it 0.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from seatrial.check import baseline, fixing
from seatrial.check import run as checking
from seatrial.check.run import Options
from seatrial.check.run import run as check
from seatrial.cli import codes, fix_rounds
from seatrial.cli.check_projects import prefix_of
from seatrial.cli.check_settings import Settings, known_findings, read_settings
from seatrial.cli.fix_measured import Measurements
from seatrial.cli.fix_projects import projects
from seatrial.cli.fix_rounds import Mended, shown_path
from seatrial.cli.streams import complain, emit
from seatrial.files.diffs import unified_diff
from seatrial.files.editing import write_sources
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding
from seatrial.model.redaction import source_line
from seatrial.model.values import dataclass, field, replace


@dataclass(slots=True)
class _Problems:
    """What can't be read or written, each told once."""

    told: set[tuple[str, str]] = field(default_factory=set)

    def tell(self, where: str, error: InputError) -> None:
        """Say it."""
        if (where, error.message) in self.told:
            return
        self.told.add((where, error.message))
        complain(f"error: {where}: {error.message}")
        if error.hint:
            complain(f"hint: {error.hint}")


def run(arguments: argparse.Namespace) -> int:
    """Show or write, and give the exit code."""
    settings = _settings(arguments)
    known = known_findings(settings.baseline)
    options = Options(settings.select, settings.ignore, known, today=time.strftime("%Y-%m-%d", time.gmtime()))
    source = Measurements(Path(arguments.recording), options) if arguments.recording is not None else None
    problems = _Problems()
    found = _mended(arguments, options, source, problems)
    if not found.projects and not problems.told:
        raise NothingFoundError(
            "no Dockerfile, compose file, Kubernetes manifest or task definition found",
            hint="name a directory, a Dockerfile, a compose file or a manifest",
        )
    if source:
        source.tell()
    for shown, left in found.left:
        place = left.edit.place
        complain(f"left: {shown}:{place.line}:{place.column}: {left.edit.requirement}: {left.reason}")
    mended = tuple(found.mended.values())
    if not arguments.write:
        _show(mended)
    elif not _is_written(mended, problems):
        return codes.USAGE
    _tell(mended, found.unsafe, arguments)
    if problems.told:
        return codes.USAGE
    return codes.FAILED if mended and not arguments.write else codes.GOOD


def _mended(
    arguments: argparse.Namespace, options: Options, source: Measurements | None, problems: _Problems
) -> fix_rounds.Outcome:
    """What comes of the files; nothing is written yet."""

    def look() -> Iterator[tuple[Documents, Iterator[Edit]]]:
        fresh = replace(options, known=Counter(options.known))  # each of them hides one finding
        for path in arguments.paths or ["."]:
            for documents in projects(Path(path), lambda at, error: problems.tell(_where(at, error), error)):
                yield documents, source.edits(documents) if source else _edits(documents, fresh)

    # What a recording asks for doesn't change by what is written: once is enough.
    rounds = 1 if source else fix_rounds.MAX_ROUNDS
    return fix_rounds.mend(look, fix_rounds.Options(arguments.unsafe, problems.tell, rounds))


def _where(path: Path, error: InputError) -> str:
    """The file as it is called here: what was found in a search is named from its project."""
    file = error.place.file if error.place else str(path)
    return shown_path((path if path.is_dir() else path.parent) / file) if path.is_absolute() else file


def _settings(arguments: argparse.Namespace) -> Settings:
    def names(given: list[str]) -> tuple[str, ...]:
        return tuple(name for part in given for each in part.split(",") if (name := each.strip()))

    found = read_settings(Path(arguments.config) if arguments.config else None)
    return found.overridden(select=names(arguments.select), ignore=names(arguments.ignore), fail_on=None, baseline=None)


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


def _is_written(mended: Sequence[Mended], problems: _Problems) -> bool:
    """All files or none."""
    try:
        write_sources([each.change for each in mended])
    except InputError as error:
        problems.tell(error.place.file if error.place else "", error)
        return False
    for each in mended:
        for edit in each.done:
            complain(f"{each.change.shown}:{edit.place.line}: {edit.requirement}: {edit.note}")
    return True


def _show(mended: Sequence[Mended]) -> None:
    for change in (each.change for each in mended):
        mark = "\ufeff" if change.source.has_bom else ""
        name = change.shown.removeprefix("/")
        diff = unified_diff(mark + change.source.text, mark + change.text, name, is_new=change.source.is_new)
        emit(diff)
        if _quotes_credentials(diff):
            complain(f"note: the diff quotes credentials of {change.shown}, as it has to: keep it out of logs")


def _quotes_credentials(diff: str) -> bool:
    lines = [line[1:] for line in diff.split("\n")]  # without the diff's own sign
    return any("$" not in line and source_line(lines, number) != line for number, line in enumerate(lines, 1))


def _tell(mended: Sequence[Mended], unsafe: int, arguments: argparse.Namespace) -> None:
    fixed = sum(len(each.done) for each in mended)
    fixes = f"{fixed} {'fix' if fixed == 1 else 'fixes'}"
    files = f"{len(mended)} {'file' if len(mended) == 1 else 'files'}"
    if not fixed:
        complain("nothing to fix")
    elif arguments.write:
        complain(f"{fixes} in {files}")
    else:
        complain(f"{fixes} in {files}; --write applies them")
    if unsafe:
        complain(f"{unsafe} more with --unsafe: they may change more than the requirement asks")
