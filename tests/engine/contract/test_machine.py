"""The composed machine, in stories: what happens in which order, and what follows."""

from __future__ import annotations

import pytest

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.health import Check, Kind, Result, Status
from seatrial.engine.contract.instance import Terms
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.machine import step, wake_at
from seatrial.engine.contract.restarting import parse

from .simulation import Behaviour, World

POLITE = Behaviour(handles={15: (0.5, 0)})
DEAF = Behaviour()
PROBED = Check(Kind.EXECUTE, ("true",), interval=1.0, retries=2)


def up(terms: Terms, *behaviours: Behaviour) -> World:
    world = World(terms, behaviours)
    world.wish(c.StartAsked(by="up"))
    return world


def test_end_by_itself_is_a_death_and_nothing_else() -> None:
    world = up(Terms(), Behaviour(lasts=2.7, code=3))
    world.wait(5)
    assert world.emitted[-1] == (1002.7, "die", {"exitCode": "3", "execDuration": "2"})
    assert world.actions == ["create", "start", "die"]
    assert (world.instance.state, world.instance.exit_code) == (State.EXITED, 3)


def test_stop_within_the_grace_period() -> None:
    world = up(Terms(), POLITE)
    world.wish(c.StopAsked(by="down"))
    world.wait(1)
    assert world.actions == ["create", "start", "kill", "die", "stop"]
    assert world.deaths == [] and world.instance.exit_code == 0


def test_stop_kills_after_the_grace_period() -> None:
    world = up(Terms(grace=3.0), DEAF)
    world.wish(c.StopAsked())
    world.wait(60)
    assert world.actions == ["create", "start", "kill", "kill", "die", "stop"]
    assert [attributes for _, action, attributes in world.emitted if action == "kill"] == [
        {"signal": "15"},
        {"signal": "9"},
    ]
    assert (world.instance.exit_code, world.instance.finished) == (137, 1003.0)
    assert [command.cause for command in world.commands if isinstance(command, c.Kill)] == [
        "asked for: the grace period is over"
    ]


def test_stop_of_what_does_not_die_gives_up_and_says_so() -> None:
    world = up(Terms(grace=1.0), DEAF)
    world.wish(c.StopAsked())
    instance = world.instance
    seen: list[c.Command] = []
    while (at := wake_at(instance)) is not None:
        instance, commands = step(instance, c.Tick(), at)
        seen += commands
    assert [type(command) for command in seen if not isinstance(command, c.Emit)] == [c.Kill, c.Kill, c.Report]
    assert at is None and instance.state is State.RUNNING
    assert next(command for command in seen if isinstance(command, c.Kill) and command.everything)


def test_restart_by_hand_is_kill_die_stop_start_restart() -> None:
    world = up(Terms(), POLITE)
    world.wish(c.RestartAsked())
    world.wait(1)
    assert world.actions == ["create", "start", "kill", "die", "stop", "start", "restart"]
    assert world.instance.state is State.RUNNING and world.instance.manager.count == 0


def test_policy_restarts_say_die_and_start_with_growing_waits_between() -> None:
    world = up(Terms(restart=parse("always")), Behaviour(lasts=0.0, code=1))
    world.wait(6.31)
    gaps = [round(after - before, 6) for before, after in zip(world.starts, world.starts[1:], strict=False)]
    assert gaps == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
    assert world.actions == ["create", *["start", "die"] * 7]
    assert world.instance.state is State.RESTARTING


def test_stop_while_it_waits_for_its_restart_says_stop_alone() -> None:
    world = up(Terms(restart=parse("always")), Behaviour(lasts=0.0, code=1))
    world.wait(0.05)
    world.wish(c.StopAsked())
    assert world.actions == ["create", "start", "die", "stop"]
    world.wait(1000)
    assert world.instance.state is State.EXITED and len(world.starts) == 1


def test_failing_restart_ends_the_restarting_and_keeps_the_code_of_the_run_before() -> None:
    world = up(Terms(restart=parse("always")), Behaviour(lasts=0.0, code=3), Behaviour(fails_to_start=127))
    world.wait(1000)
    assert world.actions == ["create", "start", "die"]
    assert (world.instance.state, world.instance.exit_code) == (State.EXITED, 3)
    assert world.instance.error == "no such file"


def test_first_start_that_fails_leaves_it_created_with_its_code() -> None:
    world = up(Terms(restart=parse("always")), Behaviour(fails_to_start=126))
    world.wait(1000)
    assert (world.instance.state, world.instance.exit_code, world.actions) == (State.CREATED, 126, ["create"])


def test_forced_removal_is_kill_die_destroy() -> None:
    world = up(Terms(restart=parse("always")), DEAF)
    world.wish(c.RemoveAsked())
    assert isinstance(world.commands[-1], c.Refuse)
    world.wish(c.RemoveAsked(force=True))
    assert world.actions == ["create", "start", "kill", "die", "destroy"]
    assert world.instance.state is State.REMOVED


