"""The table of the stop: total, and true to its rules under any order of events."""

from __future__ import annotations

import ast
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.drain import state
from seatrial.drain.state import (
    CODE_LATE,
    ENTRY,
    FLUSH,
    TABLE,
    Command,
    Event,
    ImpossibleEventError,
    Machine,
    Phase,
    Plan,
    State,
    Stay,
    step,
)

ORDER = list(Phase)
TERM = 15
ANSWERS = {
    Command.CLOSE: Event.CLOSED,
    Command.FINISH_REQUESTS: Event.QUIET,
    Command.FINISH_WORKERS: Event.IDLE,
    Command.RUN_HOOKS: Event.HOOKED,
    Command.FLUSH: Event.FLUSHED,
}
"""What a driver reports when it has done what it was told."""


def story(plan: Plan, *steps: tuple[float, Event]) -> tuple[Machine, list[Command]]:
    """Play events at their times, the clock's own among them; the machine, and all that it commanded."""
    machine, commands = Machine(plan), []
    for now, event in steps:
        commands += machine.tick(now)
        commands += machine.receive(event, now, TERM)
        commands += machine.tick(now)
    return machine, commands


def test_every_event_has_a_line_in_every_phase() -> None:
    assert set(TABLE) == set(Phase) == set(ENTRY)
    for phase, row in TABLE.items():
        assert set(row) == set(Event), phase


def test_a_move_goes_forward_and_never_back() -> None:
    for phase, row in TABLE.items():
        for event, move in row.items():
            if isinstance(move, Phase):
                assert ORDER.index(move) > ORDER.index(phase), (phase, event)


def test_every_phase_but_the_last_has_a_way_on_that_the_driver_or_the_clock_takes() -> None:
    for phase in ORDER[1:-1]:
        assert any(isinstance(TABLE[phase][event], Phase) for event in (*ANSWERS.values(), Event.LAG_OVER)), phase


def test_a_stop_goes_through_all_phases_in_order_and_exits_with_0() -> None:
    machine, commands = story(
        Plan(lag=3, deadline=10),
        (100.0, Event.SIGNAL),
        (103.0, Event.CLOSED),
        (103.5, Event.QUIET),
        (104.0, Event.IDLE),
        (104.5, Event.HOOKED),
        (104.6, Event.FLUSHED),
    )
    assert commands == [
        Command.UNREADY,
        Command.CLOSE,
        Command.FINISH_REQUESTS,
        Command.FINISH_WORKERS,
        Command.RUN_HOOKS,
        Command.FLUSH,
        Command.EXIT,
    ]
    assert (machine.state.phase, machine.state.code) == (Phase.ENDED, 0)


def test_everything_is_served_during_the_lag() -> None:
    machine, commands = story(Plan(lag=3, deadline=10), (100.0, Event.SIGNAL))
    assert commands == [Command.UNREADY]
    assert machine.wake() == 103.0
    assert machine.tick(102.9) == ()
    assert machine.tick(103.0) == (Command.CLOSE,)


def test_without_a_lag_accepting_ends_at_the_signal() -> None:
    _, commands = story(Plan(), (5.0, Event.SIGNAL))
    assert commands == [Command.UNREADY, Command.CLOSE]


def test_a_second_signal_ends_the_lag_and_cuts_nothing() -> None:
    machine, commands = story(Plan(lag=5, deadline=10), (0.0, Event.SIGNAL), (1.0, Event.SIGNAL))
    assert commands == [Command.UNREADY, Command.CLOSE]
    assert machine.state.code == 0


def test_a_second_signal_after_the_lag_changes_nothing() -> None:
    _, commands = story(Plan(), (0.0, Event.SIGNAL), (0.1, Event.CLOSED), (0.2, Event.SIGNAL))
    assert commands == [Command.UNREADY, Command.CLOSE, Command.FINISH_REQUESTS]


def test_a_third_signal_ends_at_once_with_the_signals_code() -> None:
    machine, commands = story(Plan(lag=5, deadline=10), *((float(n), Event.SIGNAL) for n in range(3)))
    assert commands[-3:] == [Command.NAME_OPEN, Command.GIVE_BACK, Command.FLUSH]
    assert machine.state.code == 128 + TERM


def test_the_reserve_is_left_to_the_hooks_when_requests_are_late() -> None:
    machine, _ = story(Plan(deadline=10, reserve=2), (0.0, Event.SIGNAL), (0.0, Event.CLOSED))
    assert machine.wake() == 8.0
    assert machine.tick(8.0) == (Command.NAME_OPEN, Command.GIVE_BACK, Command.RUN_HOOKS)
    assert machine.receive(Event.QUIET, 8.5) == ()
    assert machine.receive(Event.HOOKED, 9.0) == (Command.FLUSH,)
    assert machine.state.code == CODE_LATE


