"""What a distributed engine is to a drill: a service that runs there already, and whose replicas it replaces itself.

    async with SwarmService("api", UpdateOrder.START_FIRST) as service:
        await service.perform(service.steps[0])

It starts and stops nothing itself: it asks the engine for a replacement, once, and watches. What the engine makes of it
stays as it is. Times are absolute `time.monotonic()` seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Any, Protocol, Self

from seatrial.model.recording import Machine, Replica
from seatrial.model.service import DEFAULT_GRACE


class UpdateOrder(Enum):
    """What comes first where one replica takes the place of another."""

    START_FIRST = "start-first"
    STOP_FIRST = "stop-first"


@dataclass(frozen=True, slots=True)
class Described:
    """What the engine says of a service. `address` is where it is reached by what the engine itself publishes; "" where
    it publishes nothing that is known. `secrets` are values of its environment and files that must not be shown."""

    name: str
    machine: Machine
    argv: tuple[str, ...] = ()
    grace: float = DEFAULT_GRACE
    stop_signal: str = "SIGTERM"
    address: str = ""
    secrets: tuple[str, ...] = ()


class Distributed(Protocol):
    """A service on a distributed engine, watched from its entry to its exit as a context manager."""

    @property
    def steps(self) -> Sequence[str]:
        """The replacements that it can be asked for, in this order, each with how the engine goes about it."""

    @property
    def left(self) -> str:
        """What an end in the middle leaves behind, in a sentence; "" where nothing was asked for yet."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def described(self) -> Described:
        """What was found at the entry."""

    async def perform(self, step: str) -> None:
        """Ask for a replacement; returns when the engine has taken it on."""

    def settled(self) -> str | None:
        """Whether the replacement that was asked for last is over: None as long as it isn't, "" when all went well,
        else what went wrong."""

    def replicas(self) -> tuple[Replica, ...]:
        """All replicas that were seen, the oldest first."""


def since(replica: Replica, zero: float) -> Replica:
    """A replica with its times counted from `zero`; what was before it is not told."""
    names = ("created", "started", "ready", "told", "removed", "signalled", "closed", "ended")
    times = ((name, getattr(replica, name)) for name in names)
    moved: dict[str, Any] = {
        name: round(time - zero, 6) if time is not None and time >= zero else None for name, time in times
    }
    return replace(replica, **moved)
