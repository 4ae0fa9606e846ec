"""Verdicts about the other processes and the output: children-stopped, init-reaps-orphans, logs-flushed."""

from __future__ import annotations

from seatrial.drill.judge import remedy
from seatrial.drill.judge.exit_judges import lost_in_flight
from seatrial.drill.judge.ids import ids_in
from seatrial.drill.judge.launch import Program, describe, main_process, program
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.view import (
    at,
    count,
    events,
    exchanges_of,
    first_process,
    is_cut_short,
    obstacle,
    pairs,
    seconds,
    stop_seconds,
    unproved,
    was_killed,
)
from seatrial.model.recording import Event, EventKind, ProcessSeen, Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Exchange
from seatrial.model.verdict import Ruling, Verdict

MOST = 0.9
"""A service logs its requests if lines came for this part of those that it answered before the signal."""
FEWEST = 10
"""Fewer lines than this, with an id or missing one, show no pattern."""


def children_stopped(recording: Recording) -> Verdict:
    """Whether every other process ended before PID 1 did, and none was left for the kernel's SIGKILL."""
    name = "children-stopped"
    run = obstacle(recording, Scenario.STOP, name, calm=False)
    if isinstance(run, Verdict):
        return run
    assert run.signalled is not None
    if not run.processes:
        return unproved(name, "its processes can't be seen from here")
    others = [p for p in run.processes if p.pid != 1 and (p.ended is None or p.ended >= run.signalled)]
    others = [p for p in others if not _is_python_tracker(p)]
    left = [p for p in others if p.killed_with_namespace]
    unclear = [p for p in others if p.ended is None and not p.killed_with_namespace]
    figures = {"processes": float(len(others)), "left": float(len(left))}
    evidence = tuple(_fate(run, process) for process in others[:8])
    if left:
        cause = root_cause(recording) or ("stops-in-time" if was_killed(run) else "")
        what = (
            f"{count(len(left), 'process')} of {len(others)} left for SIGKILL when {describe(first_process(run))} ended"
        )
        cure = (
            remedy.for_launcher(recording, run) or "pass the signal on to the children and wait for each before exiting"
        )
        return Verdict(name, Ruling.FAIL, what, evidence, cure, cause, figures)
    if unclear:
        reason = f"{count(len(unclear), 'process')} ended together with PID 1: the kernel did not tell which came first"
        return unproved(name, reason, evidence=evidence)
    if not others:
        return Verdict(name, Ruling.PASS, "PID 1 had no other process at the signal", evidence, figures=figures)
    summary = f"{count(len(others), 'other process')} ended before PID 1, none was left for SIGKILL"
    return Verdict(name, Ruling.PASS, summary, evidence, figures=figures)


def _is_python_tracker(process: ProcessSeen) -> bool:
    """multiprocessing's resource tracker: by its design it ignores SIGTERM and ends after its parent, and holds nothing
    but names of shared memory that end with the container."""
    return any("multiprocessing.resource_tracker" in word for word in process.argv)


def _fate(run: Run, process: ProcessSeen) -> str:
    if process.killed_with_namespace:
        return f"{describe(process)} was killed when PID 1 ended"
    return f"{describe(process)} ended" + (f" at {at(run, process.ended)}" if process.ended is not None else "")


def init_reaps_orphans(recording: Recording) -> Verdict:
    """Whether PID 1 reaps a process that it never started: an orphan made on purpose."""
    name = "init-reaps-orphans"
    run = recording.run(Scenario.ORPHAN)
    if run is None or not run.readiness.ready:
        found = obstacle(recording, Scenario.ORPHAN, name, calm=False)
        return found if isinstance(found, Verdict) else unproved(name, "no orphan could be made")
    who = recording.subject.init or describe(main_process(run))
    reaped = events(run, EventKind.REAPED)
    zombies = events(run, EventKind.ZOMBIE)
    if zombies:
        event = zombies[0]
        summary = f"an orphan (pid {event.pid}) stayed a zombie under {who}: {event.detail}"
        return Verdict(name, Ruling.FAIL, summary, (f"orphan {event.pid}: {event.detail}",), _cure(recording))
    if left := _left_under_load(recording):
        summary = f"{count(len(left), 'zombie')} stayed after requests were answered: {left[0].detail}"
        evidence = tuple(f"pid {event.pid}: {event.detail}" for event in left[:4])
        return Verdict(name, Ruling.FAIL, summary, evidence, _cure(recording), figures={"zombies": float(len(left))})
    if reaped:
        event = reaped[0]
        summary = f"{who} reaped an orphan (pid {event.pid}): {event.detail}"
        return Verdict(name, Ruling.PASS, summary, (f"orphan {event.pid}: {event.detail}",))
    return unproved(name, f"no orphan could be made: {run.disturbed or 'no reason was recorded'}")


def _left_under_load(recording: Recording) -> list[Event]:
    """The zombies that were left by the service's own work, its children and what they left behind."""
    run = recording.run(Scenario.LOAD)
    return events(run, EventKind.ZOMBIE) if run is not None else []


def _cure(recording: Recording) -> str:
    """An init, unless that is what kills the program with all that is in flight."""
    cure = "put an init at PID 1: `init: true` in compose, `docker run --init`, or tini in the ENTRYPOINT"
    if recording.subject.workload and not recording.subject.composed:
        cure = "put an init at PID 1: tini in the ENTRYPOINT (a pod gives it none)"
    other = recording.run(Scenario.OTHER_INIT)
    if recording.subject.init:
        return "wait for the children that the program starts: an init reaps orphans, and not what has a parent"
    if other is None or not (cut := lost_in_flight(other)):
        return cure
    return f"{cure}. But first handle the stop signal: with an init it cut {count(cut, 'request')} in flight here"


