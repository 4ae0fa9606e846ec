"""The life of one instance, composed: lifecycle, restart manager, health monitor and stop in one pure machine.

    instance, commands = create(Terms(...))
    instance, commands = step(instance, StartAsked(by="up"), now)     # carry the commands out, in their order
    instance, commands = step(instance, Started(1), now)              # and report what happened
    instance, commands = step(instance, Tick(), wake_at(instance))    # nothing happened until then

Rules (the parts have theirs)
* Total: no happening raises in any state. What can't be is refused (`Refuse`), what comes too late is dropped: each
  run and each probe has a number, and a report about another one changes nothing.
* At most one run at a time: `Start` comes only when the last run has ended, or could not be started.
* What is asked for while a start is under way waits for its answer.
* Events in Docker's order: kill, [oom], die, stop, start, restart, destroy; `health_status` only on a change.
* Stopped by hand means by `stop`, or by `kill` with SIGKILL or the stop signal. Docker takes every signal that `kill`
  sends for that (moby#11065, #41302, #47792); with `docker_quirks` we do, too.
* `on_unhealthy` acts on the last of `retries` failures: while a stop is under way, or between two runs, there is
  nothing to act on, so a restart in progress is waited out. Its restart keeps to the policy's wait and its number of
  attempts.

It must never ask for the time, wait, or touch a process: a driver does, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from seatrial.engine.contract import commands as c
from seatrial.engine.contract import lifecycle, stopping
from seatrial.engine.contract.commands import Command, Happening
from seatrial.engine.contract.ending import (
    advance,
    kill_asked,
    remove_asked,
    restart_asked,
    signal_failed,
    stop_asked,
    stop_run,
)
from seatrial.engine.contract.health import Kind, Monitor, Status
from seatrial.engine.contract.instance import Instance, Purpose, Terms, Turn, refuse, refuse_gone
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.restarting import Manager
from seatrial.engine.contract.running import (
    begin,
    end_of_probe,
    exited,
    out_of_memory,
    removal_done,
    removal_failed,
    start_asked,
    start_failed,
    started,
)


def create(terms: Terms) -> Turn:
    """A new instance, and the event that says so."""
    monitor = Monitor(terms.check, Status.STARTING if terms.check else Status.NONE)
    instance = Instance(terms, manager=Manager(terms.restart), monitor=monitor)
    return instance, (c.Emit("created", "create"),)


def step(instance: Instance, happening: Happening, now: float) -> Turn:
    """The instance after a happening, and what to do, in this order. Never raises."""
    if instance.is_starting and isinstance(happening, c.Wish):
        return _put_off(instance, happening)
    after, commands = _TAKEN[type(happening)](instance, happening, now)
    if after.waiting and not after.is_starting:
        waiting, after = after.waiting, replace(after, waiting=())
        for wish in waiting:
            after, more = step(after, wish, now)
            commands += more
    return after, commands


def wake_at(instance: Instance) -> float | None:
    """When the machine wants a `Tick`; None where it waits for nothing but happenings."""
    if instance.is_starting:
        return None
    stop = instance.stopping.stop.deadline if instance.stopping else None
    due = instance.monitor.due if instance.state is State.RUNNING else None
    return min((moment for moment in (instance.restart_at, stop, due) if moment is not None), default=None)


def _put_off(instance: Instance, wish: c.Wish) -> Turn:
    """Keep a wish for the end of the start under way. A later one of the same kind replaces it, to bound them."""
    kept = tuple(one for one in instance.waiting if type(one) is not type(wish))
    return replace(instance, waiting=(*kept, wish)), ()  # type: ignore[arg-type]  # every Wish is a Happening


def _pause_asked(instance: Instance, wish: c.PauseAsked, _now: float) -> Turn:
    if instance.state is not State.RUNNING:
        words = {State.PAUSED: "it is paused already", State.RESTARTING: "it is restarting"}
        return refuse_gone(instance) or refuse(instance, words.get(instance.state, "it doesn't run"))
    state = lifecycle.after(instance.state, lifecycle.Happening.PAUSE)
    ended = end_of_probe(instance, "the instance is paused")
    paused = replace(instance, state=state, monitor=instance.monitor.close())
    return paused, (*ended, c.Freeze(wish.by, instance.run), c.Emit(wish.by, "pause"))


def _unpause_asked(instance: Instance, wish: c.UnpauseAsked, now: float) -> Turn:
    if instance.state is not State.PAUSED:
        return refuse_gone(instance) or refuse(instance, "it isn't paused")
    state = lifecycle.after(instance.state, lifecycle.Happening.UNPAUSE)
    running = replace(instance, state=state, monitor=instance.monitor.resume(now))
    return running, (c.Thaw(wish.by, instance.run), c.Emit(wish.by, "unpause"))


# Health and time


def _probed(instance: Instance, news: c.Probed, now: float) -> Turn:
    monitor = instance.monitor
    if instance.state is not State.RUNNING or (news.run, news.number) != (instance.run, monitor.probe):
        return instance, ()
    after = monitor.take(news.result, now)
    commands: tuple[Command, ...] = ()
    if _is_command(monitor):
        commands += (c.Emit("probed", "exec_die", {"exitCode": str(news.result.code)}),)
    if after.status is not monitor.status:
        commands += (c.Emit("probed", f"health_status: {after.status.value}"),)
    instance = replace(instance, monitor=after)
    if news.result.code != 0 and after.has_failed and instance.terms.on_unhealthy and instance.stopping is None:
        instance, more = _unhealthy(instance, now)
        commands += more
    return instance, commands


def _unhealthy(instance: Instance, now: float) -> Turn:
    """What `on_unhealthy` says."""
    by = f"unhealthy: {instance.monitor.streak} probes in a row failed"
    if instance.terms.on_unhealthy == "restart":
        return stop_run(instance, Purpose.UNHEALTHY_RESTART, c.StopAsked(by=by), now)
    return stop_run(replace(instance, stopped_by_hand=True), Purpose.UNHEALTHY_STOP, c.StopAsked(by=by), now)


def _is_command(monitor: Monitor) -> bool:
    return monitor.check is not None and monitor.check.kind is Kind.EXECUTE


def _tick(instance: Instance, _: c.Tick, now: float) -> Turn:
    """Do what is due: the end of a grace period, a restart, a probe."""
    commands: tuple[Command, ...] = ()
    if instance.is_starting:
        return instance, ()
    deadline = instance.stopping.stop.deadline if instance.stopping else None
    if deadline is not None and deadline <= now:
        instance, commands = advance(instance, stopping.Event.DEADLINE, now)
    if instance.restart_at is not None and instance.restart_at <= now:
        return begin(instance, instance.restart_why)
    if instance.state is State.RUNNING and instance.monitor.due is not None and instance.monitor.due <= now:
        instance, more = _probe(instance)
        commands += more
    return instance, commands


def _probe(instance: Instance) -> Turn:
    monitor = instance.monitor.begin()
    check = monitor.check
    assert check is not None
    cause = f"health check every {check.interval:g} s"
    commands: tuple[Command, ...] = ()
    if check.kind is Kind.EXECUTE:
        line = " ".join(check.argv)
        commands = (c.Emit(cause, f"exec_create: {line}"), c.Emit(cause, f"exec_start: {line}"))
    probe = c.Probe(cause, instance.run, monitor.probe, check)
    return replace(instance, monitor=monitor), (*commands, probe)


_TAKEN: Mapping[type, Callable[[Instance, Any, float], Turn]] = MappingProxyType(
    {
        c.StartAsked: start_asked,
        c.StopAsked: stop_asked,
        c.RestartAsked: restart_asked,
        c.KillAsked: kill_asked,
        c.PauseAsked: _pause_asked,
        c.UnpauseAsked: _unpause_asked,
        c.RemoveAsked: remove_asked,
        c.Started: started,
        c.StartFailed: start_failed,
        c.Exited: exited,
        c.OutOfMemory: out_of_memory,
        c.SignalFailed: signal_failed,
        c.Probed: _probed,
        c.RemovalDone: removal_done,
        c.RemovalFailed: removal_failed,
        c.Tick: _tick,
    }
)
