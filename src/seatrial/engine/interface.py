"""What an engine is: it runs a service under Docker's contract and lets others watch and disturb it.

    engine = NativeEngine()
    async with await engine.start(service, StartOptions(on_output=...)) as instance:
        await instance.signal(signal.SIGTERM)
        ended = await instance.wait()

An engine acts and observes; it decides nothing about verdicts. Times are absolute `time.monotonic()` seconds.
Errors: `UnsupportedError` (this machine cannot; nothing was started), `InputError` (the service can't be started as its
files say), `StartError` (the set-up of the instance failed: which step, and errno's text).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from seatrial.model.errors import SeatrialError
from seatrial.model.recording import Machine
from seatrial.model.service import Service


class StartError(SeatrialError):
    """The instance could not be set up. `step` names what failed; the command itself was not run. `code` is the exit
    code that an engine gives for it: 128, or 126 and 127 where the command can't be executed."""

    def __init__(self, step: str, message: str, *, hint: str = "", code: int = 128) -> None:
        super().__init__(f"{step}: {message}", hint=hint)
        self.step = step
        self.code = code


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of the instance's output as it was read: `stream` is "stdout" or "stderr"; an empty `data` is its end."""

    time: float
    stream: str
    data: bytes


def _drop(_output: Output) -> None:
    """Forget a piece of output: what happens where nobody asked for it."""


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How to start one instance.

    `environment` is added to the service's own (over it). `init` overrides the service's wish where not None.
    `on_output` is called in the event loop's thread for each piece of output, in order per stream. `network` is "own"
    (a loopback that nobody else sees) or "host" (the machine's own); `hosts` are names with their addresses that the
    instance finds besides. `inherited` are descriptors that it gets from 3 on. `lasting`: what it writes to its
    binds stays; else it is forgotten, and the host's files never change. `gate`: everything is made ready, and the
    command is executed when this is set (only for an instance that is kept and stays).
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    init: bool | None = None
    on_output: Callable[[Output], None] = _drop
    network: str = "own"
    hosts: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[int, ...] = ()
    lasting: bool = False
    gate: asyncio.Event | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How PID 1 ended: `code` by the contract (128+N), `signal` 0 or N, `oom_kills` in the instance's cgroup;
    126/127 with `error` set when the command could not be executed."""

    time: float
    code: int
    signal: int = 0
    oom_kills: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process of the instance now. `pid` and `parent` in the instance's PID namespace (parent 0: outside).

    `state` is the letter of /proc/PID/stat; `handles`, `ignores` and `blocks` are signal numbers (SigCgt, SigIgn, and
    the main thread's SigBlk; None where it is not known).
    `start_ticks` tells two processes with one pid apart.
    """

    pid: int
    parent: int
    host_pid: int
    start_ticks: int
    state: str
    argv: tuple[str, ...]
    user: int
    handles: tuple[int, ...]
    ignores: tuple[int, ...]
    blocks: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket in LISTEN, or a Unix stream socket that listens. `family` as in `Target`; `address` as to connect
    to (a wildcard is given as the loopback address of its family)."""

    family: str
    address: str
    port: int
    wildcard: bool = False


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command inside the instance did. `code` is None if it was killed at its timeout; output is merged and cut
    to 4096 bytes, as for Docker's health checks."""

    code: int | None
    output: str
    begun: float
    ended: float
    error: str = ""


class Instance(Protocol):
    """One running copy of a service."""

    @property
    def started(self) -> float:
        """When PID 1 executed the command."""

    @property
    def init(self) -> str:
        """The name of the init that is PID 1, or empty."""

    @property
    def approximations(self) -> tuple[str, ...]:
        """What differs here from the real image, one sentence each."""

    @property
    def enforcement(self) -> tuple[str, ...]:
        """The limits in force and how ("memory 512 MiB: cgroup1"), and those that could not be enforced."""

    async def signal(self, number: int) -> float:
        """Send a signal to PID 1; returns the moment. ProcessLookupError if it has ended."""

    async def wait(self) -> Ended:
        """Wait for PID 1 to end. May be awaited any number of times."""

    async def wait_output(self) -> float:
        """Wait for the end of both output streams; returns the moment."""

    def processes(self) -> tuple[ProcessState, ...]:
        """The processes alive (or zombies) now."""

    def listeners(self) -> tuple[Listener, ...]:
        """What listens now in the instance's network namespace."""

    async def execute(self, argv: Sequence[str], *, timeout: float, as_root: bool = False) -> ExecResult:
        """Run a command inside the instance's namespaces with its environment, user and working directory.
        At the timeout its whole process tree is killed."""

    async def spawn_beside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        """Run a program of the host in the instance's network (and user) namespace only: the load generator.

        It has pipes on its stdin, stdout and stderr, and is killed when seatrial dies.
        """

    async def close(self) -> None:
        """Kill whatever is left and remove every trace: processes, mounts, cgroup, directories. Idempotent."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """Something that runs services."""

    def machine(self) -> Machine:
        """Where this is, and what it can enforce. Raises UnsupportedError if nothing can be started at all."""

    async def start(self, service: Service, options: StartOptions) -> Instance:
        """Start one instance."""
