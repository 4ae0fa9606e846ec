"""Verdicts about a start that can't work: no-crash-loop."""

from __future__ import annotations

import re

from seatrial.drill.judge import remedy
from seatrial.drill.judge.crash_judges import dies_on_fatal_error, exit_code_honest
from seatrial.drill.judge.last_words import complaint
from seatrial.drill.judge.view import describe_code, events, seconds, unproved
from seatrial.drill.scenarios import RECIPES
from seatrial.model.recording import WORKER, EventKind, LogLine, Recording, Run, Scenario
from seatrial.model.served import SERVER_ERROR
from seatrial.model.verdict import Ruling, Verdict

NAME = "no-crash-loop"
MEANS = {
    Scenario.PORT_TAKEN: "with its port taken",
    Scenario.NO_SETTINGS: "without its settings",
    Scenario.NO_DEPENDENCY: "with nothing where its dependencies should be",
}


_UNREACHABLE = re.compile(
    r"error|fail|refused|unreachable|unable to|can(?:no|')t (?:connect|reach)|could not|retry|waiting for"
    r"|time(?:d |-|)out",
    re.IGNORECASE,
)
"""What a line says that tells of something that can't be reached."""
_NUMBERED = re.compile(r"[\w-]*[0-9][\w-]*")
"""Numbers, and names that hold some: of a container by its host name, of a request, of a moment."""
_PLAIN = (*RECIPES, Scenario.LOAD, Scenario.WORK)
"""The runs in which nothing that it needs is missing."""


def no_crash_loop(recording: Recording) -> Verdict:
    """Whether a start that can't work ends with an error and a message, and not in a silent hang."""
    runs = [run for scenario in MEANS if (run := recording.run(scenario)) is not None and not run.disturbed]
    plain = [run for scenario in _PLAIN if (run := recording.run(scenario)) is not None and run.readiness.ready]
    unclear = [] if plain else [run for run in runs if _is_silent(run) or _goes_on(run) or _errs(run)]
    runs = [run for run in runs if run not in unclear]
    evidence = tuple(line for run in runs for line in _evidence(run))
    figures = {f"{run.scenario.value.replace('-', '_')}_seconds": round(_took(run), 6) for run in runs if run.exit}
    wrong = {why: run for run in runs if (why := _why_wrong(run, plain))}
    if wrong:
        cause = _cause(recording, list(wrong.values()))
        return Verdict(NAME, Ruling.FAIL, "; ".join(wrong), evidence, remedy.MISFIT, cause, figures)
    if unclear or not runs:
        return _nothing(recording, unclear)
    summary = "; ".join(_how_right(run, plain) for run in runs)
    return Verdict(NAME, Ruling.PASS, summary, evidence, figures=figures)


def _nothing(recording: Recording, unclear: list[Run]) -> Verdict:
    for run in unclear:
        did = "nothing listened" if _is_silent(run) else "it neither worked nor ended"
        did = f"it answered with {run.readiness.status}" if _errs(run) else did
        why = f"{MEANS[run.scenario]} {did}, and no run shows what it does and says as a rule: leave out --only"
        return unproved(NAME, why, evidence=_evidence(run))
    for scenario in MEANS:
        tried = recording.run(scenario)
        if why := recording.why_skipped(scenario) or (tried.disturbed if tried is not None else ""):
            return unproved(NAME, why)
    return unproved(NAME, f"the {Scenario.PORT_TAKEN.value} drill was not run")


_RUNNING = ": an engine sees it running"


def _elsewhere(run: Run) -> str:
    """Where it listens instead of its port."""
    if run.scenario is not Scenario.PORT_TAKEN:
        return ""
    found = [event.name for event in events(run, EventKind.LISTENING)]
    ports = {name.rpartition(":")[2] for name in found[:1]}
    return next((name for name in found if name.rpartition(":")[2] not in ports), "")


