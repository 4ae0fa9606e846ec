"""The record of truth: what `seatrial check` said of public repositories, and what a reader of the files judged.

`judged.json` was drawn rule by rule while rules were mended; `drawn_after.json` at random from the rest, in two draws
when that was over (what was wrong in the second is mended since). `judged_later.json` is all that was said of the task
definitions of other repositories (`later`), when ECS came to be read; of ten more (`unseen`), all that was said was
read, and what was wrong in it is in `mended.json`. `judged_workloads.json` is what came to be said when bare pods, and
commands and probes of manifests, came to be read. The repositories themselves are not here: `tools/truth.py` runs the
check over them again, where they are.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from seatrial.check.table import NAMES
from seatrial.model import catalogue

HERE = Path(__file__).parent
ENOUGH = 400
SAMPLE = 15
"""As many findings of a rule are judged, or all that there are."""


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


JUDGED: list[dict[str, Any]] = read("judged.json")
MENDED: list[dict[str, Any]] = read("mended.json")
MISSES: list[dict[str, Any]] = read("misses.json")
DRAWN_AFTER: list[dict[str, Any]] = read("drawn_after.json")
WORKLOADS: list[dict[str, Any]] = read("judged_workloads.json")
LATER: list[dict[str, Any]] = read("judged_later.json")
REPOSITORIES: dict[str, Any] = read("repositories.json")
COMMITS: dict[str, str] = REPOSITORIES["commits"] | REPOSITORIES["later"] | REPOSITORIES["unseen"]


def rules_of(entries: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["rule"] for each in entries)


def test_of_all_judged_findings_at_least_95_in_100_are_right() -> None:
    right = sum(each["verdict"] == "right" for each in JUDGED)
    assert len(JUDGED) >= ENOUGH
    assert right / len(JUDGED) >= 0.95, f"{right} of {len(JUDGED)}"


def test_of_findings_drawn_at_random_from_the_rest_at_least_95_in_100_are_right() -> None:
    places = {(each["repository"], each["path"], each["line"], each["rule"]) for each in JUDGED}
    assert len(DRAWN_AFTER) >= 100
    assert not [
        each for each in DRAWN_AFTER if (each["repository"], each["path"], each["line"], each["rule"]) in places
    ]
    assert sum(each["verdict"] == "right" for each in DRAWN_AFTER) / len(DRAWN_AFTER) >= 0.95


def test_no_rule_with_enough_findings_is_right_in_less_than_85_of_100() -> None:
    verdicts: dict[str, list[bool]] = defaultdict(list)
    for each in JUDGED:
        verdicts[each["rule"]].append(each["verdict"] == "right")
    enough = {rule: found for rule, found in verdicts.items() if len(found) >= SAMPLE}
    assert len(enough) >= 15
    assert not {rule: found for rule, found in enough.items() if sum(found) / len(found) < 0.85}


def test_each_rule_is_judged_by_enough_of_what_it_said() -> None:
    counted, judged = REPOSITORIES["findings"], rules_of(JUDGED)
    assert set(counted) == set(judged)
    for rule, count in counted.items():
        assert judged[rule] >= min(SAMPLE, count), rule


def test_there_are_at_most_four_findings_a_file() -> None:
    assert sum(REPOSITORIES["findings"].values()) / REPOSITORIES["files"] <= 4


def test_of_what_was_said_of_task_definitions_at_least_95_in_100_are_right() -> None:
    assert {each["repository"] for each in LATER} == set(REPOSITORIES["later"])
    assert len(LATER) >= 100
    assert sum(each["verdict"] == "right" for each in LATER) / len(LATER) >= 0.95


def test_of_what_was_said_of_bare_pods_and_commands_at_least_95_in_100_are_right() -> None:
    assert len(WORKLOADS) >= 40
    assert sum(each["verdict"] == "right" for each in WORKLOADS) / len(WORKLOADS) >= 0.95


@pytest.mark.parametrize(
    "entries",
    [JUDGED, DRAWN_AFTER, LATER, WORKLOADS, MENDED, MISSES],
    ids=["judged", "after", "later", "workloads", "mended", "misses"],
)
def test_each_entry_names_a_rule_a_place_and_a_reason(entries: list[dict[str, Any]]) -> None:
    known = {*NAMES, "syntax", *(each.name for each in catalogue.REQUIREMENTS)}
    for each in entries:
        assert each["repository"] in COMMITS, each
        assert each["rule"] in known, each
        assert each["path"] and each["line"] > 0 and each["reason"], each


def test_each_verdict_is_one_of_two_and_given_once() -> None:
    assert {each["verdict"] for each in JUDGED} <= {"right", "wrong"}
    places = Counter((each["repository"], each["path"], each["line"], each["rule"], each["says"]) for each in JUDGED)
    assert max(places.values()) == 1


def test_thirty_repositories_are_named_by_their_commits() -> None:
    assert len(REPOSITORIES["commits"]) >= 30
    assert all(len(commit) == 40 and int(commit, 16) for commit in COMMITS.values())
