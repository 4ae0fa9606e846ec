"""A start after which every request is answered with an error: it is there, and has not come up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.crash_judges import recovers_from_crash
from seatrial.drill.judge.misfit_judges import no_crash_loop
from seatrial.model.recording import Event, EventKind, Readiness, Run
from seatrial.model.verdict import Ruling

from ..recordings import STOP, recording, recovery, unset

FAIL, PASS, UNKNOWN = Ruling.FAIL, Ruling.PASS, Ruling.NOT_PROVED


def plain(status: int) -> Run:
    """A run in which nothing is missing, ready by an answer with this status."""
    return replace(STOP, readiness=replace(STOP.readiness, status=status))


def bare(status: int, ready: bool = True) -> Run:
    """Without its settings it answers with this status, and does not end."""
    state = Readiness(ready, 0.5 if ready else None, "HTTP" if ready else "", 10.0, f"answered {status}", status)
    return unset(None, "", readiness=state)


@pytest.mark.parametrize(
    ("runs", "ruling", "words"),
    [
        ((plain(200), bare(500)), FAIL, "without its settings it answers with 500 and does not end"),
        ((plain(404), bare(503, ready=False)), FAIL, "without its settings it answers with 503 and does not end"),
        ((plain(200), bare(404)), PASS, "it comes up with defaults of its own"),
        ((plain(500), bare(500)), PASS, "it comes up with defaults of its own"),
        ((bare(500),), UNKNOWN, "it answered with 500, and no run shows what it does and says as a rule"),
        ((bare(200),), PASS, "it comes up with defaults of its own"),
    ],
)
def test_a_service_that_needs_its_settings_ends_without_them(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    verdict = no_crash_loop(recording(*runs))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_a_service_that_listens_again_and_answers_nothing_well_has_not_recovered() -> None:
    run = recovery(None)
    run = replace(run, events=(*run.events, Event(2.0, EventKind.LISTENING, "0.0.0.0:3000")))
    verdict = recovers_from_crash(recording(run))
    assert verdict.ruling is FAIL
    assert verdict.summary.endswith("it listens, and answers with errors or not at all")
