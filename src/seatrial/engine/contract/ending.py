"""The turns that end a run, or the wait for one: stop, restart, kill, forced removal, on_unhealthy. Pure.

Part of `machine.py`, where the rules are.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.engine.contract import commands as c
from seatrial.engine.contract import lifecycle, stopping
from seatrial.engine.contract.commands import Command
from seatrial.engine.contract.instance import (
    NOT_FOUND,
    NOT_MODIFIED,
    SAYS_STOP,
    SIGKILL,
    Instance,
    Purpose,
    Stopping,
    Turn,
    refuse,
    refuse_gone,
)
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.running import removing, start_anew, what_follows


def stop_asked(instance: Instance, wish: c.StopAsked, now: float) -> Turn:
    if not instance.is_running and instance.state is not State.RESTARTING:
        return refuse_gone(instance) or refuse(instance, "it doesn't run", NOT_MODIFIED)
    if wish.is_shutdown:
        return stop_run(instance, Purpose.SHUTDOWN, wish, now)
    return stop_run(replace(instance, stopped_by_hand=True), Purpose.STOP, wish, now)


def restart_asked(instance: Instance, wish: c.RestartAsked, now: float) -> Turn:
    if instance.is_running or instance.state is State.RESTARTING:
        return stop_run(instance, Purpose.RESTART, wish, now)
    refused = refuse_gone(instance)
    if refused:
        return refused
    return start_anew(replace(instance, is_restarted_by_hand=True), wish.by)


def stop_run(instance: Instance, purpose: Purpose, wish: c.StopAsked | c.RestartAsked, now: float) -> Turn:
    """Stop what runs, or what waits for its restart."""
    number = instance.terms.stop_signal if wish.signal is None else wish.signal
    grace = instance.terms.grace if wish.grace is None else wish.grace
    begun = Stopping(purpose, stopping.Stop(grace), number, wish.by)
    if purpose is not Purpose.UNHEALTHY_RESTART:
        instance = replace(instance, manager=instance.manager.cancel())
    if instance.state is State.RESTARTING:
        return _end_the_wait(instance, begun)
    if instance.stopping and instance.stopping.stop.state is not stopping.State.LOST:
        return _meant_otherwise(instance, begun, grace if wish.grace is not None else None, now)
    return advance(replace(instance, stopping=begun), stopping.Event.STOP, now)


def _meant_otherwise(instance: Instance, begun: Stopping, grace: float | None, now: float) -> Turn:
    """A wish during a stop: what follows changes, the signal isn't sent again, and only a shorter grace counts."""
    assert instance.stopping is not None
    under_way = instance.stopping
    if under_way.purpose is Purpose.REMOVE or (begun.purpose is Purpose.SHUTDOWN and under_way.purpose is Purpose.STOP):
        begun = replace(begun, purpose=under_way.purpose)
    stop = under_way.stop if grace is None else under_way.stop.hurry(grace, now)
    changed = replace(instance, stopping=replace(begun, stop=stop, signal=under_way.signal))
    return changed, ()


def _end_the_wait(instance: Instance, meant: Stopping) -> Turn:
    """A stop of what waits for its restart: it has ended already."""
    state = lifecycle.after(instance.state, lifecycle.Happening.STOP)
    ended = replace(instance, state=state, restart_at=None, restart_why="", stopping=None)
    emitted: tuple[Command, ...] = (c.Emit(meant.by, "stop"),) if meant.purpose in SAYS_STOP else ()
    if meant.purpose in (Purpose.RESTART, Purpose.REMOVE):
        return what_follows(ended, emitted, meant)
    if ended.terms.remove_at_end:
        ended, more = removing(ended, "--rm")
        return ended, (*emitted, *more)
    return ended, emitted


def advance(instance: Instance, event: stopping.Event, now: float) -> Turn:
    """Take one step of the stop under way, and say it in commands."""
    meant = instance.stopping
    assert meant is not None
    stop, orders = meant.stop.on(event, now)
    instance = replace(instance, stopping=replace(meant, stop=stop))
    commands: tuple[Command, ...] = ()
    for order in orders:
        instance, more = _ordered(instance, order, meant, event)
        commands += more
    return instance, commands


