"""Verdicts on a replacement, on a request that never ends, on a job in hand, and on the image the other way round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.exit_judges import exit_code_clean
from seatrial.drill.judge.grace_judges import grace_period_fits
from seatrial.drill.judge.process_judges import init_reaps_orphans
from seatrial.drill.judge.rollout_judges import rollout_drops_nothing
from seatrial.drill.judge.work_judges import work_finished_or_returned
from seatrial.model.recording import Event, EventKind, Exit, Run
from seatrial.model.traffic import Outcome
from seatrial.model.verdict import Ruling

from ..recordings import (
    END,
    EVENTS,
    SIGNAL,
    STOP,
    ignored,
    load,
    new,
    news,
    orphan,
    other_init,
    overtime,
    recording,
    rollout,
    work,
)

CLOSED = (
    *EVENTS,
    Event(SIGNAL + 0.005, EventKind.NOT_LISTENING, "0.0.0.0:3000"),
    Event(SIGNAL - 0.01, EventKind.REPLACED, "switched"),
)
LOST = news(Outcome.NOT_SERVED, SIGNAL + 0.1, SIGNAL + 0.6)


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (rollout(), Ruling.PASS, "none of 103 requests lost while it was replaced"),
        (rollout(new(SIGNAL + 0.06, Outcome.RST)), Ruling.FAIL, "1 of 104 requests lost"),
        (rollout(new(SIGNAL - 0.011, Outcome.FIN), events=CLOSED), Ruling.PASS, "none of 104 requests lost"),
        (rollout(new(SIGNAL - 0.5, Outcome.FIN), events=CLOSED), Ruling.FAIL, "1 of 104 requests lost"),
        (rollout(*LOST), Ruling.FAIL, "25 of 128 requests lost during the replacement: 25 while the old one stops"),
        (rollout(*LOST, switched=SIGNAL + 2.0), Ruling.FAIL, "25 asked to stop, not yet replaced"),
        (replace(rollout(), events=EVENTS), Ruling.NOT_PROVED, "did not take the place"),
        (rollout(disturbed="late"), Ruling.NOT_PROVED, "the run was disturbed: late"),
    ],
)
def test_a_replacement_loses_nothing(run: Run, ruling: Ruling, words: str) -> None:
    verdict = rollout_drops_nothing(recording(run))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("begun", "ruling"), [(0.45, Ruling.NOT_PROVED), (0.52, Ruling.NOT_PROVED), (0.2, Ruling.FAIL), (0.7, Ruling.FAIL)]
)
def test_what_is_lost_at_the_very_end_of_the_lag_may_be_owed_to_the_balancer(begun: float, ruling: Ruling) -> None:
    run = rollout(new(SIGNAL + begun, Outcome.NOT_SERVED), switched=SIGNAL + 0.55)
    assert rollout_drops_nothing(recording(run, lag=0.5)).ruling is ruling


@pytest.mark.parametrize(
    ("run", "grace", "ruling", "words"),
    [
        (overtime(5.0), 10.0, Ruling.PASS, "its own limit ended that 5.00 s before the grace period (10 s) did"),
        (overtime(9.5), 10.0, Ruling.FAIL, "0.50 s before SIGKILL is too close"),
        (overtime(10.0, killed=True), 10.0, Ruling.FAIL, "held the stop up until SIGKILL, after 10 s"),
        (overtime(10.0, killed=True), 60.0, Ruling.NOT_PROVED, "still waiting after 10 s of the grace period of 60 s"),
        (overtime(connections=()), 10.0, Ruling.NOT_PROVED, "no request could be kept open"),
    ],
)
def test_the_programs_own_limit_fits_the_grace_period(run: Run, grace: float, ruling: Ruling, words: str) -> None:
    verdict = grace_period_fits(recording(run, grace=grace))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (work("done"), Ruling.PASS, "was finished"),
        (work("taken", "waiting"), Ruling.PASS, "given back to its queue"),
        (work("waiting", exit=Exit(END, 137, 9, killed=True)), Ruling.PASS, "given back to its queue, after SIGKILL"),
        (work("taken"), Ruling.FAIL, "still marked as taken"),
        (work("unknown"), Ruling.FAIL, "neither done nor waiting"),
        (work("twice"), Ruling.FAIL, "done twice"),
        (work("done", before=("given", "taken", "done")), Ruling.NOT_PROVED, "not in hand at the signal"),
        (work(), Ruling.NOT_PROVED, "nothing was told"),
        (work(disturbed="--job ended with 1: no"), Ruling.NOT_PROVED, "--job ended with 1: no"),
    ],
)
def test_a_job_in_hand_is_finished_or_given_back(run: Run, ruling: Ruling, words: str) -> None:
    verdict = work_finished_or_returned(recording(run))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_the_exit_code_of_the_same_image_the_other_way_round_is_told() -> None:
    verdict = exit_code_clean(recording(STOP, other_init(143, cut=True)))
    assert verdict.ruling is Ruling.PASS
    assert (
        "with an init: exit code 143 (128 + SIGTERM) 1.00 s after SIGTERM, 1 request in flight cut" in verdict.evidence
    )


def test_the_way_that_works_is_advised() -> None:
    verdict = exit_code_clean(recording(ignored(), other_init(0)))
    assert (verdict.ruling, "with an init the same image ends with 0" in verdict.remedy) == (Ruling.FAIL, True)
    verdict = exit_code_clean(recording(ignored(), other_init(143, cut=True)))
    assert "the same image ends with 0" not in verdict.remedy


def test_an_init_that_would_lose_requests_is_not_advised_alone() -> None:
    zombie = orphan(EventKind.ZOMBIE, "a zombie for 1.5 s")
    assert "put an init at PID 1" in init_reaps_orphans(recording(zombie)).remedy
    assert "But first handle" in init_reaps_orphans(recording(zombie, other_init(143, cut=True))).remedy


def test_a_pod_is_not_advised_a_setting_of_compose() -> None:
    zombie = orphan(EventKind.ZOMBIE, "a zombie for 1.5 s")
    cure = init_reaps_orphans(recording(zombie, workload="Pod api (a.yaml:4)")).remedy
    assert cure == "put an init at PID 1: tini in the ENTRYPOINT (a pod gives it none)"


def test_zombies_that_stay_under_load_are_told() -> None:
    left = replace(load(), events=(Event(2.0, EventKind.ZOMBIE, "left", "a zombie for 1 s and more", 40),))
    reaped = orphan(EventKind.REAPED, "reaped at once")
    verdict = init_reaps_orphans(recording(reaped, left))
    assert (verdict.ruling, "1 zombie stayed" in verdict.summary) == (Ruling.FAIL, True)
    assert init_reaps_orphans(recording(reaped, load())).ruling is Ruling.PASS
