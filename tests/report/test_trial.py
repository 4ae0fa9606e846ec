"""The order of a report: failures first, consequences under their cause, the same reason once."""

from __future__ import annotations

from seatrial.model.finding import Severity
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.trial import prepare

from . import sample


def fail(name: str, cause: str = "") -> Verdict:
    return Verdict(name, Ruling.FAIL, name, cause=cause)


def shown(*verdicts: Verdict) -> list[tuple[str, list[str]]]:
    entries = prepare(sample.GOOD, verdicts).entries()
    return [(entry.verdict.requirement, [each.requirement for each in entry.consequences]) for entry in entries]


def test_failures_come_first_and_passes_last() -> None:
    entries = sample.terrible().entries()
    assert [entry.verdict.ruling for entry in entries] == [Ruling.FAIL, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.PASS]


def test_a_chain_of_causes_is_hidden_under_the_first() -> None:
    assert shown(fail("c", "b"), fail("b", "a"), fail("a")) == [("a", ["c", "b"])]


def test_a_cause_that_passed_or_is_missing_hides_nothing() -> None:
    passed = Verdict("a", Ruling.PASS, "fine")
    assert shown(passed, fail("b", "a"), fail("c", "zzz")) == [("b", []), ("c", []), ("a", [])]


def test_a_circle_of_causes_hides_nothing() -> None:
    assert {name for name, _ in shown(fail("a", "b"), fail("b", "a"), fail("c", "c"))} == {"a", "b", "c"}


def test_what_was_not_proved_for_the_same_reason_is_told_once() -> None:
    unproved = [Verdict(name, Ruling.NOT_PROVED, "never ready", ("log",)) for name in "abc"]
    trial = prepare(sample.GOOD, [*unproved, Verdict("d", Ruling.NOT_PROVED, "another")])
    assert [entry.requirements for entry in trial.entries()] == [("a", "b", "c"), ("d",)]
    assert trial.proved_nothing


def test_the_result_is_the_worst_ruling() -> None:
    assert sample.good().result is Ruling.PASS
    assert sample.terrible().result is Ruling.FAIL
    assert prepare(sample.GOOD, ()).result is Ruling.NOT_PROVED


def test_findings_come_worst_first() -> None:
    assert [finding.severity for finding in sample.terrible().findings] == [Severity.ERROR, Severity.WARNING]
