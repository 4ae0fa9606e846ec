"""What memory limit is proposed, by the peak under load and by what became of the service at the limits that were
tried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.model.memory import MIB, growth, measured_by, proposal, tried
from seatrial.model.recording import Charged, Exit, LogLine, Readiness, Recording, Run, Scenario, Skipped, Usage
from seatrial.model.traffic import Outcome
from tests.drill.recordings import at_limit, load, new, recording

KILLED = Exit(1.5, 137, 9, oom_kills=1)
USED = 50 * MIB
AGAIN = {"limit": 128, "scenario": Scenario.MORE_MEMORY}
HEAP = (LogLine(1.4, "stderr", "FATAL ERROR: Reached heap limit - JavaScript heap out of memory"),)
REFUSED = (LogLine(0.2, "stderr", "Error: connect ECONNREFUSED 127.0.0.1:6379"),)
LATE = Readiness(False, None, limit=10.0)


@pytest.mark.parametrize(
    ("run", "lived", "words"),
    [
        (at_limit(), True, "no kill for memory, answers as before (p95 4.0 ms → 4.0 ms)"),
        (at_limit(took=0.09), True, "answers as before (p95 4.0 ms → 90 ms)"),
        (at_limit(exit=KILLED), False, "1 out-of-memory kill under load"),
        (at_limit(exit=Exit(3.0, 137, 9, killed=True, oom_kills=2)), False, "2 out-of-memory kills under load"),
        (at_limit(exit=KILLED, readiness=LATE), False, "1 out-of-memory kill before it was ready"),
        (at_limit(exit=KILLED, disturbed="the load generator was 1.00 s late"), False, "1 out-of-memory kill"),
        (at_limit(exit=Exit(1.5, 134, 6)), None, "it ended with 134 under load, and nothing was killed for memory"),
        (at_limit(exit=Exit(1.5, 134, 6), log=HEAP), False, "it ended with 134 under load (FATAL ERROR: Reached heap"),
        (at_limit(exit=Exit(1.5, 1), charged=Charged(80 * MIB, 7)), False, "it ended with 1 under load"),
        (at_limit(exit=Exit(0.2, 1), readiness=LATE, log=REFUSED), None, "it ended with 1 before it was ready"),
        (at_limit(exit=None, readiness=LATE), None, "it was not ready within 10 s"),
        (at_limit(exit=None), None, "did not come to its end"),
        (at_limit(disturbed="the load generator was 1.00 s late"), None, "the load generator was 1.00 s late"),
        (at_limit(connections=()), None, "it answered no request"),
        (
            at_limit(connections=(new(1.0, Outcome.COMPLETE), new(1.1, Outcome.RST))),
            None,
            "of 2 requests 1 had no good answer",
        ),
        (at_limit(took=0.3), None, "(p95 4.0 ms → 300 ms), and not for want of memory"),
        (at_limit(took=0.3, charged=Charged(80 * MIB, 0)), None, "and not for want of memory"),
        (at_limit(took=0.3, charged=Charged(80 * MIB, 7)), False, "memory had to be taken back 7 times first"),
        (at_limit(took=0.3, charged=Charged(80 * MIB, 7), load_lag=0.25), True, "answers as before"),
        (at_limit(took=1.2, charged=Charged(80 * MIB, 7)), False, "p95 4.0 ms → 1.20 s"),
    ],
)
def test_what_became_of_it_at_a_limit_is_told_by_the_kernel_and_by_its_answers(
    run: Run, lived: bool | None, words: str
) -> None:
    found = tried(run, load())
    assert (found.limit, found.lived) == (80 * MIB, lived)
    assert words in found.words


@pytest.mark.parametrize("before", [None, load(exit=Exit(1.5, 1)), load(requests=0)])
def test_without_a_load_to_hold_it_against_nothing_is_proved(before: Run | None) -> None:
    assert tried(at_limit(), before).lived is None


def test_one_that_ends_by_itself_at_any_limit_does_not_refute_this_one() -> None:
    ended = Exit(1.5, 134)
    assert tried(at_limit(exit=ended, log=HEAP), load(exit=ended)).lived is None


@pytest.mark.parametrize(
    ("runs", "limit", "least", "words"),
    [
        ((at_limit(),), 80, 60 * MIB, "ran under load at that limit: no kill for memory, answers as before"),
        ((at_limit(disturbed="busy"),), 80, 60 * MIB, "not proved at that limit: busy"),
        ((), 80, 60 * MIB, "not run at that limit: the memory drill was not run"),
        (
            (at_limit(exit=KILLED), at_limit(**AGAIN)),
            128,
            80 * MIB + 1,
            "80 MiB was not enough: 1 out-of-memory kill under load; ran under load at that limit: no kill",
        ),
        ((at_limit(exit=KILLED), at_limit(**AGAIN, disturbed="busy")), 128, 80 * MIB + 1, "not proved at that limit"),
        ((at_limit(exit=KILLED),), 128, 80 * MIB + 1, "not run at that limit: the more-memory drill was not run"),
        (
            (at_limit(exit=KILLED), at_limit(**AGAIN, exit=KILLED)),
            None,
            128 * MIB + 1,
            "80 MiB was not enough: 1 out-of-memory kill under load; 128 MiB was not enough: 1 out-of-memory kill",
        ),
        ((at_limit(48),), 80, 60 * MIB, "not run at that limit: the peak was another when it was measured again"),
        ((at_limit(112),), 112, 60 * MIB, "ran under load at that limit"),
    ],
)
def test_a_limit_is_proposed_that_was_not_refuted(
    runs: tuple[Run, ...], limit: int | None, least: float, words: str
) -> None:
    found = proposal(recording(load(), *runs), USED)
    assert (found.limit, found.least) == (limit and limit * MIB, least)
    assert words in found.words


def test_why_a_limit_was_not_tried_is_said() -> None:
    of = replace(recording(load()), skipped=(Skipped(Scenario.MEMORY, "no controller", wanted=False),))
    assert proposal(of, USED).words == "not run at that limit: no controller"


def rising(*values: int) -> tuple[Usage, ...]:
    return tuple(Usage(0.15 * number, value * MIB, 20, 1) for number, value in enumerate(values))


def test_by_what_the_peak_was_measured_is_said() -> None:
    run = load(usage=(Usage(0.1, 40 * MIB, 20, 1), Usage(0.2, 50 * MIB, 20, 1, charged=True)))
    assert measured_by(run) == "by the kernel's charge to its cgroup"
    assert "the sum of its processes" in measured_by(replace(run, usage=run.usage[:1]))


@pytest.mark.parametrize(
    ("values", "grows"),
    [
        ((50, 60, 70, 80, 90, 100, 110), True),
        ((50, 50, 50, 50, 50, 50, 50), False),
        ((50, 70, 90, 98, 99, 100, 100), False),  # it warms up
        ((50, 55, 70, 90, 110, 90, 130), False),  # it gives some back
        ((50, 60, 75, 90, 95, 100, 104), False),  # it levels off
        ((46, 52, 60, 68, 74, 81, 88, 94, 105, 111, 112, 112), True),  # a leak of 1 MiB a request, as measured
        ((45, 52, 47, 53, 60, 66, 68, 68, 72, 76, 76), False),  # the same, not kept
        ((50, 52, 53, 54, 55, 56, 57), False),  # by too little
        ((500, 505, 510, 515, 520, 525, 530), False),
        ((50, 80, 110), False),  # too few looks
    ],
)
def test_memory_is_growing_that_rises_in_both_halves_and_never_falls(values: tuple[int, ...], grows: bool) -> None:
    assert bool(growth(rising(*values))) is grows


def test_a_peak_that_was_still_growing_is_none_and_proposes_nothing() -> None:
    grown: Recording = recording(load(usage=rising(50, 60, 70, 80, 90, 100, 110)), at_limit(176))
    found = proposal(grown, 110 * MIB)
    assert (found.limit, found.words) == (None, "it was still growing when the load ended (50, 80, 110 MiB)")
