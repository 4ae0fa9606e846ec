"""`seatrial check`: what the files promise, held against the catalogue.

Reads, checks and prints; decides nothing about findings. Everything that one kind of run doesn't need (formats,
baselines, configuration, compose) is imported where it is used.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.check import run as checking
from seatrial.check.run import Options, Outcome
from seatrial.cli import codes
from seatrial.cli.check_settings import Settings, read_settings
from seatrial.cli.streams import complain
from seatrial.files.documents import read_documents
from seatrial.model.documents import Documents, Neighbour
from seatrial.model.errors import InputError, NothingFoundError
from seatrial.model.finding import Finding, Severity
from seatrial.report.findings_values import FindingsReport, Page, TextStyle, render

if TYPE_CHECKING:
    from seatrial.files.kubernetes import Manifests
    from seatrial.model.kubernetes import Cluster


@dataclass(slots=True)
class _Checked:
    """What has come together of all projects; places are relative to the working directory."""

    outcomes: list[Outcome] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    services: int = 0
    problems: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    neighbours: list[Neighbour] = field(default_factory=list)
    cluster: Cluster | None = None


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and give the exit code."""
    settings = _settings(arguments)
    options = Options(
        settings.select, settings.ignore, _known(settings.baseline), today=time.strftime("%Y-%m-%d", time.gmtime())
    )
    checked = _Checked()
    for path in arguments.paths or ["."]:
        _check_path(Path(path), options, checked)
    if not checked.outcomes and not checked.problems:
        raise NothingFoundError(
            "no Dockerfile, compose file or Kubernetes manifest found",
            hint="name a directory, a Dockerfile, a compose file or a manifest",
        )
    if arguments.write_baseline:
        return _write_baseline(Path(arguments.write_baseline), checked)
    report = _report(checked, arguments.format)
    _print(report, arguments)
    if checked.problems:
        return codes.USAGE
    return codes.FAILED if _fails(report.findings, settings.fail_on) else codes.GOOD


def _settings(arguments: argparse.Namespace) -> Settings:
    return read_settings(Path(arguments.config) if arguments.config else None).overridden(
        select=_names(arguments.select),
        ignore=_names(arguments.ignore),
        fail_on=arguments.fail_on,
        baseline=arguments.baseline,
    )


def _names(given: list[str]) -> tuple[str, ...]:
    return tuple(name for part in given for each in part.split(",") if (name := each.strip()))


def _known(file: str | None) -> Counter[tuple[str, str, str, str]]:
    if not file:
        return Counter()
    from seatrial.check import baseline
    from seatrial.files.reading import read_text

    return baseline.read(read_text(Path(file), file, limit=64 * 1024 * 1024), file)


def _check_path(path: Path, options: Options, checked: _Checked) -> None:
    if not path.is_dir():
        _check_one(path, options, checked)
        return
    from seatrial.files.discovery import candidates

    found = candidates(path.absolute())
    root = path.absolute()
    manifests = _manifests(root)
    checked.cluster = manifests.cluster if manifests and manifests.texts else None
    for directory in (*found.directories, *found.compose_files):
        _check_one(directory, options, checked, found_below=root)
    for dockerfile in found.dockerfiles:
        if str(dockerfile) not in checked.read:
            _check_one(dockerfile, options, checked, found_below=root)
    if manifests is not None:
        _check_manifests(root, manifests, options, checked)


def _manifests(root: Path) -> Manifests | None:
    from seatrial.files.kubernetes import manifest_files, read_manifests

    files = tuple(manifest_files(root))
    return read_manifests(root, files) if files else None


def _check_manifests(root: Path, manifests: Manifests, options: Options, checked: _Checked) -> None:
    """The Kubernetes manifests below `root`, all together: what they say of one service may stand in many files."""
    from seatrial.files.kubernetes.project import manifest_documents

    documents = manifest_documents(root, manifests, checked.neighbours)
    if documents is not None:
        _run(documents, options, checked)
        for line in documents.cluster.left_out() if documents.cluster else ():
            complain(line)


