"""Verdicts about the end of the process: stops-in-time, exit-code-clean, slow-clients-bounded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from seatrial.drill.judge import remedy
from seatrial.drill.judge.launch import Program, program
from seatrial.drill.judge.reaction import ended_unasked, root_cause
from seatrial.drill.judge.view import (
    AT_EXIT,
    REACTION,
    at,
    count,
    describe_code,
    held,
    in_flight,
    is_crossing,
    is_failure,
    memory_kills,
    obstacle,
    seconds,
    stop_seconds,
    unproved,
    was_killed,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

TIGHT = 0.8
"""A stop that needs more than this part of the grace period deserves a word."""


def left_open(run: Run) -> tuple[str, ...]:
    """The connections that were open until PID 1's end, a line for each population."""
    assert run.exit is not None and run.signalled is not None
    end = run.exit.time
    counted = Counter(
        connection.population.value
        for connection in run.connections
        if connection.opened is not None
        and connection.opened <= run.signalled
        and (connection.closed is None or connection.closed >= end - AT_EXIT)
    )
    return tuple(f"{count(number, 'connection')} open to the end: {word}" for word, number in counted.most_common())


def stops_in_time(recording: Recording) -> Verdict:
    """Whether the service ends within the grace period, without SIGKILL."""
    name = "stops-in-time"
    run = obstacle(recording, Scenario.STOP, name, calm=False)
    if isinstance(run, Verdict):
        return run
    assert run.exit is not None
    took = stop_seconds(run) or 0.0
    figures = {"stop_seconds": round(took, 6), "grace_seconds": run.grace}
    evidence = (f"{run.signal} at +0 s; exit at {at(run, run.exit.time)} with {describe_code(run.exit.code)}",)
    if ended_unasked(recording, run):
        reason = f"it ended by itself {seconds(took)} after {run.signal}, and not because of it"
        return unproved(name, reason, cause="handles-sigterm", evidence=evidence)
    if not run.exit.killed:
        near = f", {took / run.grace:.0%} of it" if run.grace > 0 and took > TIGHT * run.grace else ""
        summary = f"ended {seconds(took)} after {run.signal}; the grace period is {run.grace:g} s{near}"
        return Verdict(name, Ruling.PASS, summary, evidence, figures=figures)
    summary = f"still running {run.grace:g} s after {run.signal}: SIGKILL ended it"
    cure = _longer(run) or remedy.of(remedy.CLOSE_IN_TIME, recording, run)
    return Verdict(name, Ruling.FAIL, summary, evidence + left_open(run), cure, root_cause(recording), figures)


def _longer(run: Run) -> str:
    """A remedy where the slow request itself is longer than the grace period."""
    if run.grace < REACTION:
        return (
            "give it time: Docker cuts `stop_grace_period` down to whole seconds (900ms becomes 0 s), so write `1s` or "
            "more, best the default of 10s"
        )
    slow = run.target.slow_seconds if run.target else 0.0
    if slow <= run.grace:
        return ""
    return f"a request takes {seconds(slow)}: set `stop_grace_period` (or `terminationGracePeriodSeconds`) above that"


def exit_code_clean(recording: Recording) -> Verdict:
    """Whether a requested stop ends with 0, or a code that was declared; and what the same image does the other way
    round, with an init or without one."""
    verdict = _exit_code_clean(recording)
    other = recording.run(Scenario.OTHER_INIT)
    if other is None or other.signalled is None or other.exit is None or other.disturbed:
        return verdict
    way = _other_way(recording)
    line = (
        f"{way}: exit code {describe_code(other.exit.code)} {seconds(stop_seconds(other) or 0.0)} after {other.signal}"
    )
    cut = lost_in_flight(other)
    line += f", {count(cut, 'request')} in flight cut" if cut else ""
    figures = {**verdict.figures, "other_init_exit_code": float(other.exit.code), "other_init_cut": float(cut)}
    verdict = replace(verdict, evidence=(*verdict.evidence, line), figures=figures)
    if verdict.ruling is Ruling.FAIL and other.exit.code == 0 and not cut:
        return replace(verdict, remedy=f"{verdict.remedy}; {way} the same image ends with 0 and loses nothing")
    return verdict


def _other_way(recording: Recording) -> str:
    return "without an init" if recording.subject.init else "with an init"


