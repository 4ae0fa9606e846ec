"""`seatrial drill`: drills a service, or judges a saved recording again, and reports."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli import codes
from seatrial.cli.output import OutputFile
from seatrial.cli.streams import OutputError, complain, emit, silence
from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling
from seatrial.report.trial import Trial, prepare

if TYPE_CHECKING:
    from seatrial.report.terminal import Style

_LIVE_ONLY = {
    "project": "PATH",
    "service_command": "a command after --",
    "service": "--service",
    "file": "--file",
    "target": "--target",
    "profile": "--profile",
    "env": "--env",
    "env_file": "--env-file",
    "port": "--port",
    "rate": "--rate",
    "quick_path": "--path",
    "slow_path": "--slow-path",
    "stream_path": "--stream-path",
    "grace": "--grace",
    "lag": "--lag",
    "ready_timeout": "--ready-timeout",
    "save": "--save",
}
"""What means nothing where nothing is run."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trial is judged from, and values that must not be printed."""

    recording: Recording
    findings: tuple[Finding, ...] = ()
    secrets: tuple[str, ...] = ()


def run(arguments: argparse.Namespace) -> int:
    """Drill (or replay), write what was asked for, print the checklist, and give the exit code."""
    _refuse_contradictions(arguments)
    files = _files(arguments)
    for file in files.values():
        file.check()
    _import_extra(arguments)
    if arguments.replay:
        seen = Seen(_replay(Path(arguments.replay)))
    else:
        from seatrial.cli.running import Interrupted

        try:
            seen = _drill(arguments)
        except Interrupted as stop:
            complain(f"error: interrupted by {stop}; everything was cleaned up")
            return codes.SIGNALLED + stop.number
    trial = _judge(arguments, seen)
    problems = _write(files, trial, seen.recording)
    _print(arguments, trial)
    if problems:
        raise problems[0]
    return exit_code(trial, arguments.fail_on)


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.quiet and arguments.verbose:
        raise InputError("--quiet and --verbose contradict each other", hint="leave one of them out")
    if arguments.replay is None:
        return
    for name, shown in _LIVE_ONLY.items():
        if getattr(arguments, name) not in (None, [], ()):
            raise InputError(f"{shown} does not apply to --replay, which runs nothing", hint="leave one of them out")


def _files(arguments: argparse.Namespace) -> dict[str, OutputFile]:
    """The files that are asked for, by what goes into them. None may be named twice."""
    named = {"report": arguments.report, "json": arguments.json, "save": arguments.save}
    files = {
        what: OutputFile(f"--{what}", Path(file))
        for what, file in named.items()
        if file is not None and not (what == "json" and file == "-")
    }
    for what, file in files.items():
        if str(file.path) in ("", "."):
            hint = f"seatrial drill . --{what}" if what == "json" else f"--{what} FILE"
            raise InputError(f"--{what} needs the name of a file", hint=hint)
    regular = [os.path.realpath(file.path) for file in files.values() if not str(file.path).startswith("/dev/")]
    if len(set(regular)) < len(regular):
        raise InputError("two outputs name the same file", hint="give each a file of its own")
    return files


def _import_extra(arguments: argparse.Namespace) -> None:
    """Fail for want of a package before a trial, not after it."""
    import rich  # noqa: F401 — is it there?

    if arguments.report:
        import jinja2  # noqa: F401 — is it there?


def _replay(path: Path) -> Recording:
    from seatrial.drill import archive

    return archive.load(path)


def _drill(arguments: argparse.Namespace) -> Seen:
    from seatrial.cli.progress import progress
    from seatrial.cli.running import run as run_async
    from seatrial.cli.subject import subject_of
    from seatrial.drill.trial import drill
    from seatrial.engine.native import NativeEngine

    subject = subject_of(arguments)
    with progress(quiet=arguments.quiet, colour=_is_coloured(arguments, sys.stderr.isatty())) as show:
        recording = run_async(drill(subject.service, NativeEngine(), subject.options, show))
    return Seen(recording, subject.findings, subject.secrets)


def _judge(arguments: argparse.Namespace, seen: Seen) -> Trial:
    from seatrial.cli.subject import is_selected
    from seatrial.drill.judge import judge

    chosen = [each for each in judge(seen.recording) if is_selected(each.requirement, arguments.only, arguments.skip)]
    return prepare(seen.recording, chosen, seen.findings, secrets=seen.secrets)


def _write(files: dict[str, OutputFile], trial: Trial, recording: Recording) -> list[InputError]:
    """Write all files; what can't be written is told after the checklist, so that the trial was not for nothing."""
    problems = []
    for what, file in files.items():
        try:
            file.write(_content(what, trial, recording))
        except InputError as error:
            problems.append(error)
    return problems


def _content(what: str, trial: Trial, recording: Recording) -> str:
    if what == "save":
        from seatrial.drill import archive

        return archive.dumps(recording)
    if what == "json":
        from seatrial.report import json_report

        return json_report.render(trial)
    from seatrial.report.html import page

    return page.render(trial)


def _print(arguments: argparse.Namespace, trial: Trial) -> None:
    """The checklist on stdout, or the JSON report in its place. A reader that went away changes no verdict."""
    from seatrial.report import json_report, terminal

    try:
        if arguments.json == "-":
            emit(json_report.render(trial))
        else:
            emit(terminal.render(trial, _style(arguments)))
    except OutputError as error:
        if not isinstance(error.reason, BrokenPipeError):
            raise
        silence(sys.stdout)


def _style(arguments: argparse.Namespace) -> Style:
    from seatrial.report.terminal import Detail, Style

    detail = Detail.QUIET if arguments.quiet else Detail.VERBOSE if arguments.verbose else Detail.NORMAL
    width = shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    return Style(min(width, 120), _is_coloured(arguments, sys.stdout.isatty()), _is_unicode(), detail)


def _is_coloured(arguments: argparse.Namespace, is_terminal: bool) -> bool:
    """https://no-color.org: any value of NO_COLOR but the empty one switches colours off."""
    if arguments.no_color or os.environ.get("NO_COLOR"):
        return False
    return is_terminal and os.environ.get("TERM") not in ("", "dumb")


def _is_unicode() -> bool:
    try:
        "✗✓…→·│—≤".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def exit_code(trial: Trial, fail_on: str) -> int:
    """1 by `--fail-on`. A trial that proved nothing at all fails, too: NOT PROVED is never a quiet pass."""
    if fail_on == "never":
        return codes.GOOD
    if trial.count(Ruling.FAIL) or trial.proved_nothing:
        return codes.FAILED
    return codes.FAILED if fail_on == "not-proved" and trial.count(Ruling.NOT_PROVED) else codes.GOOD
