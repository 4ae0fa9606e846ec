"""Verdicts on a start without what the service depends on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.judge.misfit_judges import no_crash_loop
from seatrial.model.recording import Exit, LogLine, Readiness, Run, Scenario
from seatrial.model.verdict import Ruling

from ..recordings import SIGNAL, STOP, act, recording

NOT_READY = Readiness(False, None, "", 10.0, "nothing listens")
SILENT = Readiness(True, 5.0, "worker", 10.0)
PLAIN = replace(
    STOP,
    log=(
        LogLine(0.3, "stdout", "registered error handler 7"),
        LogLine(0.3, "stdout", '{"hostname":"3fa9bc01ffee","msg":"error handler registered"}'),
    ),
)


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
        (alone("registered error handler 8"), Ruling.FAIL, "it neither works nor ends"),
        (alone('{"hostname":"bc91f0aa12de","msg":"error handler registered"}'), Ruling.FAIL, "neither works nor ends"),
        (alone("error handler: db is gone"), Ruling.PASS, "it says so and goes on trying"),
        (alone(readiness=SILENT), Ruling.FAIL, "it neither works nor ends"),
    ],
)
def test_a_start_without_its_dependencies_must_not_be_silent(run: Run, ruling: Ruling, words: str) -> None:
    verdict = no_crash_loop(recording(PLAIN, run))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_what_it_says_only_when_it_is_asked_to_stop_is_nothing_usual() -> None:
    stopping = replace(STOP, log=(LogLine(SIGNAL + 0.1, "stdout", "error: db is gone"),))
    assert no_crash_loop(recording(stopping, alone("error: db is gone"))).ruling is Ruling.PASS


def test_a_worker_is_silent_at_all_times() -> None:
    worker = replace(STOP, readiness=SILENT, target=None)
    assert "it comes up" in no_crash_loop(recording(worker, alone(readiness=SILENT))).summary


@pytest.mark.parametrize("run", [alone(readiness=SILENT), alone("error handler registered")])
def test_what_it_does_as_a_rule_is_not_known_without_another_run(run: Run) -> None:
    verdict = no_crash_loop(recording(run))
    assert (verdict.ruling, "no run shows what it does" in verdict.summary) == (Ruling.NOT_PROVED, True), verdict


def test_a_silent_hang_needs_no_other_run_and_one_that_is_unclear_hides_no_failure() -> None:
    assert no_crash_loop(recording(alone("starting"))).ruling is Ruling.FAIL
    taken = replace(alone("in use", exit=Exit(0.4, 0)), scenario=Scenario.PORT_TAKEN)
    assert no_crash_loop(recording(taken, alone("error handler registered"))).ruling is Ruling.FAIL
    right = replace(taken, exit=Exit(0.4, 1))
    assert no_crash_loop(recording(right, alone("error handler registered"))).ruling is Ruling.NOT_PROVED