def lost_in_flight(run: Run) -> int:
    """How many requests that were open at the signal were not answered whole."""
    open_ones = [exchange for _, exchange in (*in_flight(run), *held(run))]
    return sum(is_failure(run, exchange) and not is_crossing(run, exchange) for exchange in open_ones)


def _exit_code_clean(recording: Recording) -> Verdict:
    name = "exit-code-clean"
    run = obstacle(recording, Scenario.STOP, name, calm=False)
    if isinstance(run, Verdict):
        return run
    assert run.exit is not None
    code = run.exit.code
    evidence = (f"exit at {at(run, run.exit.time)} with {describe_code(code)}",)
    figures = {"exit_code": float(code)}
    if ended_unasked(recording, run):
        reason = f"exit code {code} of an end that {run.signal} did not bring about"
        return unproved(name, reason, cause="handles-sigterm", evidence=evidence)
    if code == 0 or (code in recording.subject.accepted_codes and not run.exit.killed):
        declared = "" if code == 0 else ", as declared"
        return Verdict(name, Ruling.PASS, f"exit code {code}{declared}", evidence, figures=figures)
    cause = root_cause(recording) or ("stops-in-time" if run.exit.killed else "")
    summary, cure = _unclean(run)
    return Verdict(name, Ruling.FAIL, summary, evidence, cure, cause, figures)


def _unclean(run: Run) -> tuple[str, str]:
    assert run.exit is not None
    code, kills = run.exit.code, memory_kills(run)
    if run.exit.killed:
        return "exit code 137: the SIGKILL at the end of the grace period", "end before the grace period does"
    if code == 137 and kills:
        return (
            f"exit code 137: the kernel killed it for memory during the stop ({kills})",
            remedy.MEMORY,
        )
    if code == 137:
        return "exit code 137: a SIGKILL that the drill did not send", "find what killed it: it was not out of memory"
    if code > 128:
        return (
            f"exit code {describe_code(code)}: ended by the signal and not by an exit of its own",
            "exit 0 at the end of the handler, or let the init map the code (`tini -e 143`) if the drain is whole",
        )
    return (
        f"exit code {code}: engines and orchestrators take that for a crash",
        "exit 0 after a requested stop; the last log lines say what went wrong",
    )


_SLOW = (Population.NEVER_USED, Population.SLOW_SENDER, Population.SLOW_READER)


def slow_clients_bounded(recording: Recording) -> Verdict:
    """Whether clients that send nothing, or one byte a second, can't hold up the stop past the grace period."""
    name = "slow-clients-bounded"
    run = obstacle(recording, Scenario.SLOW_CLIENTS, name, calm=False)
    if isinstance(run, Verdict):
        return run
    assert run.exit is not None and run.signalled is not None
    took = stop_seconds(run) or 0.0
    slow = [
        c
        for c in run.connections
        if c.population in _SLOW and c.opened is not None and c.opened <= run.signalled < (c.closed or run.exit.time)
    ]
    if not slow:
        return unproved(name, "no slow client was connected at the signal")
    counted = Counter(connection.population.value for connection in slow)
    clients = " and ".join(f"{number} {word}" for word, number in sorted(counted.items()))
    evidence = (f"open at the signal: {clients}", f"exit at {at(run, run.exit.time)}", *left_open(run))
    resets = sum(c.ending in (Outcome.IDLE_RST, Outcome.RST) for c in slow)
    figures = {"stop_seconds": round(took, 6), "slow_clients": float(len(slow)), "reset": float(resets)}
    if not run.exit.killed:
        summary = f"ended {seconds(took)} after {run.signal} with slow clients connected ({clients})"
        return Verdict(name, Ruling.PASS, summary, evidence[:2], figures=figures)
    stop = recording.run(Scenario.STOP)
    cause = root_cause(recording) or ("stops-in-time" if stop is not None and was_killed(stop) else "")
    summary = f"slow clients ({clients}) held up the stop: SIGKILL after {run.grace:g} s"
    return Verdict(name, Ruling.FAIL, summary, evidence, _bound(recording, run), cause, figures)


def _bound(recording: Recording, run: Run) -> str:
    if program(recording, run) is Program.NODE:
        return (
            "about 200 ms after `server.close()` destroy the sockets that have no request (keep a set of them on "
            "'connection'), and exit after a time limit: up to node 25 one such connection blocks the exit for ever"
        )
    return remedy.of(remedy.CLOSE_IN_TIME, recording, run)
