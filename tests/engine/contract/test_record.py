"""What is kept of an instance between two supervisors, and what follows."""

from __future__ import annotations

import json

import pytest

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.health import Check, Kind, Status
from seatrial.engine.contract.instance import Instance, Terms, Turn
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.machine import step, wake_at
from seatrial.engine.contract.record import Clock, Ended, at_boot, load, save, take_over
from seatrial.engine.contract.restarting import parse

from .simulation import Behaviour, World

BEFORE = Clock(monotonic=1010.0, wall=5_000_000.0)
AFTER = Clock(monotonic=3.0, wall=5_000_100.0)
"""The machine has started anew in between."""
CHECK = Check(Kind.EXECUTE, ("true",), interval=2.0)


def world(policy: str = "always", *behaviours: Behaviour, seconds: float = 10.0) -> World:
    found = World(Terms(restart=parse(policy), check=CHECK), behaviours or (Behaviour(handles={15: (0.0, 0)}),))
    found.wish(c.StartAsked())
    found.wait(seconds)
    return found


def kept(instance: Instance, clock: Clock = AFTER) -> Instance:
    return load(json.loads(json.dumps(save(instance, BEFORE))), instance.terms, clock)


def starts(turn: Turn) -> int:
    return sum(isinstance(command, c.Start) for command in turn[1])


def test_what_is_loaded_is_what_was_saved() -> None:
    instance = world().instance
    again = kept(instance, BEFORE)
    assert save(again, BEFORE) == save(instance, BEFORE)
    assert (again.state, again.started, again.monitor.log) == (State.RUNNING, 1000.0, instance.monitor.log)


def test_times_move_with_the_clocks() -> None:
    again = kept(world().instance)
    assert again.started is not None and AFTER.to_wall(again.started) == 5_000_000.0 - 10


def test_what_runs_is_taken_over_and_its_health_begins_anew() -> None:
    instance, commands = take_over(kept(world().instance), None, AFTER, is_alive=True)
    assert (instance.state, instance.run, commands) == (State.RUNNING, 1, ())
    assert instance.monitor.status is Status.STARTING and wake_at(instance) == 5.0


def test_what_ended_meanwhile_is_treated_by_its_record() -> None:
    ended = Ended(7, at=5_000_002.0)
    instance, commands = take_over(kept(world().instance), ended, AFTER, is_alive=False)
    assert (instance.state, instance.exit_code, instance.manager.count) == (State.RESTARTING, 7, 1)
    assert commands == (c.Emit("it ended by itself", "die", {"exitCode": "7", "execDuration": "12"}),)
    assert instance.finished is not None and AFTER.to_wall(instance.finished) == 5_000_002.0


def test_what_is_gone_without_a_record_ended_with_255() -> None:
    instance, _ = take_over(kept(world("no").instance), None, AFTER, is_alive=False)
    assert (instance.state, instance.exit_code) == (State.EXITED, 255)


@pytest.mark.parametrize(
    ("policy", "by_hand", "again"),
    [
        ("always", True, 1),
        ("always", False, 1),
        ("unless-stopped", True, 0),
        ("unless-stopped", False, 1),
        ("on-failure", False, 0),
        ("no", False, 0),
    ],
)
def test_always_and_unless_stopped_differ_when_the_machine_starts(policy: str, by_hand: bool, again: int) -> None:
    stopped = world(policy)
    stopped.wish(c.StopAsked(is_shutdown=not by_hand))
    stopped.wait(1)
    assert stopped.instance.state is State.EXITED
    turn = at_boot(kept(stopped.instance))
    assert starts(turn) == again
    assert turn[0].manager.count == 0


def test_lost_run_counts_as_a_failure() -> None:
    instance, _ = take_over(kept(world("on-failure").instance), None, AFTER, is_alive=False)
    assert instance.state is State.RESTARTING


def test_what_was_never_started_is_not_started() -> None:
    assert starts(at_boot(kept(World(Terms(restart=parse("always"))).instance))) == 0


def test_wait_for_a_restart_goes_on() -> None:
    waiting = world("always", Behaviour(lasts=0.0, code=1), seconds=5.0)
    assert waiting.instance.state is State.RESTARTING
    instance, _ = take_over(kept(waiting.instance), None, AFTER, is_alive=False)
    wake = wake_at(instance)
    assert wake is not None and wake < AFTER.monotonic, "its time has come while nobody was there"
    assert starts(step(instance, c.Tick(), AFTER.monotonic)) == 1


@pytest.mark.parametrize(("is_alive", "state"), [(True, State.RUNNING), (False, State.CREATED)])
def test_start_under_way_is_a_run_only_if_something_of_it_is_there(is_alive: bool, state: State) -> None:
    begun = World(Terms())
    begun.instance, _ = step(begun.instance, c.StartAsked(), begun.now)
    instance, _ = take_over(kept(begun.instance), None, AFTER, is_alive=is_alive)
    assert instance.state is state and not instance.is_starting


def test_removal_under_way_is_carried_on() -> None:
    removed = world("no")
    removed.wish(c.StopAsked())
    removed.wait(1)
    instance, _ = step(removed.instance, c.RemoveAsked(), removed.now)
    assert [type(one) for one in take_over(kept(instance), None, AFTER, is_alive=False)[1]] == [c.Remove]


def test_stop_under_way_is_carried_on_with_the_grace_that_is_left() -> None:
    deaf = world("always", Behaviour())
    deaf.wish(c.StopAsked(grace=130.0))
    instance, _ = take_over(kept(deaf.instance), None, AFTER, is_alive=True)
    assert wake_at(step(instance, c.Tick(), AFTER.monotonic)[0]) == 5.0, "the next probe"
    late, commands = step(instance, c.Tick(), AFTER.monotonic + 30.0)
    assert [type(one) for one in commands][:1] == [c.Kill]
    late, _ = step(late, c.Exited(1, 137), AFTER.monotonic + 31.0)
    assert late.state is State.EXITED and late.stopped_by_hand


def test_kill_by_hand_is_remembered_though_its_end_comes_later() -> None:
    slow = world("always", Behaviour(handles={15: (100.0, 0)}))
    slow.wish(c.KillAsked(signal=15))
    instance, _ = take_over(kept(slow.instance), Ended(0, 5_000_050.0), AFTER, is_alive=False)
    assert instance.state is State.EXITED


def test_other_version_is_refused() -> None:
    saved = save(world().instance, BEFORE) | {"version": 2}
    with pytest.raises(ValueError, match="version 2"):
        load(saved, Terms(), AFTER)
