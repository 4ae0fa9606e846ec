"""Verdicts about the program's own time limit at a stop: grace-period-fits."""

from __future__ import annotations

from seatrial.drill.judge import remedy
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.view import (
    at,
    count,
    exchanges_of,
    in_flight,
    obstacle,
    outcomes,
    seconds,
    stop_seconds,
    unproved,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import Population
from seatrial.model.verdict import Ruling, Verdict

NAME = "grace-period-fits"
MARGIN = 1.0
"""Seconds of the grace period that have to be left: a busy machine is late."""


def grace_period_fits(recording: Recording) -> Verdict:
    """Whether the program's own limit ends a stop before the grace period does, whatever a client does."""
    run = obstacle(recording, Scenario.OVERTIME, NAME, calm=False)
    if isinstance(run, Verdict):
        return run
    endless = in_flight(run, Population.UNFINISHED, Population.STREAM)
    if not endless:
        reason = "no request could be kept open: it answers without waiting for the body that was announced"
        return unproved(NAME, reason)
    assert run.exit is not None
    took, grace = stop_seconds(run) or 0.0, recording.subject.grace
    figures = {"limit_seconds": round(took, 6), "grace_seconds": grace}
    evidence = (
        f"{count(len(endless), 'request')} that never end: {outcomes(exchanges_of(endless))}",
        f"{run.signal} at +0 s; exit at {at(run, run.exit.time)} with {run.exit.code}",
    )
    if run.exit.killed:
        return _held(recording, run, (evidence, figures))
    left = grace - took
    if left < MARGIN:
        summary = f"its own limit ends the stop after {seconds(took)}: {seconds(left)} before SIGKILL is too close"
        cure = remedy.of(remedy.CLOSE_IN_TIME, recording, run)
        return Verdict(NAME, Ruling.FAIL, summary, evidence, cure, "", figures)
    summary = (
        f"a request that never ends held the stop up for {seconds(took)}, and its own limit ended that {seconds(left)} "
        f"before the grace period ({grace:g} s) did"
    )
    return Verdict(NAME, Ruling.PASS, summary, evidence, figures=figures)


def _held(recording: Recording, run: Run, told: tuple[tuple[str, ...], dict[str, float]]) -> Verdict:
    """It was still there when our patience, or the grace period, was over."""
    evidence, figures = told
    if run.grace < recording.subject.grace:
        reason = f"still waiting after {run.grace:g} s of the grace period of {recording.subject.grace:g} s"
        return unproved(NAME, reason, cause=root_cause(recording), evidence=evidence)
    summary = (
        f"a request that never ends held the stop up until SIGKILL, after {run.grace:g} s: its own limit is longer, "
        "or it has none"
    )
    cure = remedy.of(remedy.CLOSE_IN_TIME, recording, run)
    return Verdict(NAME, Ruling.FAIL, summary, evidence, cure, root_cause(recording), figures)
