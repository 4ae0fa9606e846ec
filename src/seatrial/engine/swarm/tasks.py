"""What Swarm tells of a service's tasks, put together to replicas: its lists of tasks and the engine's events. Pure.

The list holds a task's state as its node reported it, with the moment; the events, which only the node's own engine
tells, have the moments of a container's start, signals and end to the microsecond. Where both are known the event
counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seatrial.model.recording import Replica
from seatrial.model.service import signal_number

TASK = "com.docker.swarm.task.id"
"""The label by which a container tells its task."""
SHORT = 8
ENDED = frozenset({"complete", "shutdown", "failed", "rejected", "orphaned", "remove"})
"""States in which a task has no process any more (swarmkit, TaskState)."""
GOING = frozenset({"shutdown", "remove"})
SIGKILL = 9
KILLED = 137
MOST_GRACE = 0.9
"""After so much of the grace period an end by SIGKILL, whose sender is not seen, was the engine's."""


@dataclass(slots=True)
class Seen:
    """A task as far as it is known; times are monotonic."""

    name: str
    slot: str
    node: str
    container: str = ""
    pid: int = 0
    created: float | None = None
    started: float | None = None
    ready: float | None = None
    told: float | None = None
    signalled: float | None = None
    closed: float | None = None
    died: float | None = None
    ended: float | None = None
    code: int | None = None
    killed: bool = False
    state: str = ""
    detail: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it has no process any more."""
        return self.died is not None or self.state in ENDED


def wall(text: str) -> float:
    """The seconds since the epoch of a moment as the engine writes it; 0 for one that never was."""
    try:
        return max(datetime.fromisoformat(text).timestamp(), 0.0)
    except (ValueError, OverflowError):
        return 0.0


class Tasks:
    """The tasks of one service, from the first list on. `offset` is the monotonic clock less the engine's."""

    def __init__(self, service: str, grace: float, offset: float, host: Callable[[str], str]) -> None:
        self._service = service
        self._grace = grace
        self._offset = offset
        self._host = host
        self._last = 0.0
        self.seen: dict[str, Seen] = {}

    def listed(self, tasks: Iterable[Mapping[str, Any]], now: float) -> None:
        """Take in a list of the service's tasks, as it was at `now`."""
        first = not self._last
        for told in tasks:
            status = told.get("Status") or {}
            if first and (status.get("State") in ENDED or told.get("DesiredState") in GOING):
                continue  # the history of earlier updates
            task = self.seen.get(told["ID"]) or self._new(told)
            self._state(task, told, status, now)
        self._last = now

    def _new(self, told: Mapping[str, Any]) -> Seen:
        node = self._host(str(told.get("NodeID", "")))
        slot = str(told.get("Slot") or node)
        task = Seen(f"{self._service}.{slot}.{told['ID'][:SHORT]}", slot, node)
        task.created = wall(str(told.get("CreatedAt", ""))) + self._offset
        self.seen[told["ID"]] = task
        return task

    def _state(self, task: Seen, told: Mapping[str, Any], status: Mapping[str, Any], now: float) -> None:
        task.state = str(status.get("State", ""))
        task.node = task.node or self._host(str(told.get("NodeID", "")))
        container = status.get("ContainerStatus") or {}
        task.container = str(container.get("ContainerID") or task.container)
        task.pid = int(container.get("PID") or task.pid)
        task.detail = str(status.get("Err") or task.detail)
        moment = wall(str(status.get("Timestamp", ""))) + self._offset
        if task.state == "running" and task.ready is None:
            task.ready = moment
        if told.get("DesiredState") in GOING and task.told is None:
            changed = wall(str(told.get("UpdatedAt", ""))) + self._offset
            task.told = changed if self._last <= changed <= now else now
        if task.state in ENDED and task.ended is None:
            task.ended = moment
            if task.code is None and task.container:
                task.code = int(container.get("ExitCode") or 0)

    def heard(self, event: Mapping[str, Any]) -> None:
        """Take in what the engine tells of a container."""
        attributes = (event.get("Actor") or {}).get("Attributes") or {}
        task = self.seen.get(str(attributes.get(TASK, "")))
        if task is None:
            return
        moment = int(event.get("timeNano") or 0) / 1e9 + self._offset
        action = str(event.get("Action") or "")
        if action == "start":
            task.started = moment
        elif action == "kill":
            self._signal(task, str(attributes.get("signal", "")), moment)
        elif action == "die":
            task.died = moment
            task.code = int(attributes.get("exitCode") or 0)

    def _signal(self, task: Seen, signal: str, moment: float) -> None:
        try:
            number = signal_number(signal)
        except ValueError:
            number = 0
        if task.signalled is None:
            task.signalled = moment
        elif number == SIGKILL:
            task.killed = True

    def replicas(self) -> tuple[Replica, ...]:
        """All tasks that were seen, the oldest first."""
        return tuple(self._replica(task) for task in sorted(self.seen.values(), key=lambda one: one.created or 0.0))

    def _replica(self, task: Seen) -> Replica:
        told, signalled = task.told, task.signalled
        if signalled is not None:  # the engine tells of it when it has been sent: what it does may be seen before
            signalled = min(moment for moment in (signalled, task.closed, task.died) if moment is not None)
            told = min(told or signalled, signalled)
        ended = task.died if task.died is not None else task.ended
        if signalled is None and told is not None and ended is not None and ended <= told:
            told = None  # it ended by itself, and Swarm put up with it
        by_clock = task.code == KILLED and told is not None and (ended or 0.0) - told >= MOST_GRACE * self._grace
        return Replica(
            name=task.name,
            slot=task.slot,
            node=task.node,
            created=task.created,
            started=task.started,
            ready=task.ready,
            told=told,
            signalled=signalled,
            closed=task.closed if told is not None else None,
            ended=ended,
            code=task.code if ended is not None else None,
            killed=task.killed or (task.signalled is None and by_clock),
            detail=task.detail,
        )
