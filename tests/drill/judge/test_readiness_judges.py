"""Verdicts on what the readiness path says at a stop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.readiness_judges import readiness_flips_first
from seatrial.model.recording import EventKind, Health, Run
from seatrial.model.traffic import Asked, Outcome
from seatrial.model.verdict import Ruling

from ..recordings import LISTENING_ON, SIGNAL, STOP, STOPPING, asked, changed, ignored, recording

BEFORE = STOPPING[:4]
REFUSED = tuple(asked("readiness", "stopping", Outcome.REFUSED, SIGNAL + 0.1 + 0.05 * n) for n in range(4))
STILL = tuple(asked("readiness", "stopping", 200, SIGNAL + 0.05 * n) for n in range(1, 12))
LATE = tuple(
    replace(event, time=SIGNAL + 0.8) if event.kind is EventKind.NOT_LISTENING else event for event in STOP.events
)
SOON_CLOSED = tuple(
    replace(event, time=SIGNAL + 0.93) if event.kind is EventKind.NOT_LISTENING else event for event in STOP.events
)
HEARD_LATE = (*BEFORE, asked("readiness", "stopping", 503, SIGNAL + 0.15))
LISTENS = tuple(one for one in STOP.connections if not any(e.outcome is Outcome.REFUSED for e in one.exchanges))


@pytest.mark.parametrize(
    ("run", "told", "ruling", "words"),
    [
        (LISTENING_ON, STOPPING, Ruling.PASS, "/ready said 503 25 ms after the signal; the listener stayed open for"),
        (LISTENING_ON, (*BEFORE, *STOPPING[4:9]), Ruling.NOT_PROVED, "to say so for 0.19 s alone, and 1.00 s"),
        (LISTENING_ON, STOPPING[:5], Ruling.NOT_PROVED, "was heard to say so for 0 ms alone"),
        (STOP, (*STOPPING[:5], *REFUSED), Ruling.FAIL, "open for 0 ms more: a balancer needs 1.00 s to notice (the"),
        (STOP, (*BEFORE, *REFUSED), Ruling.FAIL, "the listener closed at +0.010 s: before any balancer"),
        (STOP, (*BEFORE, STILL[0], *REFUSED), Ruling.FAIL, "the listener closed at +0.010 s"),
        (changed(events=LATE, connections=LISTENS), (*BEFORE, *STILL), Ruling.FAIL, "went on saying ready until"),
        (changed(events=LATE, connections=LISTENS), (*BEFORE, *STILL[:3]), Ruling.NOT_PROVED, "was not asked in the"),
        (changed(events=LATE, connections=LISTENS), BEFORE, Ruling.NOT_PROVED, "was not asked in the 0.80 s before"),
        (changed(events=SOON_CLOSED, connections=LISTENS), HEARD_LATE, Ruling.NOT_PROVED, "to say so for 0 ms alone"),
        (changed(events=LATE, connections=LISTENS), HEARD_LATE, Ruling.FAIL, "a balancer needs 1.00 s to notice"),
        (STOP, STOPPING[4:], Ruling.NOT_PROVED, "did not say ready before the signal"),
        (STOP, (), Ruling.NOT_PROVED, "did not say ready before the signal"),
        (changed(disturbed="late"), STOPPING, Ruling.NOT_PROVED, "the run was disturbed: late"),
    ],
)
def test_readiness_must_flip_while_the_listener_is_open(
    run: Run, told: tuple[Asked, ...], ruling: Ruling, words: str
) -> None:
    verdict = readiness_flips_first(recording(replace(run, asked=told), readiness="/ready"))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("lag", "interval", "ruling", "words"),
    [
        (0.5, 30.0, Ruling.PASS, "stayed open for"),
        (2.0, 0.5, Ruling.FAIL, "a balancer needs 2.00 s to notice (--lag)"),
        (0.0, 0.5, Ruling.PASS, "stayed open for"),
        (0.0, 30.0, Ruling.PASS, "stayed open for"),
    ],
)
def test_it_says_no_for_as_long_as_a_balancer_needs(lag: float, interval: float, ruling: Ruling, words: str) -> None:
    health = Health(interval, 1.0, 3, 0.0)
    verdict = readiness_flips_first(recording(LISTENING_ON, readiness="/ready", lag=lag, health=health))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_without_a_path_nothing_is_proved() -> None:
    assert "no readiness path is known" in readiness_flips_first(recording(STOP)).summary


def test_a_signal_that_was_not_heard_explains_it() -> None:
    still = (asked("readiness", "stopping", 200, SIGNAL + 0.05 * n) for n in range(1, 200))
    verdict = readiness_flips_first(recording(replace(ignored(), asked=(*BEFORE, *still)), readiness="/ready"))
    assert (verdict.ruling, verdict.cause) == (Ruling.FAIL, "handles-sigterm")
