"""What is kept of an instance when its supervisor ends, and what follows when the next one begins. Pure.

Monotonic times mean nothing after the machine has started anew, so they are kept as seconds since 1970, and come back
as monotonic ones (before zero, where it was before the machine started).

Rules (contract, chapter 2, daemon restart)
* What still runs is taken over as it is; its health begins again with *starting*.
* What has ended meanwhile has ended with the code of its exit record, and the restart policy decides as always.
* What ran and left no record (power cut, the machine started anew) ended with 255.
* What waited for its restart goes on waiting. What was at rest stays so, unless the supervisor (or the machine) starts:
  then `always` starts even what was stopped by hand, `unless-stopped` what was not, `on-failure` what had failed. Only
  what was started before is started. Counts begin again, as dockerd has it.
* A stop and a removal that were under way are carried on: the grace period ends when it would have ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from seatrial.engine.contract import commands as c
from seatrial.engine.contract import stopping
from seatrial.engine.contract.health import Monitor, Result, Status
from seatrial.engine.contract.instance import Instance, Purpose, Stopping, Terms, Turn
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.machine import step
from seatrial.engine.contract.restarting import LOST_CODE, Manager
from seatrial.engine.contract.running import start_anew

VERSION = 1


@dataclass(frozen=True, slots=True)
class Clock:
    """The same moment on both clocks: `monotonic`, and `wall` in seconds since 1970."""

    monotonic: float
    wall: float

    def to_wall(self, moment: float | None) -> float | None:
        """A monotonic moment in seconds since 1970."""
        return None if moment is None else self.wall + (moment - self.monotonic)

    def from_wall(self, moment: float | None) -> float | None:
        """A moment since 1970 in monotonic seconds."""
        return None if moment is None else self.monotonic + (moment - self.wall)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended while nobody looked: `at` in seconds since 1970."""

    code: int
    at: float
    oom_kills: int = 0


def save(instance: Instance, clock: Clock) -> dict[str, Any]:
    """The instance as plain values for JSON."""
    monitor = instance.monitor
    log = [[clock.to_wall(one.begun), clock.to_wall(one.ended), one.code, one.output] for one in monitor.log]
    return {
        "version": VERSION,
        "state": instance.state.value,
        "run": instance.run,
        "is_starting": instance.is_starting,
        "started": clock.to_wall(instance.started),
        "finished": clock.to_wall(instance.finished),
        "exit_code": instance.exit_code,
        "oom_killed": instance.oom_killed,
        "error": instance.error,
        "stopped_by_hand": instance.stopped_by_hand,
        "stopping": _saved_stop(instance.stopping, clock),
        "restart_at": clock.to_wall(instance.restart_at),
        "restart_why": instance.restart_why,
        "restarts": [clock.to_wall(moment) for moment in instance.manager.restarts],
        "restart_count": instance.manager.count,
        "wait": instance.manager.wait,
        "cancelled": instance.manager.cancelled,
        "health": {"status": monitor.status.value, "streak": monitor.streak, "probes": monitor.probes, "log": log},
    }


def load(saved: Mapping[str, Any], terms: Terms, clock: Clock) -> Instance:
    """The instance as it was saved. KeyError, TypeError or ValueError where that isn't what `save` wrote."""
    if saved["version"] != VERSION:
        raise ValueError(f"the state is of version {saved['version']}, this is {VERSION}")
    restarts = tuple(moment for each in saved["restarts"] if (moment := clock.from_wall(each)) is not None)
    manager = Manager(terms.restart, saved["restart_count"], saved["wait"], saved["cancelled"], restarts)
    return Instance(
        terms,
        state=State(saved["state"]),
        run=saved["run"],
        is_starting=saved["is_starting"],
        started=clock.from_wall(saved["started"]),
        finished=clock.from_wall(saved["finished"]),
        exit_code=saved["exit_code"],
        oom_killed=saved["oom_killed"],
        error=saved["error"],
        manager=manager,
        monitor=_monitor(saved["health"], terms, clock),
        stopping=_stopping(saved["stopping"], clock),
        restart_at=clock.from_wall(saved["restart_at"]),
        restart_why=saved["restart_why"],
        stopped_by_hand=saved["stopped_by_hand"],
    )


def _saved_stop(under_way: Stopping | None, clock: Clock) -> dict[str, Any] | None:
    if under_way is None:
        return None
    return {
        "purpose": under_way.purpose.value,
        "state": under_way.stop.state.value,
        "grace": under_way.stop.grace,
        "deadline": clock.to_wall(under_way.stop.deadline),
        "killed": under_way.stop.killed,
        "signal": under_way.signal,
        "by": under_way.by,
    }


def _stopping(saved: Mapping[str, Any] | None, clock: Clock) -> Stopping | None:
    if saved is None:
        return None
    deadline = clock.from_wall(saved["deadline"])
    stop = stopping.Stop(saved["grace"], stopping.State(saved["state"]), deadline, saved["killed"])
    return Stopping(Purpose(saved["purpose"]), stop, saved["signal"], saved["by"])


def _monitor(saved: Mapping[str, Any], terms: Terms, clock: Clock) -> Monitor:
    log = tuple(
        Result(clock.from_wall(begun) or 0.0, clock.from_wall(ended) or 0.0, code, output)
        for begun, ended, code, output in saved["log"]
    )
    status = Status(saved["status"]) if terms.check else Status.NONE
    return Monitor(terms.check, status, saved["streak"], log, probes=saved["probes"])


def take_over(instance: Instance, found: Ended | None, clock: Clock, *, is_alive: bool) -> Turn:
    """The instance of an earlier supervisor, by what was found of its run: alive, ended with a record, or gone.

    A start that was under way counts as a run where something of it was found, and as none where nothing was.
    """
    now = clock.monotonic
    if instance.is_starting:
        instance, commands = _start_under_way(instance, found is not None or is_alive, now)
    else:
        commands = ()
    if instance.state is State.REMOVING:
        return instance, (*commands, c.Remove("the removal was under way"))
    if not instance.is_running:
        return instance, commands
    if is_alive:
        if instance.state is State.PAUSED:
            return instance, commands
        started = now if instance.started is None else instance.started
        return replace(instance, monitor=instance.monitor.start(now), started=started), commands
    ended = found or Ended(LOST_CODE, clock.wall)
    ended_at = clock.from_wall(ended.at)
    ran_for = None if instance.started is None or ended_at is None else max(0.0, ended_at - instance.started)
    after, more = step(instance, c.Exited(instance.run, ended.code, ended.oom_kills, ran_for), now)
    return replace(after, finished=ended_at), (*commands, *more)


def _start_under_way(instance: Instance, was_started: bool, now: float) -> Turn:
    if was_started:
        return step(instance, c.Started(instance.run), now)
    return step(instance, c.StartFailed(instance.run, 128, "the supervisor ended during the start"), now)


def at_boot(instance: Instance) -> Turn:
    """What the restart policy says when the supervisor, or the machine, has started: for what is at rest."""
    if instance.state is not State.EXITED or instance.is_starting or instance.started is None:
        return instance, ()
    decision = instance.manager.at_boot(instance.exit_code, stopped_by_hand=instance.stopped_by_hand)
    return start_anew(instance, decision.why) if decision.again else (instance, ())