def _is_silent(run: Run) -> bool:
    """Whether it counted as ready because it listened nowhere for a while: a worker does, and whatever hangs."""
    return run.readiness.ready and run.readiness.by == WORKER


def _is_fine(run: Run, plain: list[Run]) -> bool:
    """Whether it came up all the same, by defaults of its own, or before what it depends on: as it does at other
    times."""
    came_up = run.scenario is not Scenario.PORT_TAKEN and run.readiness.ready and run.exit is None
    if _errs(run) and all(one.readiness.is_well for one in plain):
        return False
    return came_up and (not _is_silent(run) or all(_is_silent(one) for one in plain))


def _errs(run: Run) -> bool:
    """Whether without its settings it is there, and answers with an error of its own."""
    return run.scenario is Scenario.NO_SETTINGS and run.exit is None and run.readiness.status >= SERVER_ERROR


def _waits(run: Run, plain: list[Run]) -> bool:
    """Whether it goes on trying to reach what it depends on, and says so in words that it has not at other times."""
    usual = {_shape(line) for one in plain for line in one.log if _is_before_signal(one, line)}
    return _goes_on(run) and any(_UNREACHABLE.search(line.text) and _shape(line) not in usual for line in run.log)


def _goes_on(run: Run) -> bool:
    """Whether it may be trying to reach what it depends on."""
    said = any(_UNREACHABLE.search(line.text) for line in run.log)
    return run.scenario is Scenario.NO_DEPENDENCY and run.exit is None and said


def _is_before_signal(run: Run, line: LogLine) -> bool:
    return run.signalled is None or line.time < run.signalled


def _shape(line: LogLine) -> str:
    """What a line says, without times, ids and other numbers."""
    return _NUMBERED.sub("0", line.text.strip())


def _took(run: Run) -> float:
    """From when it was wrong: the start, or the moment at which something else had the port."""
    taken = next((event.time for event in events(run, EventKind.LISTENING)), 0.0)
    begun = taken if run.scenario is Scenario.PORT_TAKEN else 0.0
    return run.exit.time - begun if run.exit is not None else 0.0


def _why_wrong(run: Run, plain: list[Run]) -> str:
    where = MEANS[run.scenario]
    if _is_fine(run, plain) or _waits(run, plain):
        return ""
    if run.exit is None:
        if _errs(run):
            return f"{where} it answers with {run.readiness.status} and does not end{_RUNNING}"
        other = _elsewhere(run)
        return f"{where} it " + (f"listens on {other} instead" if other else "neither works nor ends") + _RUNNING
    if run.exit.code == 0:
        return f"{where} it ends with 0, as if all were well"
    if not complaint(run):
        return f"{where} it ends with {describe_code(run.exit.code)} and without a word"
    return ""


def _cause(recording: Recording, bad: list[Run]) -> str:
    """The requirement that explains it, where an end is hidden or unexplained whatever brought it about."""
    for verdict in (exit_code_honest(recording), dies_on_fatal_error(recording)):
        if verdict.ruling is Ruling.FAIL and all(run.exit is not None for run in bad):
            return verdict.requirement
    return ""


def _how_right(run: Run, plain: list[Run]) -> str:
    where = MEANS[run.scenario]
    if _is_fine(run, plain):
        alone = " with defaults of its own" if run.scenario is Scenario.NO_SETTINGS else ""
        return f"{where} it comes up{alone}"
    if _waits(run, plain):
        return f"{where} it says so and goes on trying"
    assert run.exit is not None
    return f"{where} it says so and ends with {describe_code(run.exit.code)} after {seconds(_took(run))}"


def _evidence(run: Run) -> tuple[str, ...]:
    """How it ended, and the line that says most."""
    end = f"exit code {describe_code(run.exit.code)}" if run.exit is not None else "no exit was seen"
    said = complaint(run)
    return (f"{MEANS[run.scenario]}: {end}" + (f"; {said[:160]}" if said else ""),)
