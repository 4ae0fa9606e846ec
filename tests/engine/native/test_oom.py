"""Kills for memory, told from plain ones by the kernel's counter."""

from __future__ import annotations

import pytest

from seatrial.engine.native import oom
from seatrial.engine.native.oom import Victim

EVENTS = "low 0\nhigh 0\nmax 17\noom 2\noom_kill {}\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n"


@pytest.mark.parametrize("text", [EVENTS, CONTROL])
@pytest.mark.parametrize(
    ("before", "after", "code", "killed_by_us", "expected"),
    [
        (0, 1, 137, False, Victim.MAIN),
        (0, 1, 0, False, Victim.CHILD),
        (0, 1, 1, False, Victim.CHILD),
        (0, 1, 137, True, Victim.CHILD),
        (0, 0, 137, False, Victim.NOBODY),
        (3, 3, 137, False, Victim.NOBODY),
        (3, 4, 137, False, Victim.MAIN),
    ],
)
def test_kill_for_memory_is_told_from_a_plain_one(
    text: str, before: int, after: int, code: int, killed_by_us: bool, expected: Victim
) -> None:
    found = oom.victim(text.format(before), text.format(after), code, killed_by_us=killed_by_us)
    assert found is expected


def test_counter_that_is_not_there_is_no_kill() -> None:
    assert oom.oom_kills("oom_kill_disable 0\nunder_oom 0\n") == oom.oom_kills("") == 0


def test_resident_memory_is_the_sum_of_the_processes() -> None:
    assert oom.resident(["100 20 5 1 0 9 0\n", "", "7 3 1 1 0 1 0\n"], 4096) == 23 * 4096
