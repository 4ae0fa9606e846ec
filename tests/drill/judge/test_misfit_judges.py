"""Verdicts on a start without what the service depends on."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.drill.judge.misfit_judges import no_crash_loop
from seatrial.model.recording import Exit, LogLine, Readiness, Run, Scenario
from seatrial.model.verdict import Ruling

from ..recordings import act, recording

NOT_READY = Readiness(False, None, "", 10.0, "nothing listens")


def alone(said: str = "", **changes: Any) -> Run:
    """It was started with nothing where its dependency should be, and wrote this."""
    log = (LogLine(0.3, "stdout", said),) if said else ()
    return act(Scenario.NO_DEPENDENCY, **{"log": log, "readiness": NOT_READY, **changes})


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (alone("db: connect ECONNREFUSED", exit=Exit(0.4, 1)), Ruling.PASS, "it says so and ends with 1"),
        (alone(readiness=Readiness(True, 0.5, "HTTP")), Ruling.PASS, "should be it comes up"),
        (alone("db refused the connection, retrying in 1 s"), Ruling.PASS, "it says so and goes on trying"),
        (alone("starting"), Ruling.FAIL, "it neither works nor ends"),
        (alone(), Ruling.FAIL, "it neither works nor ends"),
        (alone("bye", exit=Exit(0.4, 0)), Ruling.FAIL, "ends with 0, as if all were well"),
        (alone(exit=Exit(0.4, 1)), Ruling.FAIL, "ends with 1 and without a word"),
    ],
)
def test_a_start_without_its_dependencies_must_not_be_silent(run: Run, ruling: Ruling, words: str) -> None:
    verdict = no_crash_loop(recording(run))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict
