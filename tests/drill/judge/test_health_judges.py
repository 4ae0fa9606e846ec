"""Whether a health check can fail, from recordings of what it said while something was wrong on purpose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.health_judges import healthcheck_detects_failure
from seatrial.model.recording import Event, EventKind, Health, Probe, Readiness, Recording, Scenario, Skipped
from seatrial.model.verdict import Ruling

from ..recordings import HEALTH, all_good, freeze, probe, recording, stand_in

FROZEN_TWICE = (probe("frozen", 1, 1.0, 1.5), probe("frozen", 1, 1.25, 1.5))


def told(*runs: object, health: Health | None = HEALTH) -> Recording:
    return recording(*runs, health=health)  # type: ignore[arg-type]


def test_a_check_that_fails_in_every_situation_passes_with_the_time_by_its_own_interval() -> None:
    verdict = healthcheck_detects_failure(all_good())
    assert verdict.ruling is Ruling.PASS
    assert "2 processes stopped" in verdict.summary
    assert verdict.figures["unhealthy_within_seconds"] == 3 * (10.0 + 2.0)
    assert verdict.evidence[0] == "every process of the service is frozen: still waiting after 2 s, when it was killed"


def test_a_check_that_gives_up_by_itself_is_quicker_than_its_time_out() -> None:
    asked = (*FROZEN_TWICE, probe("frozen", 1, 1.5, 1.5))
    verdict = healthcheck_detects_failure(told(freeze(*asked), stand_in()))
    assert verdict.figures["unhealthy_within_seconds"] == pytest.approx(3 * (10.0 + 1.5))


@pytest.mark.parametrize(
    ("frozen", "others", "words", "cure"),
    [
        ((), (probe("refused", 0), probe("error", 0)), "nothing listens, and every request", "`|| true`"),
        ((), (probe("refused", 7), probe("error", 0)), "while every request is answered by 500", "`curl -f`"),
        (tuple(probe("frozen", 0, t) for t in (1.0, 1.3, 31.0)), (), "is frozen for 30.00 s", "ask the service"),
        ((*FROZEN_TWICE, probe("frozen", 0, 31.0)), (), "is frozen for 30.00 s", "ask the service"),
        (tuple(probe("frozen", 0) for _ in range(3)), (probe("refused", 0),), "healthy while nothing", "`|| true`"),
    ],
)
def test_a_check_that_goes_on_saying_healthy_fails(
    frozen: tuple[Probe, ...], others: tuple[Probe, ...], words: str, cure: str
) -> None:
    verdict = healthcheck_detects_failure(told(freeze(*frozen), stand_in(*others)))
    assert verdict.ruling is Ruling.FAIL
    assert words in verdict.summary
    assert cure in verdict.remedy
    assert any("exit code 0" in line for line in verdict.evidence)


def test_a_check_that_never_passed_proves_nothing() -> None:
    said = tuple(Event(0.5 + 0.1 * n, EventKind.PROBE, "exit code 127", "curl: not found") for n in range(3))
    run = freeze(events=(*freeze().events, *said))
    verdict = healthcheck_detects_failure(told(run, stand_in()))
    assert (verdict.ruling, "never passed while the service was well" in verdict.summary) == (Ruling.NOT_PROVED, True)


def test_a_check_that_tells_by_the_time_gone_by_passes_at_first() -> None:
    """The age of a file that the service touches."""
    late = (probe("frozen", 1, 31.0 + 0.25 * n) for n in range(3))
    at_first = tuple(probe("frozen", 0, 1.0 + 0.25 * n) for n in range(3))
    verdict = healthcheck_detects_failure(told(freeze(*at_first, *late), stand_in()))
    assert verdict.ruling is Ruling.PASS, verdict
    assert verdict.figures["unhealthy_within_seconds"] == pytest.approx(30.5 + 3 * (10.0 + 0.1))
    unasked = healthcheck_detects_failure(told(freeze(*at_first), stand_in()))
    assert (unasked.ruling, "asked for 0.50 s alone" in unasked.summary) == (Ruling.NOT_PROVED, True), unasked


def test_the_stand_in_alone_shows_a_check_that_cannot_fail() -> None:
    verdict = healthcheck_detects_failure(told(stand_in(probe("refused", 0))))
    assert verdict.ruling is Ruling.FAIL


def test_more_retries_than_probes_were_made_count_as_more_of_the_same() -> None:
    many = tuple(probe("frozen", 1, 1.0 + n) for n in range(10))
    verdict = healthcheck_detects_failure(told(freeze(*many), stand_in(), health=replace(HEALTH, retries=20)))
    assert verdict.ruling is Ruling.PASS


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (told(), "the freeze drill was not run"),
        (replace(told(), skipped=(Skipped(Scenario.FREEZE, "it has no health check"),)), "it has no health check"),
        (told(freeze(*FROZEN_TWICE[:1]), stand_in()), "could not be run while the service was frozen"),
        (
            told(replace(freeze(), probes=(), disturbed="the service could not be frozen"), stand_in()),
            "the service could not be frozen",
        ),
        (told(replace(freeze(), readiness=Readiness(False, None, limit=5.0)), stand_in()), "not ready within 5 s"),
        (told(freeze(), stand_in(), health=None), "has no health check"),
    ],
)
def test_what_was_not_seen_is_not_proved(of: Recording, words: str) -> None:
    verdict = healthcheck_detects_failure(of)
    assert verdict.ruling is Ruling.NOT_PROVED
    assert words in verdict.summary


def test_a_time_out_that_was_cut_for_the_drill_is_said() -> None:
    verdict = healthcheck_detects_failure(told(freeze(), stand_in(), health=Health(30.0, 30.0, 3, 0.0)))
    assert "30 s, cut to 2 s here" in verdict.evidence[-1]
    assert verdict.figures["unhealthy_within_seconds"] == 180.0
