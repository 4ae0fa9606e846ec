"""One instance at one moment, as the composed machine knows it: values, and how a wish is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from seatrial.engine.contract import commands as c
from seatrial.engine.contract import stopping
from seatrial.engine.contract.commands import Command, Happening
from seatrial.engine.contract.health import Check, Monitor
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.restarting import Manager, Policy

SIGKILL, SIGTERM = 9, 15
NOT_MODIFIED, NOT_FOUND, CONFLICT = 304, 404, 409


@dataclass(frozen=True, slots=True)
class Terms:
    """What was promised about an instance. `on_unhealthy` is "", "restart" or "stop"; `remove_at_end` is `--rm`.

    `stop_signal_said`: the image or the file says the stop signal (it matters to Docker's quirk alone).
    """

    restart: Policy = field(default_factory=Policy)
    check: Check | None = None
    stop_signal: int = SIGTERM
    stop_signal_said: bool = False
    grace: float = 10.0
    on_unhealthy: str = ""
    remove_at_end: bool = False
    docker_quirks: bool = False


class Purpose(Enum):
    """What a stop is for, which says what follows it."""

    STOP = "stop"
    SHUTDOWN = "the supervisor ends"
    KILL = "kill"
    RESTART = "restart"
    REMOVE = "remove"
    UNHEALTHY_RESTART = "unhealthy: restart"
    UNHEALTHY_STOP = "unhealthy: stop"


SAYS_STOP = {Purpose.STOP, Purpose.SHUTDOWN, Purpose.RESTART, Purpose.UNHEALTHY_STOP, Purpose.UNHEALTHY_RESTART}
"""Ends that Docker's `stop` brings about emit `stop` after `die`."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """A stop under way."""

    purpose: Purpose
    stop: stopping.Stop
    signal: int
    by: str


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance at one moment. Times are monotonic; None where it never happened.

    `run` numbers the starts; `is_starting`: a `Start` is not answered yet; `restart_at`: when the next run is due.
    """

    terms: Terms
    state: State = State.CREATED
    run: int = 0
    is_starting: bool = False
    started: float | None = None
    finished: float | None = None
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    manager: Manager = field(default_factory=Manager)
    monitor: Monitor = field(default_factory=Monitor)
    stopping: Stopping | None = None
    restart_at: float | None = None
    restart_why: str = ""
    stopped_by_hand: bool = False
    is_restarted_by_hand: bool = False
    waiting: tuple[Happening, ...] = field(default=())

    @property
    def is_running(self) -> bool:
        """Whether PID 1 lives, paused or not."""
        return self.state in (State.RUNNING, State.PAUSED)


Turn = tuple[Instance, tuple[Command, ...]]


def refuse(instance: Instance, why: str, status: int = CONFLICT) -> Turn:
    return instance, (c.Refuse(why, status),)


def refuse_gone(instance: Instance) -> Turn | None:
    """The refusal of what is asked of an instance that is being removed."""
    if instance.state is State.REMOVED:
        return refuse(instance, "there is no such instance", NOT_FOUND)
    if instance.state in (State.REMOVING, State.DEAD):
        return refuse(instance, "it is marked for removal")
    return None
