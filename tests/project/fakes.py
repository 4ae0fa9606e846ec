"""A harbour whose instances are values: they end when told to, and remember what was done to them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from seatrial.engine.interface import Ended, ExecResult, Listener, ProcessState, StartError
from seatrial.model.deployment import Deployment
from seatrial.project.interface import Berth, Found, Instance


class FakeInstance:
    """An instance that ends on SIGTERM (unless it is deaf) and SIGKILL, or when `end` is called."""

    def __init__(self, name: str, journal: list[str]) -> None:
        self.name = name
        self.deaf = False
        self.probe_codes: list[int] = []
        self.closed = False
        self._journal = journal
        self._ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.started = time.monotonic()
        self.init = ""
        self.approximations: tuple[str, ...] = ()
        self.enforcement: tuple[str, ...] = ()

    def end(self, code: int, oom_kills: int = 0) -> None:
        if not self._ended.done():
            self._journal.append(f"end {self.name} {code}")
            self._ended.set_result(Ended(time.monotonic(), code, oom_kills=oom_kills))

    @property
    def is_over(self) -> bool:
        return self._ended.done()

    async def signal(self, number: int) -> float:
        if self._ended.done():
            raise ProcessLookupError
        self._journal.append(f"signal {self.name} {number}")
        if number == 9:
            self.end(137)
        elif number == 15 and not self.deaf:
            self.end(0)
        return time.monotonic()

    def freeze(self, *, is_frozen: bool) -> None:
        self._journal.append(f"{'freeze' if is_frozen else 'thaw'} {self.name}")

    def kill_all(self) -> None:
        self._journal.append(f"kill all of {self.name}")
        self.end(137)

    async def wait(self) -> Ended:
        return await asyncio.shield(self._ended)

    async def wait_output(self) -> float:
        return time.monotonic()

    def new_socket(self, family: int) -> socket.socket:
        return socket.socket(family)

    def processes(self) -> tuple[ProcessState, ...]:
        return ()

    def listeners(self) -> tuple[Listener, ...]:
        return ()

    async def execute(self, argv: Sequence[str], *, timeout: float, as_root: bool = False) -> ExecResult:
        self._journal.append(f"execute {self.name} {' '.join(argv)}")
        now = time.monotonic()
        code = self.probe_codes.pop(0) if self.probe_codes else 0
        return ExecResult(code, "output", now, now)

    async def spawn_beside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        raise NotImplementedError

    async def spawn_near_dependencies(self, argv: Sequence[str]) -> asyncio.subprocess.Process:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class FakeHarbour:
    """Starts fake instances; `journal` has what happened in its order, `failing` names that can't be started."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        self.running: dict[str, FakeInstance] = {}
        self.left: dict[str, Found] = {}
        self.failing: set[str] = set()
        self.deaf: set[str] = set()
        self.probe_codes: dict[str, list[int]] = {}
        self.enforcement: tuple[str, ...] = ()

    async def start(self, deployment: Deployment, berth: Berth, gate: asyncio.Event | None = None) -> FakeInstance:
        if gate is not None:
            await gate.wait()
        if berth.name in self.failing:
            raise StartError("execute", "no such file")
        self.journal.append(f"start {berth.name}")
        instance = FakeInstance(berth.name, self.journal)
        instance.deaf = berth.name in self.deaf
        instance.probe_codes = self.probe_codes.get(berth.name, [])
        instance.enforcement = self.enforcement
        self.running[berth.name] = instance
        return instance

    async def find(self, berth: Berth) -> Found:
        return self.left.get(berth.name, Found())

    async def let_go(self, instance: Instance) -> None:
        self.journal.append("let go")

    def log_files(self, deployment: Deployment, berth: Berth) -> int:
        return 5

    async def remove(self, berth: Berth) -> None:
        self.journal.append(f"remove {berth.name}")
        for path in sorted(berth.directory.rglob("*"), reverse=True):
            path.unlink()
        berth.directory.rmdir()
