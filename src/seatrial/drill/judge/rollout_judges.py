"""Verdicts about a replacement under load: rollout-drops-nothing."""

from __future__ import annotations

from dataclasses import replace

from seatrial.drill.judge.own_limit import cure_of_losses
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.traffic_judges import loss_lines
from seatrial.drill.judge.view import (
    Pair,
    at,
    count,
    exchanges_of,
    is_crossing,
    is_failure,
    is_queue_race,
    last_moment,
    obstacle,
    outcomes,
    pairs,
    unproved,
    was_killed,
    why_unclear,
)
from seatrial.model.recording import EventKind, Recording, Run, Scenario
from seatrial.model.traffic import Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

NAME = "rollout-drops-nothing"
EDGE = 0.1
"""Seconds before the end of the lag: what is begun then may reach the old instance after it, on a busy machine."""


def rollout_drops_nothing(recording: Recording) -> Verdict:
    """Whether no request is lost while the instance is replaced by a new one under load."""
    run = obstacle(recording, Scenario.ROLLOUT, NAME)
    if isinstance(run, Verdict):
        return run
    switched = next((e.time for e in run.events if e.kind is EventKind.REPLACED and e.name == "switched"), None)
    asked = [(c, e) for c, e in pairs(run) if e.outcome is not Outcome.ABANDONED]
    if switched is None or not asked:
        return unproved(NAME, "the new instance did not take the place of the old one")
    lost, races = _split(run, switched, asked)
    phases = _phases(run, switched, asked)
    figures = {"requests": float(len(asked)), "lost": float(len(lost)), "races": float(len(races))}
    evidence = [f"{name}: {outcomes(exchanges_of(found))}" for name, found in phases if found]
    if races:
        evidence.append(f"{count(len(races), 'request')} met the close of a queue or a reused connection: no loss")
    if lost and _is_at_the_edge(recording, run, switched, lost):
        reason = (
            f"{count(len(lost), 'request')} lost at the very end of the balancer's lag, or after it: too close to tell"
        )
        return unproved(NAME, reason, evidence=(*evidence, *loss_lines(run, lost)))
    if lost:
        where = ", ".join(f"{n} {name}" for name, found in phases if (n := sum(pair in lost for pair in found)))
        summary = f"{len(lost)} of {count(len(asked), 'request')} lost during the replacement: {where}"
        cause = root_cause(recording) or ("stops-in-time" if was_killed(run) else "")
        cure = cure_of_losses(recording, run, lost)
        return Verdict(NAME, Ruling.FAIL, summary, (*evidence, *loss_lines(run, lost)), cure, cause, figures)
    if reason := why_unclear(run, asked):
        return unproved(NAME, reason, evidence=tuple(evidence))
    lag = recording.subject.lag
    told = f", with the balancer {lag:g} s late" if lag else ""
    end = at(run, last_moment(run))
    summary = f"none of {count(len(asked), 'request')} lost while it was replaced{told}; the old one ended at {end}"
    return Verdict(NAME, Ruling.PASS, summary, tuple(evidence), figures=figures)


def _is_at_the_edge(recording: Recording, run: Run, switched: float, lost: list[Pair]) -> bool:
    """Whether all were sent to the old instance when the balancer should have known, or was just about to."""
    edge = (run.signalled or 0.0) + recording.subject.lag - EDGE
    return recording.subject.lag > EDGE and all(edge <= exchange.begun < switched for _, exchange in lost)


def _split(run: Run, switched: float, asked: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """What was lost, and what only met an unavoidable race, in the queue of the old one alone."""
    old = replace(run, connections=tuple(one for one in run.connections if one.begun < switched))
    failed = [(c, e) for c, e in asked if is_failure(run, e)]
    crossed = [(c, e) for c, e in failed if is_crossing(run, e)]
    to_old = [(c, e) for c, e in failed if c.begun < switched]
    queued = [(c, e) for c, e in to_old if c.population is Population.OPEN_LOOP and e.first_byte is None]
    races = crossed + (queued if is_queue_race(old, queued) else [])
    return [pair for pair in failed if pair not in races], races


def _phases(run: Run, switched: float, asked: list[Pair]) -> list[tuple[str, list[Pair]]]:
    """The requests by when they were begun: a loss is attributed to a moment of the replacement."""
    signalled = run.signalled or 0.0
    end = last_moment(run)
    first, second = min(switched, signalled), max(switched, signalled)
    between = "asked to stop, not yet replaced" if signalled < switched else "replaced, not yet asked to stop"
    bounds = (
        ("before", float("-inf"), first),
        (between, first, second),
        ("while the old one stops", second, max(second, end)),
        ("after", max(second, end), float("inf")),
    )
    return [(name, [(c, e) for c, e in asked if begin <= e.begun < until]) for name, begin, until in bounds]