def _check_one(path: Path, options: Options, checked: _Checked, *, found_below: Path | None = None) -> None:
    """`found_below` is the directory that was searched; None where the user named the file."""
    origin = str(path.relative_to(found_below)) if found_below else ""
    try:
        documents = read_documents(path, environment={}, origin=origin, manifests=not found_below)
    except NothingFoundError:
        return
    except InputError as error:
        place = error.place
        checked.problems.append(f"{place.file if place else path}: {error.message}")
        return
    checked.read.update(os.path.normpath(Path(documents.directory) / file) for file in documents.texts)
    if found_below and Path(documents.directory) != found_below:
        if any(_MISTAKEN.search(finding.message) for finding in documents.findings):
            return  # a part that is put over another file, or no compose file at all
        documents = replace(documents, findings=tuple(_of_any_context(documents.findings)))
    if found_below:
        below = os.path.relpath(documents.directory, found_below)
        prefix = "" if below == "." else below + "/"
        checked.neighbours += [Neighbour(prefix, unit) for unit in documents.units]
        documents = replace(documents, around=checked.cluster, prefix=prefix)
    _run(documents, options, checked)


def _run(documents: Documents, options: Options, checked: _Checked) -> None:
    prefix = _prefix(documents.directory)
    outcome = checking.run(documents, replace(options, prefix=prefix))
    checked.outcomes.append(outcome)
    checked.texts.update({checking.moved_file(file, prefix): text for file, text in documents.texts.items()})
    checked.services += len(documents.units) + (len(documents.cluster.workloads) if documents.cluster else 0)


def _prefix(directory: str) -> str:
    """What stands before the files of this project, seen from the working directory."""
    relative = os.path.relpath(directory)
    if relative == ".":
        return ""
    return (directory if relative.startswith("../../..") else relative).rstrip("/") + "/"


_MISTAKEN = re.compile(r"has neither an image nor a build|^a compose file must be a mapping")
"""What is wrong with a file that somebody named is not, with one that merely has the name."""


def _of_any_context(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Without those that depend on which directory the image is built from, which nobody says."""
    for finding in findings:
        if "build context" not in finding.message:
            yield finding


def _report(checked: _Checked, form: str) -> FindingsReport:
    from seatrial import __version__

    outcomes = checked.outcomes
    findings = sorted((finding for each in outcomes for finding in each.findings), key=_order)
    names = {finding.requirement for finding in findings}
    names |= {each.finding.requirement for outcome in outcomes for each in outcome.ignored}
    return FindingsReport(
        "seatrial",
        __version__,
        tuple(dict.fromkeys(findings)),
        checked.texts,
        _pages(names, everything=form == "junit") if form in ("sarif", "junit") else {},
        tuple((each.finding, each.reason) for outcome in outcomes for each in outcome.ignored),
        sum(len(outcome.consequences) for outcome in outcomes),
        sum(outcome.in_baseline for outcome in outcomes),
        checked.services,
        len(checked.texts),
        tuple(checked.problems),
    )


def _order(finding: Finding) -> tuple[str, int, int]:
    return finding.place.file, finding.place.line, finding.place.column


def _pages(names: set[str], *, everything: bool) -> dict[str, Page]:
    """The documentation of these requirements (of all that are checked, if `everything`)."""
    from seatrial.check.table import NAMES, rule
    from seatrial.model import catalogue

    pages = {name: Page(name, catalogue.title(name)) for name in names}
    for name in NAMES:
        if everything or name in names:
            found = rule(name)
            pages[name] = Page(name, found.title, found.what, found.why, found.instead, found.group, found.severity)
    return pages


def _print(report: FindingsReport, arguments: argparse.Namespace) -> None:
    out = sys.stdout
    encoding = (out.encoding or "ascii").lower()
    colour = out.isatty() and not arguments.no_color and not os.environ.get("NO_COLOR") and not arguments.output
    text = render(report, arguments.format, TextStyle(colour, unicode="utf" in encoding or bool(arguments.output)))
    if not arguments.output:
        out.write(text)
        return
    try:
        Path(arguments.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{arguments.output} can't be written: {error.strerror}") from error


def _write_baseline(file: Path, checked: _Checked) -> int:
    from seatrial.check import baseline

    findings = [finding for outcome in checked.outcomes for finding in outcome.all_findings]
    try:
        file.write_text(baseline.write(findings, checked.texts), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} can't be written: {error.strerror}") from error
    print(f"{file}: {len(findings)} findings of now will not be told again", file=sys.stderr)
    return codes.GOOD


def _fails(findings: tuple[Finding, ...], level: str) -> bool:
    if level == "never":
        return False
    limit = checking.RANKS[Severity(level)]
    return any(checking.RANKS[finding.severity] <= limit for finding in findings)
