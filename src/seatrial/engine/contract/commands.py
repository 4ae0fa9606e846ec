"""What the composed machine tells its driver to do, and what the driver and people tell the machine. Values only.

Every command carries its cause, a few words for logs and people: whose wish or what happening led to it. A driver
carries commands out in their order and decides nothing. What it reports names the run (or the probe) that it is about,
so that news of a run that is over change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seatrial.engine.contract.health import Check, Result


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do. `cause` says why."""

    cause: str


@dataclass(frozen=True, slots=True)
class Start(Command):
    """Start a run. Answer with `Started` or `StartFailed`, always, and soon."""

    run: int


@dataclass(frozen=True, slots=True)
class Signal(Command):
    """Send a signal to PID 1. Answer with `SignalFailed` if it can't be sent though the run goes on."""

    run: int
    number: int


@dataclass(frozen=True, slots=True)
class Kill(Command):
    """SIGKILL to PID 1; `everything`: to all that is left of the instance, by its cgroup."""

    run: int
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Freeze(Command):
    """Freeze all processes."""

    run: int


@dataclass(frozen=True, slots=True)
class Thaw(Command):
    """Let them go on."""

    run: int


@dataclass(frozen=True, slots=True)
class Probe(Command):
    """Probe, kill its whole tree at the timeout of the check, and answer with `Probed`."""

    run: int
    number: int
    check: Check


@dataclass(frozen=True, slots=True)
class EndProbe(Command):
    """Nobody waits for this probe any more: kill it if it still runs."""

    run: int
    number: int


@dataclass(frozen=True, slots=True)
class Remove(Command):
    """Remove every trace of the instance. Answer with `RemovalDone` or `RemovalFailed`."""


@dataclass(frozen=True, slots=True)
class Emit(Command):
    """Tell an event to all who listen, in Docker's words: its action, and the attributes that belong to the action."""

    action: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report(Command):
    """Tell people what went wrong; `cause` is the message."""


@dataclass(frozen=True, slots=True)
class Refuse(Command):
    """The wish can't be fulfilled; `cause` says why. `status` as in Docker's API: 304 it is so already, 404, 409."""

    status: int


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that people, the project or the supervisor ask for. `by` names who, for the cause."""

    by: str = field(default="asked for", kw_only=True)


@dataclass(frozen=True, slots=True)
class StartAsked(Wish):
    """Start it."""


@dataclass(frozen=True, slots=True)
class StopAsked(Wish):
    """Stop it. `signal` and `grace` (seconds) override the service's. `is_shutdown`: the supervisor ends, nobody
    stopped it by hand, and the next supervisor may start it again."""

    signal: int | None = None
    grace: float | None = None
    is_shutdown: bool = False


@dataclass(frozen=True, slots=True)
class RestartAsked(Wish):
    """Stop it if it runs, and start it."""

    signal: int | None = None
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class KillAsked(Wish):
    """Send a signal."""

    signal: int = 9


@dataclass(frozen=True, slots=True)
class PauseAsked(Wish):
    """Freeze it."""


@dataclass(frozen=True, slots=True)
class UnpauseAsked(Wish):
    """Let it go on."""


@dataclass(frozen=True, slots=True)
class RemoveAsked(Wish):
    """Remove it; `force` kills it first if it runs."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """The command of the run was executed."""

    run: int


@dataclass(frozen=True, slots=True)
class StartFailed:
    """The run could not be started; `code` 126, 127 or 128 (exit_codes)."""

    run: int
    code: int
    error: str


@dataclass(frozen=True, slots=True)
class Exited:
    """PID 1 has ended. `ran_for`: its seconds, where they are known better than by the time of this report."""

    run: int
    code: int
    oom_kills: int = 0
    ran_for: float | None = None


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The kernel killed a process of the instance for memory."""

    run: int


@dataclass(frozen=True, slots=True)
class SignalFailed:
    """A signal could not be sent."""

    run: int


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe found."""

    run: int
    number: int
    result: Result


@dataclass(frozen=True, slots=True)
class RemovalDone:
    """Nothing is left."""


@dataclass(frozen=True, slots=True)
class RemovalFailed:
    """Something is left."""

    error: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The time of `wake_at` has come (or any other time: what isn't due isn't done)."""


Happening = (
    StartAsked
    | StopAsked
    | RestartAsked
    | KillAsked
    | PauseAsked
    | UnpauseAsked
    | RemoveAsked
    | Started
    | StartFailed
    | Exited
    | OutOfMemory
    | SignalFailed
    | Probed
    | RemovalDone
    | RemovalFailed
    | Tick
)
