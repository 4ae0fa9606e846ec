"""`seatrial check --audit`: what installed auditors say of the same paths, as an outcome beside those of our rules.

Says in one line each which of them are not installed, failed or took too long. Imported only where it is asked for.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

from seatrial.audit import findings as telling
from seatrial.audit.interface import Tool
from seatrial.audit.running import Heard, run
from seatrial.check import baseline
from seatrial.check.run import Options, Outcome, moved
from seatrial.files.discovery import candidates
from seatrial.files.reading import read_text
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.values import dataclass, field

TOOLS = {
    "npm": "npm",
    "pip-audit": "pip_audit",
    "trivy": "trivy",
    "grype": "grype",
    "hadolint": "hadolint",
}
"""The names that `--audit` takes, and the adapters' modules."""
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "requirements.txt", "uv.lock", "poetry.lock")
_LOCKS_ELSEWHERE = ("yarn.lock", "pnpm-lock.yaml", "go.sum", "Gemfile.lock", "composer.lock", "Cargo.lock")
_MAX_LOCK = 32 * 1024 * 1024


@dataclass(slots=True)
class _Heard:
    """What has come together."""

    findings: list[Finding] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    talk: dict[str, None] = field(default_factory=dict)
    others: dict[str, int] = field(default_factory=dict)


def chosen(said: str) -> tuple[str, ...]:
    """The auditors of `--audit=npm,trivy`, all of them for `--audit` alone. Raises InputError for another name."""
    names = tuple(name for each in said.split(",") if (name := each.strip()))
    wrong = next((name for name in names if name not in TOOLS), None)
    if wrong is not None:
        raise InputError(f"no auditor is called {wrong!r}", hint=f"one of: {', '.join(TOOLS)}")
    return names or tuple(TOOLS)


def audited(
    said: str, paths: Iterable[str], known: Sequence[Finding], options: Options
) -> tuple[Outcome, dict[str, str], tuple[str, ...]]:
    """The outcome, the texts of the files that it points to, and lines for stderr."""
    heard = _Heard()
    roots = [path if path.is_dir() else path.parent for path in map(Path, paths or ["."])]
    for name in chosen(said):
        tool: Tool = import_module(f"seatrial.audit.{TOOLS[name]}").TOOL
        for root in dict.fromkeys(root.absolute() for root in roots):
            _ask(tool, root, known, heard, is_named=bool(said))
    if heard.others:
        codes = ", ".join(sorted(heard.others))
        heard.talk[f"hadolint said {sum(heard.others.values())} things more that are no requirement here: {codes}"] = (
            None
        )
    wanted = [each for each in telling.once(heard.findings) if options.wants(each.requirement)]
    fresh, dropped = baseline.without_known(wanted, heard.texts, options.known)
    outcome = Outcome(tuple(fresh), in_baseline=dropped, all_findings=tuple(wanted))
    return outcome, heard.texts, tuple(heard.talk)


def _ask(tool: Tool, root: Path, known: Sequence[Finding], heard: _Heard, *, is_named: bool) -> None:
    if tool.files:
        places = [(root, tuple(os.path.relpath(each, root) for each in candidates(root).dockerfiles))]
    else:
        places = [(directory, ()) for directory in _directories(tool, root)]
    places = [(directory, files) for directory, files in places if files or not tool.files]
    if not places and is_named:
        _tell_idle(tool, root, heard)
    for directory, files in places:
        answer = run(tool, directory, files)
        _take(tool, answer, known, heard)
        if answer.is_absent:
            return


def _tell_idle(tool: Tool, root: Path, heard: _Heard) -> None:
    """That who was asked for by name has nothing to look at."""
    reads = "Dockerfile" if tool.files else "lock file"
    missing = "" if shutil.which(tool.program) else f", and {tool.program} is not installed ({tool.get_it})"
    heard.talk[f"{tool.name} in {os.path.relpath(root)}: no {reads} that it reads{missing}"] = None


def _directories(tool: Tool, root: Path) -> Iterator[Path]:
    """Where it is run: in each directory with a file that it wants, or in the root, if there is anything for it."""
    found = sorted({each.parent for each in _lock_files(root) if each.name in tool.wants or tool.once})
    yield from ([root] if tool.once and found else found)


def _lock_files(root: Path) -> Iterator[Path]:
    for directory, below, names in os.walk(root):
        below[:] = sorted(
            name for name in below if not name.startswith(".") and name not in ("node_modules", "venv", "site-packages")
        )
        yield from (Path(directory) / name for name in (*_LOCKS, *_LOCKS_ELSEWHERE) if name in names)


def _take(tool: Tool, answer: Heard, known: Sequence[Finding], heard: _Heard) -> None:
    where = os.path.relpath(answer.directory)
    if answer.is_absent:
        heard.talk[f"{tool.program} {answer.failure}: not asked ({tool.get_it})"] = None
        return
    for trouble in (answer.failure, answer.said.trouble):
        if trouble:
            heard.talk[f"{tool.name} in {where}: {trouble}"] = None
    prefix = "" if where == "." else where.rstrip("/") + "/"
    _tell_holes(tool, answer, prefix, heard)
    found, others = telling.of_remarks(answer.said.remarks, prefix, [*known, *heard.findings])
    heard.findings += found
    for code in others:
        heard.others[code] = heard.others.get(code, 0) + 1
    heard.texts |= {each.place.file: _text(Path(each.place.file)) for each in found}


def _tell_holes(tool: Tool, answer: Heard, prefix: str, heard: _Heard) -> None:
    locks = {name: answer.directory / name for name in _LOCKS if (answer.directory / name).is_file()}
    texts = {name: _text(path) for name, path in locks.items()}
    default = next((name for name in tool.wants if name in texts), next(iter(texts), "."))
    for finding in telling.of_vulnerabilities(tool.name, answer.said.vulnerabilities, texts, default):
        below = moved(finding, prefix)
        heard.findings.append(below)
        heard.texts.setdefault(below.place.file, texts.get(finding.place.file, ""))


def _text(path: Path) -> str:
    try:
        return read_text(path, str(path), limit=_MAX_LOCK)
    except InputError:
        return ""
