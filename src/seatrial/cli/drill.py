"""`seatrial drill`: drills a service, or judges a saved recording again, and reports."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.cli import codes
from seatrial.cli.baseline import load_baseline
from seatrial.cli.history_arguments import DEFAULT
from seatrial.cli.output import OutputFile
from seatrial.cli.streams import OutputError, complain, emit, silence
from seatrial.model.errors import InputError, SeatrialError
from seatrial.model.finding import Finding
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling
from seatrial.report.comparison import Baseline, Change
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
    "load_from": "--load-from",
    "connections": "--connections",
    "quick_path": "--path",
    "slow_path": "--slow-path",
    "stream_path": "--stream-path",
    "websocket_path": "--ws-path",
    "grace": "--grace",
    "lag": "--lag",
    "ready_timeout": "--ready-timeout",
    "job": "--job",
    "job_state": "--job-state",
    "save": "--save",
    "history": "--history",
}
"""What means nothing where nothing is run."""
_DISTRIBUTED_ONLY = {
    "url": "--url",
    "update_order": "--update-order",
    "namespace": "--namespace",
    "context": "--context",
}
_NOT_DISTRIBUTED = {
    name: shown
    for name, shown in _LIVE_ONLY.items()
    if name not in ("project", "rate", "quick_path", "slow_path", "stream_path", "ready_timeout", "save", "history")
}
"""What means nothing for a service that runs already."""
_PRINTERS = {"report": "html.page", "json": "json_report", "junit": "trial_junit", "markdown": "trial_markdown"}
"""The module below `report` that renders what an option asks for."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trial is judged from, and values that must not be printed."""

    recording: Recording
    findings: tuple[Finding, ...] = ()
    secrets: tuple[str, ...] = ()


def run(arguments: argparse.Namespace) -> int:
    """Drill (or replay), write what was asked for, print the checklist, and give the exit code."""
    _refuse_contradictions(arguments)
    _refuse_for_engine(arguments)
    files = _files(arguments)
    for file in files.values():
        file.check()
    if arguments.history not in (None, DEFAULT):
        OutputFile("--history", Path(arguments.history)).check()
    _import_extra(arguments)
    baseline = load_baseline(Path(arguments.compare)) if arguments.compare is not None else None
    if arguments.replay:
        seen = Seen(_replay(Path(arguments.replay)))
    else:
        from seatrial.cli.running import Interrupted

        try:
            seen = _drill(arguments)
        except Interrupted as stop:
            complain(f"error: interrupted by {stop}; {stop.left}")
            return codes.SIGNALLED + stop.number
    trial = _judge(arguments, seen, baseline)
    problems = _write(files, trial, seen.recording) + _remember(arguments, trial)
    _print(arguments, trial)
    if problems:
        raise problems[0]
    return exit_code(trial, arguments.fail_on)


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.quiet and arguments.verbose:
        raise InputError("--quiet and --verbose contradict each other", hint="leave one of them out")
    if (arguments.job is None) != (arguments.job_state is None):
        lacking = "--job-state COMMAND, which prints what became of it" if arguments.job else "--job COMMAND"
        given = "--job" if arguments.job_state is None else "--job-state"
        raise InputError(f"{given} needs the other one, too", hint=f"add {lacking}")
    if arguments.replay is None:
        return
    for name, shown in _LIVE_ONLY.items():
        if getattr(arguments, name) not in (None, [], ()):
            raise InputError(f"{shown} does not apply to --replay, which runs nothing", hint="leave one of them out")


def _refuse_for_engine(arguments: argparse.Namespace) -> None:
    """Refuse what the engine has no use for."""
    from seatrial.cli.arguments import DISTRIBUTED

    useless = _NOT_DISTRIBUTED if arguments.engine in DISTRIBUTED else _DISTRIBUTED_ONLY
    for name, shown in useless.items():
        if getattr(arguments, name) not in (None, [], ()):
            raise InputError(f"{shown} does not apply to --engine {arguments.engine}", hint="leave one of them out")


def _files(arguments: argparse.Namespace) -> dict[str, OutputFile]:
    """The files that are asked for, by what goes into them. None may be named twice."""
    named = {what: getattr(arguments, what) for what in ("report", "json", "junit", "markdown", "save")}
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
    from seatrial.cli.arguments import DISTRIBUTED

    seen = _drill_rollout(arguments) if arguments.engine in DISTRIBUTED else _drill_service(arguments)
    asked = replace(seen.recording, only=arguments.only or (), skip=arguments.skip or ())
    return replace(seen, recording=asked)


def _drill_rollout(arguments: argparse.Namespace) -> Seen:
    from seatrial.cli.progress import progress
    from seatrial.cli.rollouts import run_rollout

    with progress(quiet=arguments.quiet, colour=_is_coloured(arguments, sys.stderr.isatty())) as show:
        return Seen(run_rollout(arguments, show))


def _drill_service(arguments: argparse.Namespace) -> Seen:
    from seatrial.cli.engines import run_trial
    from seatrial.cli.progress import progress
    from seatrial.cli.running import run as run_async
    from seatrial.cli.subject import subject_of

    subject = subject_of(arguments)
    with progress(quiet=arguments.quiet, colour=_is_coloured(arguments, sys.stderr.isatty())) as show:
        recording = run_async(run_trial(arguments, subject, show))
    return Seen(recording, subject.findings, subject.secrets)


def _judge(arguments: argparse.Namespace, seen: Seen, baseline: Baseline | None) -> Trial:
    from seatrial.cli.subject import Choice
    from seatrial.drill.judge import judge

    choice = Choice.of(seen.recording, arguments.only, arguments.skip)
    if baseline is not None:
        baseline = replace(baseline, verdicts=choice.among(baseline.verdicts))
    verdicts = choice.among(judge(seen.recording))
    return prepare(seen.recording, verdicts, seen.findings, secrets=seen.secrets, baseline=baseline)


def _write(files: dict[str, OutputFile], trial: Trial, recording: Recording) -> list[SeatrialError]:
    """Write all files; what can't be written is told after the checklist, so that the trial was not for nothing."""
    problems: list[SeatrialError] = []
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
    rendered: str = import_module(f"seatrial.report.{_PRINTERS[what]}").render(trial)
    return rendered


def _remember(arguments: argparse.Namespace, trial: Trial) -> list[SeatrialError]:
    """Add the trial to the history, where one is wanted."""
    if arguments.history is None:
        return []
    from seatrial.cli.history_command import remember

    project = Path(arguments.project or ".")
    try:
        remember(trial, arguments.history, project if project.is_dir() else Path())
    except SeatrialError as error:
        return [error]
    return []


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
    """1 by `--fail-on`. A trial that proved nothing at all fails, too: NOT PROVED is never a quiet pass.

    With a baseline only what got worse counts.
    """
    if fail_on == "never":
        return codes.GOOD
    if trial.comparison is not None:
        counted = (Change.WORSE, Change.FOUND, Change.UNPROVED) if fail_on == "not-proved" else (Change.WORSE,)
        lost_all = trial.proved_nothing and trial.comparison.of(Change.UNPROVED, Change.UNKNOWN)
        return codes.FAILED if trial.comparison.of(*counted) or lost_all else codes.GOOD
    if trial.count(Ruling.FAIL) or trial.proved_nothing:
        return codes.FAILED
    return codes.FAILED if fail_on == "not-proved" and trial.count(Ruling.NOT_PROVED) else codes.GOOD
