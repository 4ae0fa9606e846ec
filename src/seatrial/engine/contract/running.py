"""The turns that a run's beginning and end bring: start, end, what the restart policy says, removal. Pure.

Part of `machine.py`, where the rules are.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.engine.contract import commands as c
from seatrial.engine.contract import lifecycle
from seatrial.engine.contract.commands import Command
from seatrial.engine.contract.instance import (
    NOT_FOUND,
    NOT_MODIFIED,
    SAYS_STOP,
    Instance,
    Purpose,
    Stopping,
    Turn,
    refuse,
)
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.restarting import Finished, Manager


def start_asked(instance: Instance, wish: c.StartAsked, _now: float) -> Turn:
    if instance.state in (State.RUNNING, State.RESTARTING):
        return refuse(instance, "it runs already", NOT_MODIFIED)
    if instance.state is State.PAUSED:
        return refuse(instance, "it is paused: unpause it instead")
    if instance.state is State.REMOVED:
        return refuse(instance, "there is no such instance", NOT_FOUND)
    if instance.state in (State.REMOVING, State.DEAD):
        return refuse(instance, "it is marked for removal and can't be started")
    return start_anew(instance, wish.by)


def start_anew(instance: Instance, cause: str) -> Turn:
    """A start that somebody asked for: counts begin again."""
    fresh = replace(instance, manager=Manager(instance.terms.restart), stopped_by_hand=False)
    return begin(fresh, cause)


def begin(instance: Instance, cause: str) -> Turn:
    assert not instance.is_starting and not instance.is_running
    begun = replace(instance, run=instance.run + 1, is_starting=True, restart_at=None, restart_why="")
    return begun, (c.Start(cause, begun.run),)


def started(instance: Instance, news: c.Started, now: float) -> Turn:
    if not instance.is_starting or news.run != instance.run:
        return instance, ()
    running = replace(
        instance,
        state=lifecycle.after(instance.state, lifecycle.Happening.START),
        is_starting=False,
        started=now,
        exit_code=0,
        oom_killed=False,
        error="",
        monitor=instance.monitor.start(now),
        is_restarted_by_hand=False,
    )
    emitted: tuple[Command, ...] = (c.Emit("started", "start"),)
    if instance.is_restarted_by_hand:
        emitted += (c.Emit("restarted", "restart"),)
    return running, emitted


def start_failed(instance: Instance, news: c.StartFailed, _now: float) -> Turn:
    """An automatic restart that fails ends the restarting, and keeps the code of the run before (moby, monitor.go)."""
    if not instance.is_starting or news.run != instance.run:
        return instance, ()
    is_automatic = instance.state is State.RESTARTING
    failed = replace(
        instance,
        state=lifecycle.after(instance.state, lifecycle.Happening.START_FAILS),
        is_starting=False,
        exit_code=instance.exit_code if is_automatic else news.code,
        error=news.error,
        is_restarted_by_hand=False,
    )
    report = c.Report(f"it could not be started: {news.error}")
    if not instance.terms.remove_at_end:
        return failed, (report,)
    gone, commands = removing(failed, "--rm")
    return gone, (report, *commands)


def exited(instance: Instance, news: c.Exited, now: float) -> Turn:
    if not instance.is_running or news.run != instance.run:
        return instance, ()
    instance, commands = _noted_oom(instance, news)
    assert instance.started is not None
    ran_for = max(0.0, now - instance.started if news.ran_for is None else news.ran_for)
    commands += end_of_probe(instance, "the instance has ended")
    by = instance.stopping.by if instance.stopping else "it ended by itself"
    attributes = {"exitCode": str(news.code), "execDuration": str(int(ran_for))}
    commands += (c.Emit(by, "die", attributes),)
    instance = replace(instance, exit_code=news.code, finished=now, monitor=instance.monitor.close())
    if instance.stopping:
        return _then_as_meant(instance, commands, instance.stopping, Finished(news.code, ran_for), now)
    return _by_policy(instance, commands, Finished(news.code, ran_for), now)


def _noted_oom(instance: Instance, news: c.Exited) -> Turn:
    """A kill for memory that only the counter at the end tells of."""
    if not news.oom_kills or instance.oom_killed:
        return instance, ()
    return replace(instance, oom_killed=True), (c.Emit("out of memory", "oom"),)


def _by_policy(instance: Instance, commands: tuple[Command, ...], run: Finished, now: float) -> Turn:
    """Whether it runs again, by the restart manager."""
    manager, decision = instance.manager.after(run, now, stopped_by_hand=instance.stopped_by_hand)
    instance = replace(instance, manager=manager)
    if decision.again:
        state = lifecycle.after(instance.state, lifecycle.Happening.EXIT_TO_RESTART)
        waiting = replace(instance, state=state, restart_at=now + decision.wait, restart_why=decision.why)
        return waiting, commands
    return _at_rest(replace(instance, restart_why=decision.why), commands)


def _then_as_meant(
    instance: Instance, commands: tuple[Command, ...], meant: Stopping, run: Finished, now: float
) -> Turn:
    """What the stop was for."""
    if meant.purpose in SAYS_STOP:
        commands += (c.Emit(meant.by, "stop"),)
    instance = replace(instance, stopping=None)
    if meant.purpose is Purpose.UNHEALTHY_RESTART:
        return _by_policy(instance, commands, replace(run, unhealthy=True), now)
    if meant.purpose in (Purpose.RESTART, Purpose.REMOVE):
        state = lifecycle.after(instance.state, lifecycle.Happening.EXIT)
        return what_follows(replace(instance, state=state), commands, meant)
    return _at_rest(instance, commands)


def what_follows(instance: Instance, commands: tuple[Command, ...], meant: Stopping) -> Turn:
    """After the end of what is to be restarted or removed."""
    if meant.purpose is Purpose.RESTART:
        following = start_anew(replace(instance, is_restarted_by_hand=True), meant.by)
    else:
        following = removing(instance, meant.by)
    return following[0], (*commands, *following[1])


def _at_rest(instance: Instance, commands: tuple[Command, ...]) -> Turn:
    """It has ended and stays so; `--rm` removes it."""
    ended = replace(instance, state=lifecycle.after(instance.state, lifecycle.Happening.EXIT))
    if not ended.terms.remove_at_end:
        return ended, commands
    gone, more = removing(ended, "--rm")
    return gone, (*commands, *more)


def out_of_memory(instance: Instance, news: c.OutOfMemory, _now: float) -> Turn:
    if not instance.is_running or news.run != instance.run or instance.oom_killed:
        return instance, ()
    return replace(instance, oom_killed=True), (c.Emit("out of memory", "oom"),)


def removing(instance: Instance, cause: str) -> Turn:
    state = lifecycle.after(instance.state, lifecycle.Happening.REMOVE)
    return replace(instance, state=state), (c.Remove(cause),)


def removal_done(instance: Instance, _news: c.RemovalDone, _now: float) -> Turn:
    if instance.state is not State.REMOVING:
        return instance, ()
    state = lifecycle.after(instance.state, lifecycle.Happening.REMOVED)
    return replace(instance, state=state), (c.Emit("removed", "destroy"),)


def removal_failed(instance: Instance, news: c.RemovalFailed, _now: float) -> Turn:
    if instance.state is not State.REMOVING:
        return instance, ()
    state = lifecycle.after(instance.state, lifecycle.Happening.REMOVE_FAILS)
    return replace(instance, state=state, error=news.error), (c.Report(f"it could not be removed: {news.error}"),)


def end_of_probe(instance: Instance, why: str) -> tuple[Command, ...]:
    return (c.EndProbe(why, instance.run, instance.monitor.probe),) if instance.monitor.probe else ()
