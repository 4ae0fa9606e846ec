"""The restart manager: waits, counts and decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.contract.restarting import (
    LONGEST_WAIT,
    Finished,
    Manager,
    Policy,
    Word,
    next_wait,
    of_deployment,
    parse,
)
from seatrial.model.deployment import Restarting

FAILED = Finished(1, 0.5)


def waits(runs: list[float]) -> list[float]:
    manager, found = Manager(parse("always")), []
    for ran_for in runs:
        manager, decision = manager.after(Finished(1, ran_for), 0.0)
        found.append(decision.wait)
    return found


def test_wait_doubles_from_100_ms_to_a_minute() -> None:
    expected = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60]
    assert waits([1.0] * 12) == pytest.approx(expected)


def test_run_of_ten_seconds_puts_the_wait_back() -> None:
    assert waits([1.0, 1.0, 1.0, 10.0, 9.99]) == pytest.approx([0.1, 0.2, 0.4, 0.1, 0.2])


@given(st.lists(st.floats(0, 100), max_size=40))
def test_waits_are_those_of_a_naive_model(runs: list[float]) -> None:
    expected, wait = [], 0.0
    for ran_for in runs:
        if ran_for >= 10:
            wait = 0
        wait = 0.1 if wait == 0 else min(wait * 2, LONGEST_WAIT)
        expected.append(wait)
    assert waits(runs) == expected
    assert all(0.1 <= wait <= LONGEST_WAIT for wait in expected)


def test_wait_advances_also_where_it_does_not_restart() -> None:
    manager, decision = Manager(parse("on-failure")).after(Finished(0, 1.0), 0.0)
    assert not decision.again and manager.wait == 0.1


@pytest.mark.parametrize(
    ("policy", "code", "by_hand", "again"),
    [
        ("no", 1, False, False),
        ("always", 0, False, True),
        ("always", 0, True, True),
        ("unless-stopped", 137, False, True),
        ("unless-stopped", 0, True, False),
        ("on-failure", 0, False, False),
        ("on-failure", 137, True, True),
    ],
)
def test_decision_of_each_policy(policy: str, code: int, by_hand: bool, again: bool) -> None:
    _, decision = Manager(parse(policy)).after(Finished(code, 1.0), 0.0, stopped_by_hand=by_hand)
    assert decision.again is again and decision.why


def test_attempts_are_counted_since_the_start_and_a_long_run_does_not_put_them_back() -> None:
    manager = Manager(parse("on-failure:2"))
    for ran_for in (10.5, 10.5):
        manager, decision = manager.after(Finished(1, ran_for), 0.0)
        assert decision.again and decision.wait == 0.1
    manager, decision = manager.after(Finished(1, 10.5), 0.0)
    assert not decision.again and manager.count == 2
    assert decision.why == "restart policy on-failure:2: given up after 2 restarts"


def test_cancelled_manager_never_restarts() -> None:
    manager = Manager(parse("always")).cancel()
    assert manager.after(FAILED, 0.0) == (manager, manager.after(FAILED, 0.0)[1])
    assert not manager.after(FAILED, 0.0)[1].again


def test_delay_is_the_least_wait() -> None:
    manager = Manager(Policy(Word.ALWAYS, delay=0.5))
    found = []
    for _ in range(5):
        manager, decision = manager.after(FAILED, 0.0)
        found.append(decision.wait)
    assert found == [0.5, 0.5, 0.5, 0.8, 1.6]


def test_window_counts_only_the_restarts_within_it() -> None:
    manager = Manager(Policy(Word.ALWAYS, attempts=2, window=60.0))
    moments = [0.0, 10.0, 60.0, 62.0]
    decisions = []
    for now in moments:
        manager, decision = manager.after(FAILED, now)
        decisions.append(decision.again)
    assert decisions == [True, True, True, False]
    assert "within 60 s" in decision.why


def test_always_with_attempts_gives_up() -> None:
    manager = Manager(Policy(Word.ALWAYS, attempts=1))
    manager, first = manager.after(FAILED, 0.0)
    _, second = manager.after(FAILED, 0.0)
    assert (first.again, second.again) == (True, False)


@pytest.mark.parametrize(
    ("policy", "code", "by_hand", "again"),
    [
        ("always", 0, True, True),
        ("unless-stopped", 0, True, False),
        ("unless-stopped", 0, False, True),
        ("on-failure", 255, True, True),
        ("on-failure", 0, False, False),
        ("no", 255, False, False),
    ],
)
def test_decision_when_the_machine_starts(policy: str, code: int, by_hand: bool, again: bool) -> None:
    assert Manager(parse(policy)).at_boot(code, stopped_by_hand=by_hand).again is again


def test_used_up_attempts_stay_used_up_when_the_machine_starts() -> None:
    assert not Manager(parse("on-failure:2"), count=2).at_boot(1, stopped_by_hand=False).again


@pytest.mark.parametrize(
    "text", ["never", "always:3", "on-failure:-1", "on-failure:x", "on-failure:", "unless-stopped:1"]
)
def test_text_that_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split(":")[0]):
        parse(text)


def test_policies_are_read_and_shown() -> None:
    assert parse("") == parse("no") == Policy()
    assert [str(parse(text)) for text in ("always", "on-failure", "on-failure:3")] == [
        "always",
        "on-failure",
        "on-failure:3",
    ]


def test_deployment_brings_delay_window_and_attempts() -> None:
    assert of_deployment(Restarting("on-failure:3")) == Policy(Word.ON_FAILURE, 3)
    assert of_deployment(Restarting("always", 2.0, 60.0, 5)) == Policy(Word.ALWAYS, 5, 2.0, 60.0)


@pytest.mark.parametrize(
    ("last", "ran_for", "wait"), [(0.0, 0.0, 0.1), (0.1, 9.9, 0.2), (60.0, 0.0, 60.0), (60.0, 10, 0.1)]
)
def test_next_wait(last: float, ran_for: float, wait: float) -> None:
    assert next_wait(last, ran_for) == wait
