"""One running instance: its life from launch to the removal of the last trace."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal as signals
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from seatrial.engine.contract import exit_codes, stopping
from seatrial.engine.interface import Ended, ExecResult, Listener, Output, ProcessState, StartError, StartOptions
from seatrial.engine.native import execution, leftovers, sockets
from seatrial.engine.native.cgroups import Cgroups
from seatrial.engine.native.launching import Launcher, Message, start_error
from seatrial.engine.native.output import Reader
from seatrial.engine.native.plan import Host, Plan
from seatrial.engine.native.processes import ProcessTable

NAMESPACES = ("ipc", "uts", "net", "cgroup", "pid", "mnt")
START_DEADLINE = 60.0
OUTPUT_DEADLINE = 2.0


class NativeInstance:
    """An instance of the native engine; made by `launch`."""

    def __init__(self, plan: Plan, cgroups: Cgroups, host: Host, launcher: Launcher, options: StartOptions) -> None:
        loop = asyncio.get_running_loop()
        self._plan = plan
        self._cgroups = cgroups
        self._host = host
        self._launcher = launcher
        self._host_pid: asyncio.Future[int] = loop.create_future()
        self._prepared: asyncio.Future[list[str]] = loop.create_future()
        self._executing: asyncio.Future[float] = loop.create_future()
        self._ended: asyncio.Future[Ended] = loop.create_future()
        self._error: Message = {}
        self._notes: list[str] = []
        self._pidfd = -1
        self._namespaces: dict[str, int] = {}
        self._table: ProcessTable | None = None
        self._helpers = execution.Helpers()
        self._closing: asyncio.Task[None] | None = None
        self._on_output = options.on_output
        self._readers = [
            Reader(descriptor, functools.partial(self._pass_on, stream))
            for stream, descriptor in zip(("stdout", "stderr"), launcher.outputs, strict=True)
        ]
        launcher.listen(self._on_message, self._on_end)

    @classmethod
    async def launch(cls, plan: Plan, cgroups: Cgroups, host: Host, options: StartOptions) -> Self:
        """Start it; on any failure nothing is left."""
        instance = cls(plan, cgroups, host, Launcher.spawn(plan.launch), options)
        try:
            async with asyncio.timeout(START_DEADLINE):
                instance._notes = await instance._prepared
                instance._hold(await instance._host_pid)
                instance._launcher.go()
                await instance._executing
        except TimeoutError:
            await instance.close()
            raise StartError("launcher", f"the set-up took more than {START_DEADLINE:g} s") from None
        except OSError as error:
            await instance.close()
            raise StartError("launcher", f"PID 1 ended during the set-up ({error})") from error
        except BaseException:
            await instance.close()
            raise
        return instance

    def _hold(self, pid: int) -> None:
        """Open what names the instance for good, while its PID 1 waits for the word to go."""
        self._pidfd = os.pidfd_open(pid)
        names = ("user", *NAMESPACES) if self._host.user_namespace else NAMESPACES
        for name in names:
            self._namespaces[name] = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        mapped = (self._host.uid, self._plan.launch["map_uid"]) if self._host.user_namespace else None
        self._table = ProcessTable(str(Path(f"/proc/{pid}/ns/pid").readlink()), mapped)

    def _pass_on(self, stream: str, moment: float, data: bytes) -> None:
        self._on_output(Output(moment, stream, data))

    def _on_message(self, message: Message) -> None:
        for name, future in (
            ("host_pid", self._host_pid),
            ("prepared", self._prepared),
            ("executing", self._executing),
        ):
            if name in message and not future.done():  # it is done where the start was cancelled meanwhile
                future.set_result(message[name])
        if "error" in message:
            self._on_error(message["error"])
        if "ended" in message:
            self._on_ended(message["ended"])

    def _on_error(self, error: Message) -> None:
        if error["step"] == "execute":
            self._error = error
        else:
            self._fail(start_error(error))

    def _fail(self, error: StartError) -> None:
        """The set-up failed: whoever waits for it gets the error."""
        for future in (self._prepared, self._host_pid, self._executing):
            if not future.done():
                future.set_exception(error)
                future.exception()  # it is raised where it is awaited, once

    def _on_ended(self, ended: Message) -> None:
        code, number = exit_codes.of_wait_status(ended["status"])
        if not self._executing.done():
            self._fail(StartError("launcher", f"PID 1 ended during the set-up ({code})"))
        error = ""
        if self._error:
            code, error = exit_codes.of_execute_error(self._error["number"]), self._error["message"]
        if not self._ended.done():
            self._ended.set_result(Ended(ended["time"], code, number, ended["oom_kills"], error))

    def _on_end(self) -> None:
        """The launcher is gone: closed by us, or killed, and the instance with it."""
        self._fail(StartError("launcher", "it ended before the command was started"))
        if not self._ended.done():
            error = "closed while it ran" if self._closing else "the launcher was killed, and the instance with it"
            self._ended.set_result(Ended(time.monotonic(), exit_codes.KILLED, signals.SIGKILL, 0, error))

    @property
    def started(self) -> float:
        """When PID 1 executed the command."""
        return self._executing.result()

    @property
    def init(self) -> str:
        """The name of the init that is PID 1, or empty."""
        return self._plan.init

    @property
    def approximations(self) -> tuple[str, ...]:
        """What differs here from the real image, one sentence each."""
        return (*self._plan.approximations, *self._notes)

    @property
    def enforcement(self) -> tuple[str, ...]:
        """The limits in force and how, and those that could not be enforced."""
        return self._cgroups.enforcement

    async def signal(self, number: int) -> float:
        """Send a signal to PID 1; returns the moment. ProcessLookupError if it has ended."""
        if self._pidfd < 0 or self._ended.done():
            raise ProcessLookupError("PID 1 has ended")
        moment = time.monotonic()
        signals.pidfd_send_signal(self._pidfd, number)
        return moment

    async def stop(self, number: int, grace: float) -> tuple[Ended, bool]:
        """Stop by the contract: the signal to PID 1, the grace period, SIGKILL. Returns how it ended, and whether
        it had to be killed. TimeoutError if even SIGKILL didn't end it."""
        stop, commands = stopping.Stop(grace).on(stopping.Event.STOP, time.monotonic())
        while True:
            for command in commands:
                stop = await self._carry_out(command, number, stop)
            left = None if stop.deadline is None else max(0.0, stop.deadline - time.monotonic())
            try:
                return await asyncio.wait_for(self.wait(), left), stop.killed
            except TimeoutError:
                stop, commands = stop.on(stopping.Event.DEADLINE, time.monotonic())

    async def _carry_out(self, command: stopping.Command, number: int, stop: stopping.Stop) -> stopping.Stop:
        """One command of a stop; returns the stop after it."""
        if command is stopping.Command.GIVE_UP:
            raise TimeoutError("PID 1 did not end after SIGKILL")
        try:
            await self.signal(number if command is stopping.Command.SEND_STOP_SIGNAL else signals.SIGKILL)
        except ProcessLookupError:
            pass  # it has ended: `wait` says how
        except OSError:
            stop, _ = stop.on(stopping.Event.SIGNAL_FAILED, time.monotonic())
        return stop

    async def wait(self) -> Ended:
        """Wait for PID 1 to end. May be awaited any number of times."""
        return await asyncio.shield(self._ended)

    async def wait_output(self) -> float:
        """Wait for the end of both output streams; returns the moment."""
        await asyncio.wait([reader.ended for reader in self._readers])
        return max(reader.ended.result() for reader in self._readers)

    def processes(self) -> tuple[ProcessState, ...]:
        """The processes alive (or zombies) now."""
        return self._table.now() if self._table and not self._ended.done() else ()

    def listeners(self) -> tuple[Listener, ...]:
        """What listens now in the instance's network namespace."""
        return sockets.listeners(self._host_pid.result()) if not self._ended.done() else ()

    async def execute(self, argv: Sequence[str], *, timeout: float, as_root: bool = False) -> ExecResult:
        """Run a command inside the instance's namespaces with its environment, user and working directory.
        At the timeout its whole process tree is killed."""
        now = time.monotonic()
        if self._ended.done() or self._closing:
            return ExecResult(None, "", now, now, "the instance has ended")
        enter = execution.describe(self._plan.launch, argv, as_root=as_root)
        return await self._helpers.execute(enter, self._namespaces, self._cgroups.unified, timeout)

    async def spawn_beside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        """Run a program of the host in the instance's network (and user) namespace only: the load generator."""
        if self._closing:
            raise ProcessLookupError("the instance has ended")
        return await self._helpers.spawn_beside(argv, self._namespaces, tuple(pass_fds))

    async def close(self) -> None:
        """Kill whatever is left and remove every trace: processes, mounts, cgroup, directories. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._helpers.close()
        self._launcher.hang_up()
        await self._launcher.wait_gone()
        self._on_end()
        for reader in self._readers:
            await reader.stop(OUTPUT_DEADLINE)
        for descriptor in (self._pidfd, *self._namespaces.values()):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._pidfd = -1
        self._namespaces.clear()
        leftovers.remove(self._plan.launch["owned"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
