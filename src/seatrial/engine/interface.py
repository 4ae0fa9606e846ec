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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
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
    (a loopback that nobody else sees) or "host" (the machine's own); `hosts` are names that the instance
    finds besides, each with its addresses, separated by commas. `inherited` are descriptors that it gets from 3 on.
    `lasting`: what it writes to its binds stays; else it is forgotten, and the host's files never change. `gate`:
    everything is made ready, and the command is executed when this is set (only for an instance that is kept and
    stays). `plug` is called with PID 1's number while that waits, to connect its own network with others. `input` is a
    descriptor that it gets as its stdin (-1: there is nothing to read); `terminal` one of a terminal, which becomes its
    stdin, stdout and stderr, and controls it: its output is then there alone. `restart` is a policy by which the engine
    starts it again ("always", "on-failure:3"), where the engine does that; its end is then told when it stays down.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    init: bool | None = None
    on_output: Callable[[Output], None] = _drop
    network: str = "own"
    hosts: Mapping[str, str] = field(default_factory=dict)
    inherited: tuple[int, ...] = ()
    lasting: bool = False
    gate: asyncio.Event | None = None
    input: int = -1
    terminal: int = -1
    plug: Callable[[int], Awaitable[None]] | None = None
    restart: str = ""


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
    `start_ticks` tells two processes with one pid apart. `memory` is bytes of its own pages and `shared` of files and
    shared memory that it has mapped, `cpu` the seconds that it has run; 0 where an engine doesn't know.
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
    memory: int = 0
    shared: int = 0
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP socket in LISTEN, or a Unix stream socket that listens. `family` as in `Target`; `address` as to connect
    to (a wildcard is given as the loopback address of its family). `reached`: the port of `address` that leads there,
    where it is another one than the instance's own (0: it is the same)."""

    family: str
    address: str
    port: int
    wildcard: bool = False
    reached: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """What the engine itself told of an instance: "health_status: healthy", "oom", "die", "start"."""

    time: float
    what: str


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

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What the engine itself told of it so far; nothing where no engine but ours runs it."""

    @property
    def restarts(self) -> int:
        """How often the engine has started it again, by its policy. What ran beside it must be spawned anew then."""

    @property
    def shares_network(self) -> bool:
        """Whether what `spawn_beside` runs is in the instance's own network, and not before a published port of it."""

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

        It has pipes on its stdin, stdout and stderr, leads a process group of its own, and has a PID namespace and a
        /dev/shm to itself. All that it starts ends with it, at SIGTERM to it, and when seatrial dies.
        """

    async def spawn_near_dependencies(self, argv: Sequence[str]) -> asyncio.subprocess.Process:
        """The same where what the instance depends on is on 127.0.0.1, also after its end: in its own network, or where
        each has one to itself in that of the first which still runs. ProcessLookupError if none does."""

    async def close(self) -> None:
        """Kill whatever is left and remove every trace: processes, mounts, cgroup, directories. Idempotent."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Engine(Protocol):
    """Something that runs services."""

    @property
    def enters(self) -> bool:
        """Whether a program of the host can be run in an instance's own network (`Instance.spawn_beside`)."""

    @property
    def neighbours(self) -> Mapping[str, str] | None:
        """The addresses, by name, of what it has started for the service to depend on; None where it starts nothing."""

    @property
    def restarts(self) -> bool:
        """Whether it starts a single instance again by a policy (`StartOptions.restart`)."""

    def prepared(self, service: Service) -> AbstractAsyncContextManager[Service]:
        """All that instances of a service need besides themselves (its image, what it depends on), while this is
        entered: gives the service as it will be run."""

    def machine(self) -> Machine:
        """Where this is, and what it can enforce. Raises UnsupportedError if nothing can be started at all."""

    async def start(self, service: Service, options: StartOptions) -> Instance:
        """Start one instance."""