def test_hooks_that_hang_are_given_up_at_the_deadline() -> None:
    machine, _ = story(
        Plan(deadline=10, reserve=2), (0, Event.SIGNAL), (0, Event.CLOSED), (0, Event.QUIET), (0, Event.IDLE)
    )
    assert machine.wake() == 10.0
    assert machine.tick(10.0)[-1] is Command.FLUSH
    assert machine.state.code == CODE_LATE


def test_logs_that_can_not_be_flushed_do_not_hold_up_the_exit() -> None:
    machine, _ = story(Plan(), *((float(n), Event.SIGNAL) for n in range(3)))
    assert machine.wake() == 2.0 + FLUSH
    assert machine.tick(2.0 + FLUSH) == (Command.EXIT,)


def test_an_uncaught_exception_drains_and_exits_with_1() -> None:
    machine, commands = story(Plan(lag=2, deadline=8), (0.0, Event.FAILURE))
    assert commands == [Command.UNREADY]
    assert machine.state.code == 1


def test_a_hook_that_fails_makes_the_exit_code_1() -> None:
    machine, _ = story(
        Plan(), (0, Event.STOP), (0, Event.CLOSED), (0, Event.QUIET), (0, Event.IDLE), (0, Event.HOOK_FAILED)
    )
    assert (machine.state.phase, machine.state.code) == (Phase.HOOKS, 1)


def test_a_report_of_work_that_was_not_asked_for_is_an_error() -> None:
    with pytest.raises(ImpossibleEventError, match="no request open while serving"):
        step(State(), Event.QUIET, 0.0)


@pytest.mark.parametrize(
    ("lag", "deadline", "reserve"),
    [(8.0, 8.0, 0.0), (5.0, 6.0, 1.0), (-1.0, 5.0, 0.0), (0.0, 0.0, 0.0), (nan, 5.0, 0.0), (0.0, inf, 0.0)],
)
def test_a_plan_that_leaves_no_time_is_refused(lag: float, deadline: float, reserve: float) -> None:
    with pytest.raises(ValueError, match="time"):
        Machine(Plan(lag, deadline, reserve))


PLANS = st.builds(
    lambda lag, reserve, rest: Plan(lag, lag + reserve + rest, reserve),
    st.floats(0, 10),
    st.floats(0, 5),
    st.floats(0.1, 10),
)
OUTSIDE = st.sampled_from([Event.SIGNAL, Event.STOP, Event.FAILURE, Event.HOOK_FAILED])
STEPS = st.lists(st.tuples(st.floats(0, 3), st.one_of(OUTSIDE, st.just("work"), st.just("wait"))), max_size=40)


@given(PLANS, STEPS)
def test_any_order_of_signals_failures_and_late_work_ends_once_and_in_time(
    plan: Plan, steps: list[tuple[float, Event | str]]
) -> None:
    machine, now, commands = Machine(plan), 0.0, []
    owed: list[Event] = []

    def take(found: tuple[Command, ...]) -> None:
        commands.extend(found)
        owed.extend(ANSWERS[command] for command in found if command in ANSWERS)

    take(machine.receive(Event.SIGNAL, now, TERM))
    for pause, event in steps:
        now += pause
        take(machine.tick(now))
        if event == "work" and owed:
            take(machine.receive(owed.pop(0), now))
        elif isinstance(event, Event) and TABLE[machine.state.phase][event] is not Stay.IMPOSSIBLE:
            take(machine.receive(event, now, TERM))
    while (wake := machine.wake()) is not None:
        assert wake <= plan.deadline + FLUSH + now
        now = max(now, wake)
        take(machine.tick(now))
    assert machine.state.phase is Phase.ENDED
    assert commands.count(Command.EXIT) == 1
    for command in (Command.UNREADY, Command.CLOSE, Command.RUN_HOOKS, Command.FLUSH):
        assert commands.count(command) <= 1
    assert commands[-1] is Command.EXIT


@given(PLANS)
def test_a_driver_that_never_reports_is_ended_at_the_deadline(plan: Plan) -> None:
    machine, now = Machine(plan), 0.0
    machine.receive(Event.SIGNAL, 0.0, TERM)
    while (wake := machine.wake()) is not None:
        now = max(now, wake)
        machine.tick(now)
    assert now == pytest.approx(plan.deadline + FLUSH)
    assert machine.state.code == CODE_LATE


@pytest.mark.parametrize("name", ["state.py", "hooks.py"])
def test_what_decides_knows_no_clock_no_thread_and_no_signal(name: str) -> None:
    source = (Path(state.__file__).parent / name).read_text(encoding="utf-8")
    imported = {
        module.split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert imported <= {"__future__", "collections", "enum", "math", "types", "typing"}
