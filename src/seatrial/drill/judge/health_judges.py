"""Verdicts about the health check: healthcheck-detects-failure."""

from __future__ import annotations

from seatrial.drill.judge import remedy
from seatrial.drill.judge.declared_judges import tries_while_well
from seatrial.drill.judge.view import count, events, ready_run, seconds, unproved
from seatrial.engine.contract.health import Check, Kind, Monitor, Result, Status
from seatrial.model.recording import EventKind, Health, Probe, Recording, Run, Scenario
from seatrial.model.verdict import Ruling, Verdict

NAME = "healthcheck-detects-failure"
MOST = 10
"""Probes of one situation at a time at most, however many retries the check has."""
MEANS = {
    "frozen": "every process of the service is frozen",
    "refused": "nothing listens",
    "error": "every request is answered by 500",
}


def healthcheck_detects_failure(recording: Recording) -> Verdict:
    """Whether the service's health check notices that it is frozen, gone, or answers with errors."""
    runs = [ready_run(recording, scenario, NAME) for scenario in (Scenario.FREEZE, Scenario.STAND_IN)]
    found = [run for run in runs if isinstance(run, Run)]
    probes = tuple(probe for run in found for probe in run.probes)
    health = recording.subject.health
    if not found or health is None:
        first = runs[0]
        return first if isinstance(first, Verdict) else unproved(NAME, "the recording has no health check")
    frozen = _of(probes, "frozen")
    waited = max((probe.begun - frozen[0].begun for probe in frozen), default=0.0)
    probes = (*_last(health, frozen), *(probe for probe in probes if probe.situation != "frozen"))
    passed = {probe.situation for probe in probes if probe.code == 0}
    blind = [each for each in MEANS if each in passed and not _notices(health, probes, each)]
    hasty = waited < health.interval * health.retries
    if blind and (blind != ["frozen"] or not hasty):
        return _blind(probes, [each for each in blind if each != "frozen" or not hasty], waited)
    if blind:
        return unproved(NAME, _too_soon(health, waited), evidence=_evidence(probes))
    if len(frozen) < min(health.retries, MOST):
        return unproved(NAME, _unfrozen(runs[0]), evidence=_evidence(probes))
    well = [each.code for each in tries_while_well(recording)]
    if well and 0 not in (*well, *(probe.code for probe in probes)):
        return unproved(NAME, "it never passed while the service was well, either", evidence=_evidence(probes))
    return _noticed(found, health, probes, waited if any(probe.code == 0 for probe in frozen) else 0.0)


def _of(probes: tuple[Probe, ...], situation: str) -> list[Probe]:
    return [probe for probe in probes if probe.situation == situation]


def _last(health: Health, frozen: list[Probe]) -> list[Probe]:
    """What counts of the probes of a frozen service: a check that tells by the time gone by passes at first."""
    return sorted(frozen, key=lambda probe: probe.begun)[-min(health.retries, MOST) :]


def _too_soon(health: Health, waited: float) -> str:
    bound = health.interval * health.retries
    return (
        f"it passes while {MEANS['frozen']}, and was asked for {seconds(waited)} alone: whether it tells by the time "
        f"that has gone by (the age of a file) shows after {health.retries} intervals, {bound:g} s"
    )


def _notices(health: Health, probes: tuple[Probe, ...], situation: str) -> bool:
    """Whether a service that was healthy is unhealthy after these probes, by the contract. One probe stands for all
    retries where nothing but the situation could change its answer."""
    check = Check(Kind.EXECUTE, (), health.interval, health.timeout, 0.0, retries=health.retries)
    monitor = Monitor(check).start(0.0).take(Result(0.0, 0.0, 0), 0.0)
    asked = sorted(_of(probes, situation), key=lambda probe: probe.begun)
    if situation != "frozen" or len(asked) == MOST:
        asked = asked * health.retries
    for probe in asked:
        code = -1 if probe.code is None else probe.code
        monitor = monitor.take(Result(probe.begun, probe.ended, code), probe.ended)
    return monitor.status is Status.UNHEALTHY


def _said(probe: Probe) -> str:
    """One probe for people."""
    took = seconds(probe.ended - probe.begun)
    if probe.code is None:
        what = f"still waiting after {probe.limit:g} s, when it was killed"
    else:
        what = f"exit code {probe.code} after {took}"
    return f"{MEANS.get(probe.situation, probe.situation)}: {what}" + (
        f" ({probe.output[:100]})" if probe.output else ""
    )


def _evidence(probes: tuple[Probe, ...]) -> tuple[str, ...]:
    """One probe of each situation: the one that passed, if any did."""
    firsts = [
        min(asked, key=lambda probe: (probe.code != 0, probe.begun))
        for situation in MEANS
        if (asked := _of(probes, situation))
    ]
    return tuple(_said(probe) for probe in firsts)


def _blind(probes: tuple[Probe, ...], blind: list[str], waited: float) -> Verdict:
    where = ", and ".join(MEANS[each] + (f" for {seconds(waited)}" if each == "frozen" else "") for each in blind)
    summary = f"the health check goes on saying healthy while {where}"
    figures = {f"passed_while_{each}": float(sum(probe.code == 0 for probe in _of(probes, each))) for each in blind}
    cure = next(text for situation, text in remedy.CHECK.items() if situation in blind)
    return Verdict(NAME, Ruling.FAIL, summary, _evidence(probes), cure, figures=figures)


def _unfrozen(run: Run | Verdict) -> str:
    if isinstance(run, Verdict):
        return run.summary
    return run.disturbed or "the health check could not be run while the service was frozen"


def _noticed(found: list[Run], health: Health, probes: tuple[Probe, ...], passed: float) -> Verdict:
    """The verdict on a check that fails, where it passed for some seconds at first."""
    frozen = _of(probes, "frozen")
    hung = any(probe.code is None for probe in frozen)
    longest = health.timeout if hung else max(probe.ended - probe.begun for probe in frozen)
    bound = passed + health.retries * (health.interval + longest)
    number = next((event.name for run in found for event in events(run, EventKind.FROZEN)), "")
    processes = count(int(number), "process") if number.isdecimal() else "all of it"
    others = [each for each in ("refused", "error") if _of(probes, each)]
    besides = "".join(f", and when {MEANS[each]}" for each in others)
    summary = (
        f"it fails when the service is frozen ({processes} stopped){besides}; by its interval of {health.interval:g} s "
        f"unhealthy within {bound:.0f} s"
    )
    pace = "the probes were begun faster than its interval says; their time-out was its own"
    if any(probe.limit < health.timeout for probe in frozen):
        pace = f"{pace}, {health.timeout:g} s, cut to {frozen[0].limit:g} s here"
    figures = {
        "unhealthy_within_seconds": round(bound, 3),
        "probes": float(len(frozen)),
        "retries": float(health.retries),
    }
    return Verdict(NAME, Ruling.PASS, summary, (*_evidence(probes), pace), figures=figures)
