"""Verdicts on liveness and readiness while a dependency is cut off, slow or back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from seatrial.drill.judge.dependency_judges import CHANGING, liveness_is_shallow, readiness_is_deep
from seatrial.model.recording import Exit, Recording, Run, Scenario, Skipped
from seatrial.model.traffic import Asked, Outcome
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import CACHE, asked, dependency, recording

Judge = Callable[[Recording], Verdict]
PATHS = {"liveness": "/health", "readiness": "/ready"}
HANGS = replace(
    dependency(), asked=(*dependency().asked[:6], asked("readiness", "slow", Outcome.TIMED_OUT, 3.1, CACHE))
)
LATE = replace(
    dependency(),
    asked=(*dependency().asked[:6], asked("readiness", "slow", 200, 3.2, CACHE, took=0.9)),
    events=(*dependency().events, replace(dependency().events[-1], detail="restored", time=4.0)),
)
"""It says yes, and only when the dependency is back."""
NOT_BACK = replace(
    dependency(),
    asked=(*dependency().asked[:8], asked("readiness", "restored", 503, 4.1, CACHE), *dependency().asked[9:]),
)
NEVER_WELL = replace(
    dependency(), asked=tuple(replace(a, situation="cut") if a.situation == "well" else a for a in dependency().asked)
)


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (dependency(), Ruling.PASS, "/health answered well 2 times while cache:6379 was cut off or slow"),
        (
            dependency(shallow=False),
            Ruling.FAIL,
            "/health failed 2 of 2 times while cache:6379 was cut, cache:6379 was slow",
        ),
        (dependency(exit=Exit(1.5, 1)), Ruling.FAIL, "the service ended with 1 when a dependency was cut off"),
        (dependency(disturbed="the relay did not listen"), Ruling.NOT_PROVED, "the relay did not listen"),
        (NEVER_WELL, Ruling.NOT_PROVED, "did not answer well while all was well"),
    ],
)
def test_liveness_must_not_depend_on_anything(run: Run, ruling: Ruling, words: str) -> None:
    verdict = liveness_is_shallow(recording(run, **PATHS))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (dependency(), Ruling.PASS, "/ready said no while cache:6379 was cut off or slow, and yes again afterwards"),
        (dependency(deep=False), Ruling.FAIL, "/ready: goes on saying yes while cache:6379 is cut off"),
        (HANGS, Ruling.FAIL, "hangs instead of saying no while cache:6379 does not answer"),
        (LATE, Ruling.FAIL, "hangs instead of saying no while cache:6379 does not answer"),
        (NOT_BACK, Ruling.FAIL, "does not say yes again after cache:6379 is back"),
        (NEVER_WELL, Ruling.NOT_PROVED, "/ready never said yes"),
        (dependency(exit=Exit(1.5, 1)), Ruling.NOT_PROVED, "the service ended"),
    ],
)
def test_readiness_must_tell_of_a_dependency(run: Run, ruling: Ruling, words: str) -> None:
    verdict = readiness_is_deep(recording(run, **PATHS))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def at_random(*steady: str) -> Run:
    """Each fourth answer is no, whatever becomes of the dependency, and every answer in these situations."""
    told: list[Asked] = []
    for situation, name in (("well", ""), ("cut", CACHE), ("restored", CACHE), ("slow", CACHE), ("restored", CACHE)):
        for number in range(len(told), len(told) + 11):
            status = 429 if number % 4 == 3 else 503 if situation in steady else 200
            told.append(asked("readiness", situation, status, 0.6 + 0.1 * number, name, took=0.01))
    steps = (replace(dependency().events[-1], time=time) for time in (1.69, 2.79, 3.89, 4.99))
    return replace(dependency(), asked=tuple(told), events=(*dependency().events[:3], *steps))


def test_a_path_that_says_no_while_all_is_well_proves_nothing_by_it() -> None:
    verdict = readiness_is_deep(recording(at_random(), **PATHS))
    assert (verdict.ruling, "while all is well, too" in verdict.summary) == (Ruling.NOT_PROVED, True), verdict
    assert readiness_is_deep(recording(at_random("cut"), **PATHS)).ruling is Ruling.NOT_PROVED
    limited = at_random("cut", "slow")
    assert readiness_is_deep(recording(replace(limited, asked=limited.asked[:-1]), **PATHS)).ruling is Ruling.PASS


@pytest.mark.parametrize(
    ("told", "ruling"),
    [
        ("db:5432 (variable DB) is one more than the 8 that are stood in for", Ruling.NOT_PROVED),
        ("10.0.0.5:5432 (variable DB) is an address and no name", Ruling.NOT_PROVED),
        ("cache:6379 (variable REDIS_URL): redis-server", Ruling.PASS),
        ("migrate (depends_on) has a port that no file says", Ruling.PASS),
    ],
)
def test_what_it_connects_to_and_was_not_cut_off_is_not_proved(told: str, ruling: Ruling) -> None:
    verdict = readiness_is_deep(recording(dependency(), **PATHS, dependencies=(told,)))
    assert verdict.ruling is ruling, verdict
    assert (told in verdict.summary) is (ruling is Ruling.NOT_PROVED)


@pytest.mark.parametrize("situation", ["cut", "slow", "restored"])
def test_a_situation_in_which_nothing_was_asked_proves_nothing(situation: str) -> None:
    told = dependency().asked
    run = replace(
        dependency(), asked=tuple(replace(a, situation=CHANGING) if a.situation == situation else a for a in told)
    )
    verdict = readiness_is_deep(recording(run, **PATHS))
    assert verdict.ruling is Ruling.NOT_PROVED
    assert verdict.summary == f"/ready was not asked while cache:6379 was {situation}"
    shallow = Ruling.PASS if situation == "restored" else Ruling.NOT_PROVED
    assert liveness_is_shallow(recording(run, **PATHS)).ruling is shallow


@pytest.mark.parametrize("judged", [liveness_is_shallow, readiness_is_deep])
def test_who_was_not_asked_for_a_while_is_not_judged(judged: Judge) -> None:
    """A machine so busy that the questions lag does not know when a dependency was cut, either."""
    gone = replace(dependency(deep=False, shallow=False), asked=dependency(deep=False, shallow=False).asked[:4])
    again = tuple(asked(purpose, "slow", 200, 3.1, CACHE) for purpose in ("readiness", "liveness"))
    verdict = judged(recording(replace(gone, asked=(*gone.asked, *again)), **PATHS))
    assert (verdict.ruling, verdict.summary) == (
        Ruling.NOT_PROVED,
        "this machine was busy: for 2.00 s nobody asked",
    )


def test_an_answer_that_came_after_the_next_change_is_none_to_the_time_before() -> None:
    """Asked when the dependency was back, and answered when it was gone again."""
    told = dependency().asked
    late = asked("readiness", "restored", 503, 2.9, CACHE, took=0.3)
    assert (
        readiness_is_deep(recording(replace(dependency(), asked=(*told[:6], late)), **PATHS)).ruling is not Ruling.FAIL
    )


def test_a_dependency_for_which_nothing_was_asked_proves_nothing() -> None:
    cut = replace(dependency().events[-1], name="db:5432", detail="cut")
    run = replace(dependency(), events=(*dependency().events, cut))
    assert readiness_is_deep(recording(run, **PATHS)).summary == "/ready was not asked while db:5432 was cut"


@pytest.mark.parametrize("judged", [liveness_is_shallow, readiness_is_deep])
def test_without_a_path_or_a_run_nothing_is_proved(judged: Judge) -> None:
    assert judged(recording(dependency())).ruling is Ruling.NOT_PROVED
    skipped: Recording = replace(recording(), skipped=(Skipped(Scenario.DEPENDENCY, "nothing it depends on"),))
    assert judged(skipped).summary == "nothing it depends on"


def test_what_could_not_be_stood_in_for_is_named() -> None:
    told = recording(NEVER_WELL, **PATHS, dependencies=("db:5432 (variable DB): not there, but for what accepts",))
    assert "db:5432" in readiness_is_deep(told).summary
