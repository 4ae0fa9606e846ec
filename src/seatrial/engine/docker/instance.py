"""One container: its life from "create" to the removal of the last trace.

Where the engine runs on this machine and we are root, what must be exact comes from the kernel: the moment of a signal
and of the end by a pidfd of PID 1, processes and sockets from /proc, load from inside its network namespace. Else from
the engine's API, through a published port; `approximations` says what that hides.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from seatrial.engine.contract import exit_codes
from seatrial.engine.docker import executing, seeing
from seatrial.engine.docker.client import Calls, Stream, attach, post, said
from seatrial.engine.docker.failing import start_failure
from seatrial.engine.docker.published import Published
from seatrial.engine.docker.watching import Watch
from seatrial.engine.interface import Ended, ExecResult, Listener, Notice, Output, ProcessState
from seatrial.engine.native.execution import Helpers
from seatrial.engine.pidfds import exit_signal

STREAMS = ("stdout", "stderr")
NOTED = ("start", "die", "oom", "health_status", "restart", "stop")
"""What the engine tells that says something about the service."""
END_DEADLINE = 10.0
STAYS_DOWN = 1.0
"""Seconds after which a container that should come back, and did not, has ended for good."""
LOOK = 0.02
_NUMBERED = range(exit_codes.SIGNALLED + 1, exit_codes.SIGNALLED + 65)


@dataclass(frozen=True, slots=True)
class About:
    """What has to be known of a container besides its processes. `is_here`: its processes may be looked for on this
    machine; `published`: its ports are published, and `host` is where; `comes_back`: the engine starts it again;
    `depends_on`: the containers that it depends on, in the order of its files."""

    init: str = ""
    tty: bool = False
    is_here: bool = True
    published: bool = False
    host: str = "127.0.0.1"
    comes_back: bool = False
    depends_on: tuple[str, ...] = ()
    approximations: tuple[str, ...] = ()
    enforcement: tuple[str, ...] = ()


class DockerInstance:
    """A container; made by `DockerEngine.start`."""

    def __init__(self, calls: Calls, watch: Watch, container: str, about: About) -> None:
        loop = asyncio.get_running_loop()
        self.container = container
        self.about = about
        self.notices: tuple[Notice, ...] = ()
        self.restarts = 0
        self._calls = calls
        self._watch = watch
        self._loop = loop
        self._started = time.monotonic()
        self._first: seeing.First | None = None
        self._table = seeing.Table(container)
        self._published: Published | None = None
        self._helpers = Helpers()
        self._stream: Stream | None = None
        self._outputs: asyncio.Future[float] = loop.create_future()
        self._ended: asyncio.Future[Ended] = loop.create_future()
        self._ended_at = 0.0
        self._oom_kills = 0
        self._asking: asyncio.Task[None] | None = None
        self._rejoining: asyncio.Task[None] | None = None
        self._launched = False
        self._closing: asyncio.Task[None] | None = None
        watch.add(container, self._hear)

    # --- the start ---

    async def launch(self, on_output: Callable[[Output], None]) -> None:
        """Start it. StartError if the engine can't; a command that can't be executed is an end with 126 or 127."""
        from docker.errors import DockerException

        api, container = self._calls.api, self.container
        try:  # podman sets a container up when its output is asked for, docker when it is started
            self._stream = await self._calls(lambda: attach(api, container, tty=self.about.tty))
            threading.Thread(target=self._read, args=(self._stream, on_output), daemon=True).start()
            begun = time.monotonic()
            await self._calls(lambda: api.start(container))
        except DockerException as error:
            self._end_at_start(on_output, *start_failure(said(error)))
            return
        done = time.monotonic()
        told = await self._calls(lambda: api.inspect_container(container))
        self._started = min(max(moment(told["State"]["StartedAt"], done), begun), done)
        self._find(told)
        self._launched = True

    def _find(self, told: Mapping[str, Any]) -> None:
        """Take hold of what runs now."""
        if self.about.is_here:
            self._hold(int(told["State"].get("Pid") or 0))
        if self.about.published and self._published is None:
            self._published = Published(self._calls, self.container, self.about.host, told, self._pid)

    def _end_at_start(self, on_output: Callable[[Output], None], code: int, error: str) -> None:
        self._started = time.monotonic()
        self._note_output_end(on_output, self._started)
        self._ended.set_result(Ended(self._started, code, 0, 0, error))

    def _hold(self, told: int) -> None:
        self._first = seeing.find(self.container, told)
        if self._first is not None:
            self._loop.add_reader(self._first.descriptor, self._note_end)

    def _pid(self) -> int:
        return self._first.pid if self._first is not None else 0

    async def is_elsewhere(self) -> bool:
        """Whether it runs, and its processes are not to be seen on this machine. One that has just ended is not."""
        for _ in range(2):
            if self._first is not None or self._ended.done():
                return False
            told = await self._calls(lambda: self._calls.api.inspect_container(self.container))
            if not told["State"].get("Running"):
                return False
            self._find(told)
        return self._first is None

    def _read(self, stream: Stream, on_output: Callable[[Output], None]) -> None:
        """In a thread of its own, until the end of the output."""
        for name, data in stream.frames():
            post(self._loop, on_output, Output(time.monotonic(), name, data))
        post(self._loop, self._note_output_end, on_output, time.monotonic())

    def _note_output_end(self, on_output: Callable[[Output], None], now: float) -> None:
        if not self._outputs.done():
            self._outputs.set_result(now)
            for name in STREAMS:
                on_output(Output(now, name, b""))

    # --- the end ---

    def _note_end(self) -> None:
        """PID 1 has ended, by the kernel's word."""
        self._ended_at = self._ended_at or time.monotonic()
        if self._first is not None:
            self._loop.remove_reader(self._first.descriptor)

    def _hear(self, action: str, now: float) -> None:
        """The engine told of something."""
        if action.startswith(NOTED):
            self.notices = (*self.notices, Notice(now, action))
        if action == "oom":
            self._oom_kills += 1
        elif self.about.comes_back and action in ("die", "died", "start"):
            self._on_restart(action, now)
        elif action in ("die", "died", "") and self._asking is None and not self._ended.done():
            self._ended_at = self._ended_at or now
            self._asking = asyncio.create_task(self._ask_how())

    def _on_restart(self, action: str, now: float) -> None:
        """It has ended and may be back, or is back: with another PID 1, in a new network."""
        if action != "start":
            ended_at, self._ended_at = self._ended_at or now, 0.0
            self._let_go()
            self._asking = asyncio.create_task(self._stay_down(ended_at))
        elif self._launched:
            self._rejoining = asyncio.create_task(self._rejoin())

    async def _stay_down(self, ended_at: float) -> None:
        """Tell its end, unless the engine starts it again; podman's word for that comes a moment later."""
        from docker.errors import DockerException

        deadline = time.monotonic() + STAYS_DOWN
        with contextlib.suppress(DockerException, OSError):
            while time.monotonic() < deadline:
                state = (await self._calls(lambda: self._calls.api.inspect_container(self.container)))["State"]
                if state.get("Running") or state.get("Restarting"):
                    return
                await asyncio.sleep(LOOK)
        self._ended_at = ended_at
        await self._ask_how()

    async def _rejoin(self) -> None:
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):  # it has ended again: the next start is told, too
            told = await self._calls(lambda: self._calls.api.inspect_container(self.container))
            self._find(told)
            self.restarts += 1

    async def _ask_how(self) -> None:
        """How it ended, as the engine has it."""
        from docker.errors import DockerException

        api = self._calls.api
        state: dict[str, Any] = {"Running": True}
        error = ""
        try:
            while state.get("Running"):
                state = (await self._calls(lambda: api.inspect_container(self.container)))["State"]
                await asyncio.sleep(LOOK if state.get("Running") else 0)
        except (DockerException, OSError) as failed:
            state, error = {}, f"the engine does not say how it ended: {said(failed)}"
        code = int(state.get("ExitCode", exit_codes.KILLED))
        kills = max(self._oom_kills, int(bool(state.get("OOMKilled"))))
        error = error or str(state.get("Error") or "")
        if not self._ended.done():
            self._ended.set_result(Ended(self._ended_at, code, self._signal(code), kills, error))

    def _signal(self, code: int) -> int:
        """What killed PID 1: by the kernel's word, else by its exit code."""
        told = exit_signal(self._first.descriptor) if self._first is not None else None
        if told is not None:
            return told
        return code - exit_codes.SIGNALLED if code in _NUMBERED else 0

    # --- an instance ---

    @property
    def started(self) -> float:
        """When the engine started it, by the engine's own clock."""
        return self._started

    @property
    def init(self) -> str:
        """The name of the init that is PID 1, or empty."""
        return self.about.init

    @property
    def approximations(self) -> tuple[str, ...]:
        """What differs here from the real image, one sentence each."""
        return self.about.approximations

    @property
    def enforcement(self) -> tuple[str, ...]:
        """The limits in force and how, and those that could not be enforced."""
        return self.about.enforcement

    @property
    def shares_network(self) -> bool:
        """Whether what runs beside it is in its own network."""
        return self._first is not None and self._first.network >= 0

    async def signal(self, number: int) -> float:
        """Send a signal to PID 1; returns the moment. ProcessLookupError if it has ended."""
        if self._ended.done() or self._ended_at:
            raise ProcessLookupError("PID 1 has ended")
        now = time.monotonic()
        if self._first is not None:
            with contextlib.suppress(PermissionError):
                self._first.signal(number)
                return now
        await self._ask_for_signal(number)
        return now

    async def _ask_for_signal(self, number: int) -> None:
        from docker.errors import APIError

        try:
            await self._calls(lambda: self._calls.api.kill(self.container, number))
        except APIError as error:
            if error.status_code in (404, 409):
                raise ProcessLookupError("PID 1 has ended") from error
            raise

    async def wait(self) -> Ended:
        """Wait for PID 1 to end. May be awaited any number of times."""
        return await asyncio.shield(self._ended)

    async def wait_output(self) -> float:
        """Wait for the end of both output streams; returns the moment."""
        return await asyncio.shield(self._outputs)

    def processes(self) -> tuple[ProcessState, ...]:
        """The processes alive (or zombies) now; none where they can't be seen from here."""
        return self._table.now() if self._first is not None and not self._ended.done() else ()

    def listeners(self) -> tuple[Listener, ...]:
        """What listens now, as it is to be reached from here."""
        if self._ended.done():
            return ()
        if self._published is not None:
            return self._published.listeners()
        return seeing.listeners(self._first.pid) if self._first is not None else ()

    async def execute(self, argv: Sequence[str], *, timeout: float, as_root: bool = False) -> ExecResult:
        """Run a command inside by the engine's own exec. At the timeout its whole process tree is killed."""
        now = time.monotonic()
        if self._ended.done() or self._closing:
            return ExecResult(None, "", now, now, "the instance has ended")
        user = "0" if as_root else ""
        api, container = self._calls.api, self.container
        return await self._calls(lambda: executing.execute(api, container, argv, timeout, user))

    async def spawn_beside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        """Run a program of the host in the container's network namespace only; in our own where we may not enter it."""
        if self._closing:
            raise ProcessLookupError("the instance has ended")
        namespaces = {"net": self._first.network} if self._first is not None and self.shares_network else {}
        return await self._helpers.spawn_beside(argv, namespaces, tuple(pass_fds))

    async def spawn_near_dependencies(self, argv: Sequence[str]) -> asyncio.subprocess.Process:
        """The same in the network of the first container that it depends on and that still runs: its own has no way
        there once it has ended. In its own where it depends on none."""
        if not self.about.depends_on:
            return await self.spawn_beside(argv)
        first = await self._first_dependency()
        if self._closing or first is None:
            raise ProcessLookupError("what it depends on has ended")
        try:
            return await self._helpers.spawn_beside(argv, {"net": first.network}, ())
        finally:
            first.close()

    async def _first_dependency(self) -> seeing.First | None:
        api = self._calls.api
        for container in self.about.depends_on:
            told = await self._calls(partial(api.inspect_container, container))
            if (found := seeing.find(container, int(told["State"].get("Pid") or 0))) is not None:
                return found
        return None

    async def close(self) -> None:
        """Kill whatever is left and remove the container with its volumes. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        from docker.errors import DockerException

        await self._helpers.close()
        if self._published is not None:
            await self._published.close()
        api, container = self._calls.api, self.container
        with contextlib.suppress(DockerException, OSError):  # it may be gone: the trial's end looks again
            await self._calls(lambda: api.remove_container(container, v=True, force=True))
        self._watch.remove(container)
        for task in (self._asking, self._rejoining):
            if task is not None:
                await asyncio.wait({task}, timeout=END_DEADLINE)
        if not self._ended.done():
            error = "closed while it ran"
            self._ended.set_result(Ended(time.monotonic(), exit_codes.KILLED, 9, self._oom_kills, error))
        if self._stream is not None:
            self._stream.close()
        if not self._outputs.done():
            self._outputs.set_result(time.monotonic())
        self._let_go()

    def _let_go(self) -> None:
        if self._first is not None:
            self._loop.remove_reader(self._first.descriptor)
            self._first.close()
            self._first = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def moment(told: str, otherwise: float) -> float:
    """A time of the engine's clock ("2026-11-21T19:42:39.006012319Z") on our monotonic one."""
    whole, _, fraction = told.rstrip("Z").partition(".")
    try:
        wall = datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
    except ValueError:
        return otherwise
    return time.monotonic() - (time.time() - wall)
