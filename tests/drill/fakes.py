"""An engine and a load generator that do as they are told and write down what they were asked, one line a step."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from seatrial.engine.interface import (
    Ended,
    ExecResult,
    Listener,
    Notice,
    Output,
    ProcessState,
    StartOptions,
)
from seatrial.load.interface import LoadError, Plan, Result
from seatrial.model.place import Sourced
from seatrial.model.recording import Machine
from seatrial.model.service import Service
from seatrial.model.traffic import Exchange, Outcome, Population, Target

HTTP = Listener("ipv4", "127.0.0.1", 3000)


def service(*argv: str, **changes: Any) -> Service:
    """A service with a short grace period."""
    command = Sourced(argv or ("node", "server.js"))
    return Service("api", "/nowhere", command, **{"stop_grace": Sourced(0.2), **changes})


@dataclass
class Behaviour:
    """How instances behave. `exits_on` maps a signal to an exit code; any other is ignored. `lags` are the load
    generators' own latenesses, one run after the other."""

    exits_on: dict[int, int] = field(default_factory=lambda: {signal.SIGTERM: 0, signal.SIGINT: 0})
    exit_at_start: int | None = None
    listeners: tuple[Listener, ...] = (HTTP,)
    output: bytes = b"listening\n"
    probe: Callable[[Sequence[str]], ExecResult] | None = None
    requests: dict[str, float] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)
    start_errors: list[Exception] = field(default_factory=list)
    reaps: bool = True
    drains_for: float = 0.03
    load_failures: int = 0
    behind: tuple[str, ...] = ()
    """What stands at PID 1 in front of the program, which then is PID 2."""
    restarts: bool = False
    """What stands at PID 1 starts the program again."""
    handles: tuple[int, ...] = (15,)
    shell: Callable[[str], tuple[int, str]] = lambda _line: (0, "")
    ends_on_error: int | None = 1


class FakeProcess:
    """A relay that does as it is told, or a shell line with its exit code and output."""

    def __init__(self, said: tuple[int, str] = (0, "")) -> None:
        self.returncode, self._said = said
        self.stdin = self.stdout = self
        self.told: list[str] = []

    def write(self, data: bytes) -> None:
        self.told.append(data.decode())

    async def drain(self) -> None:
        return

    async def readline(self) -> bytes:
        return b"ok\n"

    async def communicate(self) -> tuple[bytes, bytes]:
        return self._said.encode(), b""

    async def wait(self) -> int:
        return self.returncode

    def kill(self) -> None:
        return

    terminate = kill


