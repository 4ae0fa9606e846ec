"""Verdicts about time at the start: healthcheck-timing."""

from __future__ import annotations

from math import ceil

from seatrial.drill.judge.view import count, no_check, ready_run, seconds, unproved
from seatrial.model.recording import Health, Recording, Scenario
from seatrial.model.verdict import Ruling, Verdict

NAME = "healthcheck-timing"
ROOM = 2.0
"""A start on a busy machine, with a cold disk, takes this many times as long as here."""
_AS_IT_IS = (
    Scenario.STOP,
    Scenario.SECOND_SIGNAL,
    Scenario.SLOW_CLIENTS,
    Scenario.INTERRUPT,
    Scenario.LOAD,
    Scenario.OVERTIME,
    Scenario.ROLLOUT,
    Scenario.FREEZE,
    Scenario.CRASH,
)
"""The runs that start it as its files say: the first four at once, the others when less goes on."""


def healthcheck_timing(recording: Recording) -> Verdict:
    """Whether the health check gives the service the time that it takes to become healthy."""
    run = ready_run(recording, Scenario.STOP, NAME)
    if isinstance(run, Verdict):
        loaded = ready_run(recording, Scenario.LOAD, NAME)
        if isinstance(loaded, Verdict):
            return run
    health = recording.subject.health
    if health is None:
        return unproved(NAME, f"{no_check(recording.subject.workload)}, so nothing is timed by one")
    starts = [each.readiness for scenario in _AS_IT_IS if (each := recording.run(scenario)) and each.readiness.ready]
    times = [start.time for start in starts if start.time is not None and start.by == "health check"]
    if not times:
        return unproved(NAME, "the health check was not what told that it is ready")
    return _judged(health, times)


def bound(health: Health) -> float:
    """Seconds after its start at which a service whose check fails until then is unhealthy: failures within the start
    period count for nothing (the contract, section 6), and then it takes all retries."""
    return health.start_period + health.retries * health.interval


def _judged(health: Health, times: list[float]) -> Verdict:
    longest = max(times)
    wanted = max(5.0, 5.0 * ceil(ROOM * longest / 5.0))
    limit = bound(health)
    figures = {
        "healthy_seconds": round(longest, 6),
        "start_period": health.start_period,
        "proposed_start_period": wanted,
        "unhealthy_after_seconds": limit,
    }
    took = f"healthy {seconds(longest)} after the start at most, in {count(len(times), 'start')}"
    evidence = (
        f"interval {health.interval:g} s, time-out {health.timeout:g} s, {health.retries} retries, "
        f"start period {health.start_period:g} s: unhealthy after {limit:g} s at the earliest",
    )
    cure = f"write `start_period: {wanted:g}s` (--start-period in the Dockerfile's HEALTHCHECK)"
    if ROOM * min(times) <= limit < ROOM * longest:
        reason = f"the starts took from {seconds(min(times))} to {seconds(longest)}: this machine was busy"
        return unproved(NAME, reason, evidence=evidence)
    if limit < ROOM * longest:
        summary = f"{took}; its timing calls it unhealthy after {limit:g} s: no room for a slower start"
        return Verdict(NAME, Ruling.FAIL, summary, evidence, cure, figures=figures)
    if health.timeout > health.interval > 0:
        summary = f"its time-out ({health.timeout:g} s) is longer than its interval ({health.interval:g} s)"
        cure = "make the time-out shorter than the interval"
        return Verdict(NAME, Ruling.FAIL, summary, evidence, cure, figures=figures)
    short = longest - health.start_period
    if short > 0:
        said = f"its start period is {seconds(short)} shorter, and its retries cover it until {limit:g} s"
    else:
        said = f"its start period of {health.start_period:g} s is {seconds(-short)} longer"
    return Verdict(NAME, Ruling.PASS, f"{took}; {said}", evidence, figures=figures)
