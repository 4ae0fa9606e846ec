"""Every rule against its own examples: a bad one gives exactly its finding and place, a good one nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.check.interface import Bad, Good, Rule
from seatrial.check.run import Options, run
from seatrial.check.table import NAMES, rule
from seatrial.model import catalogue
from seatrial.model.finding import Finding

from .conftest import documents_of

TODAY = "2026-11-01"
BAD = [(name, number) for name in NAMES for number in range(len(rule(name).bad))]
GOOD = [(name, number) for name in NAMES for number in range(len(rule(name).good))]


def found(example: Bad | Good, name: str, directory: Path) -> list[Finding]:
    outcome = run(documents_of(directory, example.files), Options(select=(name,), today=TODAY))
    return list(outcome.findings)


@pytest.mark.parametrize(("name", "number"), BAD, ids=str)
def test_a_bad_example_gives_its_finding_at_its_place(name: str, number: int, tmp_path: Path) -> None:
    example = rule(name).bad[number]
    findings = found(example, name, tmp_path)
    assert [str(finding.place) for finding in findings] == [example.at], findings
    assert example.says in findings[0].message
    assert findings[0].remedy, "a finding says what to write instead"


@pytest.mark.parametrize(("name", "number"), GOOD, ids=str)
def test_a_good_example_gives_nothing(name: str, number: int, tmp_path: Path) -> None:
    assert found(rule(name).good[number], name, tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_is_documented_and_has_both_kinds_of_examples(name: str) -> None:
    checked: Rule = rule(name)
    assert checked.name == name and catalogue.find(name) is not None
    assert all((checked.what, checked.why, checked.example, checked.instead, checked.sources))
    assert checked.bad and checked.good
    assert not checked.many or {"{count}", "{names}"} <= {
        part for part in checked.many.split() for part in [part.rstrip(":,")]
    }
    assert all(cause in {each.name for each in catalogue.REQUIREMENTS} for cause in checked.consequence_of)


def test_the_table_is_in_the_order_of_the_catalogue_groups() -> None:
    groups = [catalogue.GROUPS.index(rule(name).group) for name in NAMES]
    assert groups == sorted(groups)