def test_automatic_removal_follows_the_end() -> None:
    world = up(Terms(remove_at_end=True), Behaviour(lasts=1.0))
    world.wait(2)
    assert world.actions == ["create", "start", "die", "destroy"]


def test_kill_for_memory_comes_before_the_death() -> None:
    world = up(Terms(), Behaviour(lasts=1.0, code=137, oom_kills=1))
    world.wait(2)
    assert world.actions == ["create", "start", "oom", "die"] and world.instance.oom_killed


def test_kill_for_memory_of_a_child_alone_is_remembered_and_told_once() -> None:
    world = up(Terms(restart=parse("always")), Behaviour(lasts=1.0, code=0, oom_kills=1), POLITE)
    world.wish(c.OutOfMemory(1))
    assert world.instance.oom_killed and world.instance.state is State.RUNNING
    world.wait(1.05)
    assert world.actions == ["create", "start", "oom", "die"] and world.instance.oom_killed
    world.wait(1)
    assert not world.instance.oom_killed, "a new run begins without it"


@pytest.mark.parametrize("said", [False, True])
def test_other_signals_do_not_stop_the_restarting(said: bool) -> None:
    handles = Behaviour(handles={1: (0.0, 0), 15: (0.0, 0)})
    world = up(Terms(restart=parse("always"), stop_signal_said=said), handles)
    world.wish(c.KillAsked(signal=1))
    world.wait(1)
    assert world.actions == ["create", "start", "kill", "die", "start"]
    world.wish(c.KillAsked(signal=15))
    world.wait(1)
    assert world.actions[5:] == ["kill", "die"] and world.instance.state is State.EXITED


@pytest.mark.parametrize(
    ("policy", "said", "restarts"),
    [("always", False, False), ("always", True, True), ("unless-stopped", True, False)],
)
def test_quirk_any_signal_stops_the_restarting_as_docker_has_it(policy: str, said: bool, restarts: bool) -> None:
    terms = Terms(restart=parse(policy), stop_signal_said=said, docker_quirks=True)
    world = up(terms, Behaviour(handles={1: (0.0, 0)}))
    world.wish(c.KillAsked(signal=1))
    world.wait(1)
    assert (world.instance.state is State.RUNNING) is restarts


def test_paused_instance_is_not_probed_and_is_thawed_by_its_stop() -> None:
    world = up(Terms(check=PROBED), POLITE)
    world.wait(1.5)
    world.wish(c.PauseAsked())
    world.wait(30)
    assert world.plain_actions == ["create", "start", "health_status: healthy", "pause"]
    assert world.instance.monitor.status is Status.UNHEALTHY
    world.wish(c.StopAsked())
    assert [type(command) for command in world.commands[-4:]] == [c.Signal, c.Emit, c.Thaw, c.Emit]
    assert world.plain_actions[-2:] == ["kill", "unpause"]
    world.wait(1)
    assert world.instance.state is State.EXITED


def test_health_goes_on_after_a_pause() -> None:
    world = up(Terms(check=PROBED), POLITE)
    world.wish(c.PauseAsked())
    world.wish(c.UnpauseAsked())
    world.wait(1.5)
    assert world.plain_actions[-2:] == ["unpause", "health_status: healthy"]


def test_probes_are_events_as_dockers_and_status_is_told_on_a_change_only() -> None:
    world = up(Terms(check=PROBED), Behaviour(probes=(0, 0, 1, 1, 1, 0)))
    world.wait(6.5)
    changes = [(moment, action) for moment, action, _ in world.emitted if action.startswith("health")]
    assert changes == [
        (1001.0, "health_status: healthy"),
        (1004.0, "health_status: unhealthy"),
        (1006.0, "health_status: healthy"),
    ]
    assert world.actions[2:5] == ["exec_create: true", "exec_start: true", "exec_die"]
    assert [result.code for result in world.instance.monitor.log] == [0, 1, 1, 1, 0]


def test_unhealthy_does_nothing_unless_asked_to() -> None:
    world = up(Terms(check=PROBED), Behaviour(probes=(1,)))
    world.wait(30)
    assert world.instance.state is State.RUNNING and len(world.starts) == 1


def test_unhealthy_instance_is_stopped_and_restarted_with_the_policys_wait() -> None:
    sick = Behaviour(handles={15: (0.5, 0)}, probes=(1,))
    world = up(Terms(check=PROBED, on_unhealthy="restart", restart=parse("no")), sick, POLITE)
    world.wait(20)
    assert world.plain_actions == [
        "create",
        "start",
        "health_status: unhealthy",
        "kill",
        "die",
        "stop",
        "start",
        "health_status: healthy",
    ]
    assert world.starts == [1000.0, 1002.6] and world.instance.manager.count == 1