def _ordered(instance: Instance, order: stopping.Command, meant: Stopping, event: stopping.Event) -> Turn:
    """One order of the stop as commands of the machine."""
    if order is stopping.Command.SEND_STOP_SIGNAL:
        commands: tuple[Command, ...] = (
            c.Signal(meant.by, instance.run, meant.signal),
            c.Emit(meant.by, "kill", {"signal": str(meant.signal)}),
        )
        return _thawed(instance, commands, meant.by)
    if order is stopping.Command.SEND_KILL:
        is_late = event is not stopping.Event.KILL
        cause = f"{meant.by}: the grace period is over" if is_late else meant.by
        commands = (c.Kill(cause, instance.run), c.Emit(cause, "kill", {"signal": str(SIGKILL)}))
        return _thawed(instance, commands, cause, is_end=True)
    if order is stopping.Command.KILL_ALL:
        return instance, (c.Kill(f"{meant.by}: it did not end after SIGKILL", instance.run, everything=True),)
    return instance, (c.Report("tried to kill it, but it did not end"),)


def _thawed(instance: Instance, sent: tuple[Command, ...], cause: str, *, is_end: bool = False) -> Turn:
    """A frozen process gets no signal before it is thawed. Docker says so, unless what is thawed is dead already."""
    if instance.state is not State.PAUSED:
        return instance, sent
    running = replace(instance, state=lifecycle.after(State.PAUSED, lifecycle.Happening.STOP))
    thawed = (*sent, c.Thaw(cause, instance.run))
    return running, thawed if is_end else (*thawed, c.Emit(cause, "unpause"))


def kill_asked(instance: Instance, wish: c.KillAsked, now: float) -> Turn:
    if not instance.is_running and instance.state is not State.RESTARTING:
        return refuse_gone(instance) or refuse(instance, "it doesn't run")
    is_end = wish.signal in (SIGKILL, instance.terms.stop_signal)
    quirk = instance.terms.docker_quirks
    if is_end or quirk:
        instance = replace(instance, stopped_by_hand=True)
    cancels = is_end or (quirk and not instance.terms.stop_signal_said)
    if cancels:
        instance = replace(instance, manager=instance.manager.cancel())
    if instance.state is State.RESTARTING:
        killed = Stopping(Purpose.KILL, stopping.Stop(0.0), wish.signal, wish.by)
        return _end_the_wait(instance, killed) if cancels else (instance, ())
    if wish.signal == SIGKILL:
        return _killed(instance, Purpose.KILL, wish.by, now)
    sent = c.Signal(wish.by, instance.run, wish.signal), c.Emit(wish.by, "kill", {"signal": str(wish.signal)})
    return _thawed(instance, sent, wish.by) if cancels else (instance, sent)


def _killed(instance: Instance, purpose: Purpose, by: str, now: float) -> Turn:
    """SIGKILL now. What a stop under way is for stays, except that a removal is more."""
    under_way = instance.stopping
    if under_way is None or under_way.stop.state is stopping.State.LOST:
        under_way = Stopping(purpose, stopping.Stop(instance.terms.grace), SIGKILL, by)
    elif purpose is Purpose.REMOVE or under_way.purpose in (Purpose.UNHEALTHY_RESTART, Purpose.RESTART):
        under_way = replace(under_way, purpose=purpose, by=by)
    return advance(replace(instance, stopping=under_way), stopping.Event.KILL, now)


def signal_failed(instance: Instance, news: c.SignalFailed, now: float) -> Turn:
    if not instance.is_running or news.run != instance.run or instance.stopping is None:
        return instance, ()
    return advance(instance, stopping.Event.SIGNAL_FAILED, now)


def remove_asked(instance: Instance, wish: c.RemoveAsked, now: float) -> Turn:
    if instance.state is State.REMOVED:
        return refuse(instance, "there is no such instance", NOT_FOUND)
    if instance.state is State.REMOVING:
        return refuse(instance, "it is being removed already")
    if not instance.is_running and instance.state is not State.RESTARTING:
        return removing(instance, wish.by)
    if not wish.force:
        return refuse(instance, "it runs: stop it first, or force its removal")
    instance = replace(instance, stopped_by_hand=True, manager=instance.manager.cancel())
    if instance.state is State.RESTARTING:
        return _end_the_wait(instance, Stopping(Purpose.REMOVE, stopping.Stop(0.0), SIGKILL, wish.by))
    return _killed(instance, Purpose.REMOVE, wish.by, now)