class FakeInstance:
    """One instance that needs no process."""

    init = ""
    approximations: tuple[str, ...] = ("no process at all",)
    enforcement: tuple[str, ...] = ("memory: not enforced",)
    notices: tuple[Notice, ...] = ()
    shares_network = True
    restarts = 0

    def __init__(self, engine: FakeEngine, argv: Sequence[str], options: StartOptions) -> None:
        self._engine = engine
        self._argv = tuple(argv)
        self.started = time.monotonic()
        self._end: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._orphan = False
        self._stopped: set[int] = set()
        self._program = 2
        behaviour = engine.behaviour
        options.on_output(Output(time.monotonic(), "stdout", behaviour.output))
        if behaviour.exit_at_start is not None:
            self._finish(behaviour.exit_at_start, 0)

    def _finish(self, code: int, number: int) -> None:
        if not self._end.done():
            self._end.set_result(Ended(time.monotonic(), code, number))

    async def signal(self, number: int) -> float:
        if self._end.done():
            raise ProcessLookupError
        self._engine.say(f"signal {signal.Signals(number).name}")
        if number == signal.SIGKILL:
            self._finish(137, 9)
        elif number in self._engine.behaviour.exits_on:
            loop = asyncio.get_running_loop()
            loop.call_later(self._engine.behaviour.drains_for, self._finish, self._engine.behaviour.exits_on[number], 0)
        return time.monotonic()

    def signal_one(self, state: ProcessState, number: int) -> bool:
        """A signal that reaches one process from outside."""
        self._engine.say(f"signal {signal.Signals(number).name} to {state.pid}")
        behaviour = self._engine.behaviour
        if number == signal.SIGSTOP:
            self._stopped.add(state.pid)
        elif number == signal.SIGPWR and behaviour.ends_on_error is not None:
            self._finish(behaviour.ends_on_error, 0)
        elif number == signal.SIGKILL and behaviour.restarts and state.pid != 1:
            self._program += 1
        elif number == signal.SIGKILL:
            self._finish(137, 9)
        return True

    async def wait(self) -> Ended:
        return await asyncio.shield(self._end)

    async def wait_output(self) -> float:
        return time.monotonic()

    def processes(self) -> tuple[ProcessState, ...]:
        if self._end.done():
            return ()
        behaviour = self._engine.behaviour
        front = behaviour.behind or self._argv
        first = ProcessState(1, 0, 0, 1, self._letter(1), front, 0, behaviour.handles, ())
        if behaviour.behind:
            pid = self._program
            return (first, ProcessState(pid, 1, 0, pid, self._letter(pid), self._argv, 0, behaviour.handles, ()))
        zombie = ProcessState(12, 1, 0, 2, "Z", (), 0, (), ())
        return (first, zombie) if self._orphan and not self._engine.behaviour.reaps else (first,)

    def _letter(self, pid: int) -> str:
        return "T" if pid in self._stopped else "S"

    def listeners(self) -> tuple[Listener, ...]:
        return () if self._end.done() else self._engine.behaviour.listeners

    async def execute(self, argv: Sequence[str], *, timeout: float, as_root: bool = False) -> ExecResult:
        now = time.monotonic()
        if argv[0] == "/bin/sh" and "sleep" in argv[-1]:
            self._engine.say("orphan")
            self._orphan = True
            return ExecResult(0, "12\n", now, now)
        self._engine.say(f"probe {' '.join(argv)}")
        assert self._engine.behaviour.probe is not None
        return self._engine.behaviour.probe(argv)

    async def spawn_beside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> Any:
        self._engine.beside.append(tuple(argv))
        if argv[0] == "/bin/sh":
            return FakeProcess(self._engine.behaviour.shell(argv[2]))
        return FakeProcess() if "seatrial.load.relay" in argv else self._engine

    async def spawn_near_dependencies(self, argv: Sequence[str]) -> Any:
        return await self.spawn_beside(argv)

    async def close(self) -> None:
        self._engine.open.discard(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class FakeEngine:
    """Starts fake instances, and hands itself to the fake load generators as their process."""

    enters = True
    neighbours = None
    restarts = False

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.story: list[str] = []
        self.open: set[FakeInstance] = set()
        self.started = 0
        self.beside: list[tuple[str, ...]] = []

    def say(self, line: str) -> None:
        self.story.append(line)

    def machine(self) -> Machine:
        return Machine("fake", "0", 1, False)

    async def start(self, service: Service, options: StartOptions) -> FakeInstance:
        await asyncio.sleep(0)
        self.started += 1
        if self.behaviour.start_errors:
            raise self.behaviour.start_errors.pop()
        assert service.argv is not None
        instance = FakeInstance(self, service.argv.value, options)
        self.open.add(instance)
        self.say("start")
        return instance


class FakeLoad:
    """A load generator that has no connections. Requests take as long as `Behaviour.requests` says for their path."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    async def request(
        self, target: Target, path: str, timeout: float, population: Population = Population.OPEN_LOOP
    ) -> Exchange:
        begun = time.monotonic()
        takes = self._engine.behaviour.requests.get(path, 0.0)
        await asyncio.sleep(min(takes, timeout))
        done = Exchange(path, Outcome.COMPLETE, begun, begun, begun, time.monotonic(), 200)
        if takes > timeout:
            return replace(done, outcome=Outcome.TIMED_OUT, status=None, body_bytes=5)
        return done if takes >= 0 else replace(done, status=404)

    async def begin(self, plan: Plan) -> None:
        if self._engine.behaviour.load_failures:
            self._engine.behaviour.load_failures -= 1
            raise LoadError("the load generator was killed by signal 9")
        self._engine.say(
            f"load rate={plan.rate:g} idle={plan.idle} in_flight={plan.in_flight} held={plan.held} "
            f"slow={plan.slow_sender}+{plan.never_used}"
        )

    async def aim(self) -> float:
        self._engine.say("aim")
        return time.monotonic()

    async def signalled(self, when: float) -> None:
        self._engine.say("signalled")

    async def stop_sending(self) -> None:
        self._engine.say("stop sending")

    async def finish(self, within: float) -> Result:
        self._engine.say("finish")
        lags = self._engine.behaviour.lags
        return Result((), lags.pop(0) if lags else 0.0)

    async def close(self) -> None:
        return
