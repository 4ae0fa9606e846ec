"""What the supervisor needs of an engine, and what it says of instances. Types and values only."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from seatrial.engine.interface import Instance as Running
from seatrial.model.deployment import Deployment

KEPT = "kept"
"""What the engine keeps of an instance, below its directory."""


def log_file(directory: Path, identity: str) -> Path:
    """The current log file of the instance in this directory."""
    return directory / KEPT / f"{identity}-json.log"


@dataclass(frozen=True, slots=True)
class Berth:
    """Where one instance belongs: its name and number, and the directory that outlives it.

    `hosts` are names that it finds beside those of the machine, with their addresses; `environment` is added to the
    service's own; `inherited` are listening descriptors that it gets (LISTEN_FDS); `own_network`: a loopback that it
    alone has, instead of the machine's network; `plug` connects that with the project's, and `hosts_file` has the names
    there.
    """

    identity: str
    name: str
    number: int
    directory: Path
    hosts: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[int, ...] = ()
    own_network: bool = False
    plug: Callable[[int], Awaitable[None]] | None = None
    hosts_file: Path | None = None

    @property
    def short(self) -> str:
        """The beginning of its identity: its host name, where nobody says another."""
        return self.identity[:12]

    @property
    def log(self) -> Path:
        """The current file of its log; rotated ones lie beside it."""
        return log_file(self.directory, self.identity)


class Instance(Running, Protocol):
    """An instance as a supervisor needs it: it can also be frozen, and ended whole."""

    def freeze(self, *, is_frozen: bool) -> None:
        """Freeze all processes, or let them go on. Raises OSError."""

    def kill_all(self) -> None:
        """SIGKILL to all processes that are left of it, wherever they came from."""

    def new_socket(self, family: int) -> socket.socket:
        """A TCP socket in its network, for a probe. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is left of an instance whose supervisor died: it runs (`instance`), or it ended meanwhile.

    `code` is None where nobody saw its end (the machine went down, or its shim was killed). `ended` is on the monotonic
    clock, None where not known.
    """

    instance: Instance | None = None
    code: int | None = None
    oom_kills: int = 0
    ended: float | None = None


class Harbour(Protocol):
    """Starts instances that outlive the supervisor, and finds them again."""

    async def start(self, deployment: Deployment, berth: Berth, gate: asyncio.Event | None = None) -> Instance:
        """Start one; with a gate all but the last step is done before that is set. Raises StartError (`code` by the
        contract), InputError and UnsupportedError."""

    async def find(self, berth: Berth) -> Found:
        """What became of the instance that was last started in this directory."""

    async def let_go(self, instance: Instance) -> None:
        """Close what names it here; it runs on."""

    def log_files(self, deployment: Deployment, berth: Berth) -> int:
        """How many files its log has at most."""

    async def remove(self, berth: Berth) -> None:
        """Remove what the engine keeps in the directory. Raises OSError."""
