"""The table of a stop: total, and its stories."""

from __future__ import annotations

import pytest

from seatrial.engine.contract.stopping import (
    AFTER_FAILED_SIGNAL,
    AFTER_KILL,
    AFTER_KILL_ALL,
    TABLE,
    Command,
    Event,
    Interrupted,
    State,
    Stop,
    on_interrupt,
)


def test_every_state_lists_every_event() -> None:
    assert set(TABLE) == set(State)
    for state, moves in TABLE.items():
        assert set(moves) == set(Event), state


def tell(stop: Stop, *story: tuple[float, Event]) -> tuple[Stop, list[Command]]:
    """A stop after some events, and all commands on the way."""
    sent: list[Command] = []
    for now, event in story:
        stop, commands = stop.on(event, now)
        sent += commands
    return stop, sent


def test_stop_ends_within_its_grace_period() -> None:
    stop, sent = tell(Stop(10.0), (100.0, Event.STOP), (101.0, Event.EXIT))
    assert (stop.state, stop.deadline, stop.killed) == (State.ENDED, None, False)
    assert sent == [Command.SEND_STOP_SIGNAL]


def test_stop_escalates_to_kill_after_the_grace_period() -> None:
    stop, sent = tell(Stop(10.0), (100.0, Event.STOP), (109.9, Event.DEADLINE))
    assert (stop.state, stop.deadline, sent) == (State.WAITING, 110.0, [Command.SEND_STOP_SIGNAL])
    stop, sent = tell(stop, (110.0, Event.DEADLINE))
    assert (stop.state, stop.deadline, stop.killed, sent) == (
        State.KILLED,
        110.0 + AFTER_KILL,
        True,
        [Command.SEND_KILL],
    )
    stop, sent = tell(stop, (110.1, Event.EXIT))
    assert (stop.state, stop.killed, sent) == (State.ENDED, True, [])


def test_grace_of_zero_kills_at_once_after_the_signal() -> None:
    stop, sent = tell(Stop(0.0), (5.0, Event.STOP))
    assert sent == [Command.SEND_STOP_SIGNAL, Command.SEND_KILL]
    assert (stop.state, stop.killed) == (State.KILLED, True)


def test_negative_grace_waits_for_ever() -> None:
    stop, sent = tell(Stop(-1.0), (5.0, Event.STOP), (1e9, Event.DEADLINE))
    assert (stop.state, stop.deadline, sent) == (State.WAITING, None, [Command.SEND_STOP_SIGNAL])


@pytest.mark.parametrize(("grace", "deadline"), [(10.0, 5.0 + AFTER_FAILED_SIGNAL), (1.0, 6.0), (-1.0, 7.0)])
def test_signal_that_could_not_be_sent_shortens_the_wait(grace: float, deadline: float) -> None:
    stop, _ = tell(Stop(grace), (5.0, Event.STOP), (5.0, Event.SIGNAL_FAILED))
    assert stop.deadline == deadline


def test_second_stop_sends_nothing_and_moves_no_deadline() -> None:
    stop, sent = tell(Stop(10.0), (0.0, Event.STOP), (5.0, Event.STOP))
    assert (stop.deadline, sent) == (10.0, [Command.SEND_STOP_SIGNAL])


def test_process_that_survives_sigkill_is_reported_once() -> None:
    late = AFTER_KILL + AFTER_KILL_ALL
    stop, sent = tell(
        Stop(1.0), (0.0, Event.KILL), (AFTER_KILL, Event.DEADLINE), (late, Event.DEADLINE), (99.0, Event.DEADLINE)
    )
    assert (stop.state, sent) == (State.LOST, [Command.SEND_KILL, Command.KILL_ALL, Command.GIVE_UP])
    assert stop.on(Event.EXIT, 100.0)[0].state is State.ENDED


def test_shorter_patience_moves_the_deadline_forward_and_never_back() -> None:
    stop, _ = tell(Stop(10.0), (0.0, Event.STOP))
    assert stop.hurry(1.0, 5.0).deadline == 6.0
    assert stop.hurry(60.0, 5.0).deadline == stop.hurry(-1.0, 5.0).deadline == 10.0
    endless, _ = tell(Stop(-1.0), (0.0, Event.STOP))
    assert endless.hurry(1.0, 5.0).deadline == 6.0
    assert Stop(1.0).hurry(0.0, 0.0) == Stop(1.0), "there is nothing to hurry"


def test_second_interrupt_kills() -> None:
    assert [on_interrupt(times) for times in (1, 2, 3)] == [Interrupted.STOP, Interrupted.KILL, Interrupted.KILL]