# --- logs-flushed ---


def logs_flushed(recording: Recording) -> Verdict:
    """Whether the last lines written before the exit arrive."""
    name = "logs-flushed"
    run = obstacle(recording, Scenario.STOP, name, calm=False)
    if isinstance(run, Verdict):
        return run
    assert run.signalled is not None
    cut = [line for line in run.log if not line.complete]
    cause = root_cause(recording) or ("stops-in-time" if was_killed(run) else "")
    if cut:
        evidence = tuple(f"{line.stream} at {at(run, line.time)}: {line.text[:120]}" for line in cut[:2])
        cure = "flush the output before exiting: end by returning from main, not by an abort in the middle of a write"
        return Verdict(name, Ruling.FAIL, "the last line of the output is cut", evidence, cure, cause)
    told = _told(run)
    missing, logged = _missing(run, told)
    marked = sum(e.mark in told for e in _answered(run))
    if missing:
        return _lost_lines(name, recording, run, (missing, logged, cause))
    if cause:
        ending = "was killed" if was_killed(run) else "did not end by itself"
        return unproved(name, f"the service {ending}: what was still in its buffers can't be known", cause=cause)
    if not run.log:
        return unproved(name, "the service wrote nothing at all: nothing shows whether it would arrive")
    if not logged and not any(line.time >= run.signalled for line in run.log):
        some = f"only {count(marked, 'line')} carry a request's id" if marked else "no line carries a request's id"
        reason = f"no line came after the signal, and {some}: nothing shows whether the last ones arrive"
        return unproved(name, reason, evidence=tuple(f"{line.stream}: {line.text[:120]}" for line in run.log[-2:]))
    return _arrived(name, run, logged, marked)


def _answered(run: Run) -> list[Exchange]:
    found = [e for e in exchanges_of(pairs(run)) if e.outcome in COMPLETE and e.ended is not None]
    return [e for e in found if not is_cut_short(run, e)]


def _told(run: Run) -> frozenset[str]:
    """The ids of answered requests that are in the log."""
    return ids_in((line.text for line in run.log), frozenset(e.mark for e in _answered(run)))


def _missing(run: Run, logged: frozenset[str]) -> tuple[list[Exchange], int]:
    """Answered requests without a log line, where the service logs the id of nearly every request; and how many lines
    were found. Dropped middles of a long log are the recording's own gap, and prove nothing."""
    answered = [e for e in _answered(run) if e.mark]
    if not answered or run.log_truncated or run.exit is None:
        return [], 0
    before = [e for e in answered if run.signalled is not None and (e.ended or 0.0) <= run.signalled]
    seen = sum(e.mark in logged for e in before)
    if not (before and seen >= MOST * len(before)) and not _stops_midway(answered, logged):
        return [], 0
    return [e for e in answered if e.mark not in logged and (e.ended or 0.0) <= run.exit.time], len(logged)


def _stops_midway(answered: list[Exchange], logged: frozenset[str]) -> bool:
    """Whether nearly every request up to some moment has its line and none after it: a buffer that was thrown away."""
    ordered = sorted(answered, key=lambda e: e.ended or 0.0)
    until = max((index for index, e in enumerate(ordered, 1) if e.mark in logged), default=0)
    return len(logged) >= FEWEST and len(logged) >= MOST * until and len(ordered) - until >= FEWEST


def _lost_lines(name: str, recording: Recording, run: Run, told: tuple[list[Exchange], int, str]) -> Verdict:
    missing, logged, cause = told
    last = sorted(missing, key=lambda e: e.ended or 0.0)[-3:]
    evidence = tuple(f"{e.path} (id {e.mark}) answered at {at(run, e.ended or 0.0)}: no line" for e in last)
    summary = f"{count(len(missing), 'answered request')} without a log line, {logged} with one"
    figures = {"logged": float(logged), "missing": float(len(missing))}
    node = program(recording, run) is Program.NODE
    python = "set PYTHONUNBUFFERED=1, or flush at the end of the handler"
    cure = "let node drain its pipe: set `process.exitCode` and return, instead of `process.exit()`" if node else python
    return Verdict(name, Ruling.FAIL, summary, evidence, cure, cause, figures)


def _arrived(name: str, run: Run, logged: int, marked: int) -> Verdict:
    assert run.signalled is not None and run.exit is not None
    late = [line for line in run.log if line.time >= run.signalled]
    ends = events(run, EventKind.OUTPUT_ENDED)
    last = run.log[-1]
    evidence = [f"last line at {at(run, last.time)}, {last.stream}: {last.text[:120]}"]
    evidence += [f"output ended at {at(run, max(event.time for event in ends))}"] if ends else []
    figures = {
        "lines": float(len(run.log) + run.log_truncated),
        "lines_after_signal": float(len(late)),
        "logged": float(logged),
    }
    took = seconds(stop_seconds(run) or 0.0)
    if logged:
        summary = f"all {logged} answered requests have their line, and the last line is whole"
    else:
        summary = (
            f"{count(len(late), 'line')} after the signal, the last one whole, and an exit of its own after {took}; "
            f"{f'only {marked} lines carry' if marked else 'no line carries'} a request's id, so single lost lines "
            "would not show"
        )
    return Verdict(name, Ruling.PASS, summary, tuple(evidence), figures=figures)