def test_unhealthy_restarts_end_with_the_policys_attempts() -> None:
    sick = Behaviour(handles={15: (0.0, 0)}, probes=(1,))
    world = up(Terms(check=PROBED, on_unhealthy="restart", restart=parse("on-failure:2")), sick)
    world.wait(100)
    assert len(world.starts) == 3 and world.instance.state is State.EXITED
    assert "given up after 2 restarts" in world.instance.restart_why


def test_unhealthy_instance_is_stopped_for_good() -> None:
    sick = Behaviour(handles={15: (0.0, 0)}, probes=(1,))
    world = up(Terms(check=PROBED, on_unhealthy="stop", restart=parse("always")), sick)
    world.wait(100)
    assert len(world.starts) == 1 and world.instance.state is State.EXITED and world.instance.stopped_by_hand


def test_failing_probe_during_a_stop_changes_nothing() -> None:
    world = up(Terms(check=PROBED, on_unhealthy="restart", grace=20.0), Behaviour(probes=(1,)))
    world.wish(c.StopAsked())
    world.wait(19)
    assert world.plain_actions == ["create", "start", "kill", "health_status: unhealthy"]
    world.wait(10)
    assert world.instance.state is State.EXITED and len(world.starts) == 1


def test_stop_by_hand_outweighs_a_restart_under_way() -> None:
    world = up(Terms(restart=parse("always")), POLITE)
    world.wish(c.RestartAsked())
    world.wish(c.StopAsked())
    world.wait(10)
    assert world.actions == ["create", "start", "kill", "die", "stop"]
    assert world.instance.stopped_by_hand


def test_shorter_grace_of_a_second_stop_counts() -> None:
    world = up(Terms(grace=100.0), DEAF)
    world.wish(c.StopAsked())
    world.wait(5)
    world.wish(c.StopAsked(grace=1.0))
    world.wait(2)
    assert world.instance.finished == 1006.0


def test_wish_during_a_start_waits_for_its_answer() -> None:
    world = World(Terms(), (POLITE,))
    world._take(c.StartAsked())
    world._take(c.StopAsked())
    assert world.actions == ["create"] and world.instance.is_starting
    world.wait(1)
    assert world.actions == ["create", "start", "kill", "die", "stop"]


def test_shutdown_is_no_stop_by_hand() -> None:
    world = up(Terms(restart=parse("unless-stopped")), POLITE)
    world.wish(c.StopAsked(is_shutdown=True, by="the supervisor ends"))
    world.wait(1)
    assert world.instance.state is State.EXITED and not world.instance.stopped_by_hand


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        (c.StopAsked(), 304),
        (c.KillAsked(), 409),
        (c.PauseAsked(), 409),
        (c.UnpauseAsked(), 409),
    ],
)
def test_what_can_not_be_is_refused_with_dockers_status(wish: c.Wish, status: int) -> None:
    world = World(Terms())
    world._take(wish)  # type: ignore[arg-type]
    refused = world.commands[-1]
    assert isinstance(refused, c.Refuse) and refused.status == status


def test_nothing_can_be_done_with_what_is_removed() -> None:
    world = up(Terms(), POLITE)
    world.wish(c.RemoveAsked(force=True))
    for wish in (c.StartAsked(), c.StopAsked(), c.RestartAsked(), c.KillAsked(), c.PauseAsked(), c.RemoveAsked()):
        world.wish(wish)
        refused = world.commands[-1]
        assert isinstance(refused, c.Refuse) and refused.status == 404


def test_failing_probe_during_a_restart_by_hand_does_not_take_it_over() -> None:
    world = up(Terms(check=PROBED, on_unhealthy="stop", grace=10.0), Behaviour(probes=(1,)), POLITE)
    world.wish(c.RestartAsked())
    world.wait(20)
    assert world.actions[-1] == "exec_die" and world.instance.state is State.RUNNING and len(world.starts) == 2


def probing(world: World) -> World:
    """The world just when its first probe has begun; nobody answers it."""
    world.instance, commands = step(world.instance, c.Tick(), world.now + 1.0)
    assert isinstance(commands[-1], c.Probe) and commands[-1].number == 1
    return world


def test_end_of_the_instance_ends_its_probe() -> None:
    world = probing(up(Terms(check=PROBED), DEAF))
    _, commands = step(world.instance, c.Exited(1, 0), world.now + 2.0)
    assert commands[0] == c.EndProbe("the instance has ended", 1, 1)


def test_answer_of_a_probe_that_is_over_changes_nothing() -> None:
    world = probing(up(Terms(check=PROBED), DEAF))
    for wish in (c.PauseAsked(), c.UnpauseAsked()):
        world.instance, _ = step(world.instance, wish, world.now + 2.0)
    second, commands = step(world.instance, c.Tick(), world.now + 3.0)
    assert isinstance(commands[-1], c.Probe) and commands[-1].number == 2
    late = c.Probed(1, 1, Result(1001.0, 1003.0, 0))
    assert step(second, late, world.now + 3.0) == (second, ())
