"""What became of verdicts since a baseline: rulings decide, numbers never do."""

from __future__ import annotations

import pytest

from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import Baseline, Change, Comparison, compare, is_beyond_noise

PASS, FAIL, UNPROVED, SKIPPED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.SKIPPED


def of(before: dict[str, Ruling], now: dict[str, Ruling]) -> Comparison:
    then = tuple(Verdict(name, ruling, "then") for name, ruling in before.items())
    return compare(Baseline("b", "api", "", then), "api", [Verdict(name, r, "now") for name, r in now.items()])


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (PASS, PASS, Change.SAME),
        (FAIL, FAIL, Change.SAME),
        (PASS, FAIL, Change.WORSE),
        (UNPROVED, FAIL, Change.FOUND),
        (PASS, UNPROVED, Change.UNPROVED),
        (FAIL, UNPROVED, Change.UNKNOWN),
        (FAIL, PASS, Change.BETTER),
        (UNPROVED, PASS, Change.BETTER),
        (SKIPPED, SKIPPED, Change.SAME),
        (SKIPPED, FAIL, Change.WORSE),
        (SKIPPED, UNPROVED, Change.NEW),
        (SKIPPED, PASS, Change.NEW),
        (PASS, SKIPPED, Change.SKIPPED),
        (FAIL, SKIPPED, Change.SKIPPED),
    ],
)
def test_each_pair_of_rulings(before: Ruling, now: Ruling, change: Change) -> None:
    assert [shift.change for shift in of({"a": before}, {"a": now}).shifts] == [change]


def test_what_only_one_of_them_has_is_no_regression() -> None:
    shifts = {shift.requirement: shift for shift in of({"old": FAIL}, {"new": FAIL}).shifts}
    assert (shifts["new"].change, shifts["new"].rulings) == (Change.NEW, "— → fail")
    assert (shifts["old"].change, shifts["old"].summary) == (Change.GONE, "then")


def test_the_headline_counts_the_worst_first() -> None:
    assert of({"a": PASS, "b": FAIL, "c": PASS}, {"a": FAIL, "b": PASS, "c": PASS}).headline() == (
        "1 worse, 1 better, 1 the same"
    )
    assert of({"a": FAIL}, {"a": FAIL}).headline() == "nothing changed"


@pytest.mark.parametrize(
    ("name", "before", "now", "told"),
    [
        ("stop_seconds", 1.0, 1.4, False),
        ("stop_seconds", 0.01, 0.4, False),
        ("stop_seconds", 1.0, 4.0, True),
        ("stop_seconds", 4.0, 1.0, True),
        ("peak_bytes", 60 << 20, 80 << 20, False),
        ("peak_bytes", 60 << 20, 120 << 20, True),
        ("new_connections", 40, 900, False),
    ],
)
def test_a_number_is_told_only_beyond_its_noise(name: str, before: float, now: float, told: bool) -> None:
    assert is_beyond_noise(name, before, now) is told


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ((), (), True),
        ((0.01, 0.012), (6.0, 6.1), True),
        ((0.01, 6.0), (6.1,), False),
        ((0.01,), (6.1, 0.02), False),
        ((5.9,), (), False),
    ],
)
def test_a_stop_is_told_only_where_no_repetition_took_as_long(
    before: tuple[float, ...], now: tuple[float, ...], told: bool
) -> None:
    then = Verdict("stops-in-time", PASS, "", figures={"stop_seconds": 0.012})
    again = Verdict("stops-in-time", PASS, "", figures={"stop_seconds": 6.01})
    (there,) = compare(Baseline("b", "api", "", (then,), stops=before), "api", [again], now).shifts
    (back,) = compare(Baseline("b", "api", "", (again,), stops=now), "api", [then], before).shifts
    assert (bool(there.figures), bool(back.figures)) == (told, told)


def test_a_number_alone_makes_nothing_worse() -> None:
    then = Verdict("stops-in-time", PASS, "", figures={"stop_seconds": 1.0, "grace_seconds": 10.0})
    now = Verdict("stops-in-time", PASS, "", figures={"stop_seconds": 9.0, "grace_seconds": 10.0})
    (shift,) = compare(Baseline("b", "api", "", (then,)), "api", [now]).shifts
    assert (shift.change, shift.figures) == (Change.SAME, ("stop_seconds 1 → 9",))
