"""One running instance: its life from launch to the removal of the last trace."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import json
import os
import signal as signals
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from seatrial.engine import probes
from seatrial.engine.contract import stopping
from seatrial.engine.interface import Ended, ExecResult, Listener, Notice, Output, ProcessState, StartError
from seatrial.engine.native import execution, failures, leftovers, sockets, terminals, watchdog
from seatrial.engine.native.description import Launch
from seatrial.engine.native.output import Reader
from seatrial.engine.native.processes import ProcessTable
from seatrial.engine.native.rotation import Compressor
from seatrial.engine.native.shim import Report, wait_readable

NAMESPACES = ("ipc", "uts", "net", "pid", "mnt")
OUTPUT_DEADLINE = 2.0
END_DEADLINE = 10.0
STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class About:
    """What has to be known of an instance besides its processes; it can be kept as JSON."""

    launch: Launch
    init: str
    approximations: tuple[str, ...]
    enforcement: tuple[str, ...]
    unified: str
    outer_uid: int
    watchdog: int | None = None
    """Bytes of resident memory above which all of it is killed, where no cgroup limits it."""
    affinity: Sequence[int] | None = None
    """The CPUs that it and all commands inside may use, where no cgroup says it; None: all."""
    nice: int | None = None
    scope: str = ""
    """The unit of systemd's user manager that limits it, or ""."""


class Parent(Protocol):
    """What an instance needs of its shim, whoever started that."""

    def hang_up(self) -> None:
        """Be its owner no longer."""

    async def wait_gone(self) -> None:
        """Wait for its end and for the end of what it tells."""

    def forget(self) -> None:
        """Listen no longer, and leave it alone."""


class NativeInstance:
    """An instance of the native engine; made by `starting.launch` and `keeping.adopt`."""

    def __init__(self, about: About, on_output: Callable[[Output], None]) -> None:
        loop = asyncio.get_running_loop()
        self.about = about
        self.parent: Parent | None = None
        self.host_pid: asyncio.Future[int] = loop.create_future()
        self.executing: asyncio.Future[float] = loop.create_future()
        self.skipped: collections.Counter[str] = collections.Counter()
        """How many attempts at a step failed that may fail, by what it was about."""
        self.troubles: list[str] = []
        """What went wrong with its log or its exit record, a line each."""
        self.compressor: Compressor | None = None
        self._ended: asyncio.Future[Ended] = loop.create_future()
        self._outputs: dict[str, asyncio.Future[float]] = {stream: loop.create_future() for stream in STREAMS}
        self._error = ""
        self._pidfd = -1
        self._namespaces: dict[str, int] = {}
        self._table: ProcessTable | None = None
        self._helpers = execution.Helpers()
        self._closing: asyncio.Task[None] | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._killed_for_memory = 0
        self._on_output = on_output
        self._readers: list[Reader] = []

    def read(self, stream: str, descriptor: int) -> None:
        """Pass on what comes from a pipe as the instance's output."""
        self._readers.append(Reader(descriptor, functools.partial(self._pass_on, stream)))

    def hold(self, pid: int, descriptor: int = -1) -> None:
        """Open what names the instance for good, while its PID 1 waits for the word to go, or runs: `descriptor` is
        that process's, where it is known by more than its number. ProcessLookupError if it has ended meanwhile."""
        self._pidfd = descriptor if descriptor >= 0 else os.pidfd_open(pid)
        is_mapped = self.about.launch["user_namespace"]
        names = ("user", *NAMESPACES) if is_mapped else NAMESPACES
        for name in names if self.about.launch["network"] == "own" else [each for each in names if each != "net"]:
            self._namespaces[name] = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        mapped = (self.about.outer_uid, self.about.launch["map_uid"]) if is_mapped else None
        self._table = ProcessTable(str(Path(f"/proc/{pid}/ns/pid").readlink()), mapped)
        signals.pidfd_send_signal(self._pidfd, 0)  # the number was its own all the time

    def hold_cgroup(self) -> None:
        """The namespace of cgroups too, which PID 1 made for itself before it executed the command."""
        with contextlib.suppress(OSError):  # it may have ended
            path = f"/proc/{self.host_pid.result()}/ns/cgroup"
            self._namespaces["cgroup"] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            signals.pidfd_send_signal(self._pidfd, 0)

    def _pass_on(self, stream: str, moment: float, data: bytes) -> None:
        if not data:
            self._note_output_end(stream, moment)
        self._on_output(Output(moment, stream, data))

    def _note_output_end(self, stream: str, moment: float) -> None:
        if not self._outputs[stream].done():
            self._outputs[stream].set_result(moment)

    def on_report(self, report: Report) -> None:
        """One line of what the shim tells."""
        word, rest = report.word, report.rest
        if word == "created" and not self.host_pid.done():  # it is done where the start was cancelled meanwhile
            self.host_pid.set_result(int(rest))
        elif word == "started" and not self.executing.done():
            self.hold_cgroup()
            self.executing.set_result(float(rest.split()[1]))
        elif word == "skipped":
            self.skipped[report.failure()[2]] += 1
        elif word == "error":
            self._on_error(report)
        elif word == "exited":
            self.on_exited(json.loads(rest))
        elif word == "output-ended" and not self._readers:
            self._note_output_end(rest, time.monotonic())
        elif word == "log-rotated" and self.compressor:
            self.compressor.wake()
        elif word in {"log-full", "log-error", "record-error"}:
            self.troubles.append(f"{word} {rest}")

    def _on_error(self, report: Report) -> None:
        step, number, about = report.failure()
        if step == "exec":
            self._error = f"{about}: {os.strerror(number)}"
        else:
            self.fail(failures.of_report(report, f"{self.about.launch['stage']}/root"))

    def fail(self, error: StartError) -> None:
        """The set-up failed: whoever waits for it gets the error."""
        for future in (self.host_pid, self.executing):
            if not future.done():
                future.set_exception(error)
                future.exception()  # it is raised where it is awaited, once

    def on_exited(self, record: dict[str, Any]) -> None:
        """The exit record, from the shim's mouth or from its file."""
        if self._error and not self.executing.done():
            self.executing.set_result(record["monotonic"])
        error = self._error or ("closed while it ran" if self._closing else "")
        if not self._ended.done():
            kills = record["oom_kills"] + self._killed_for_memory
            ended = Ended(record["monotonic"], record["code"], record["signal"], kills, error)
            self._ended.set_result(ended)

    def on_end(self) -> None:
        """The shim is gone: its work is done, or it was killed, and the instance has to go with it."""
        self.fail(StartError("shim", "it ended before the command was started"))
        if not self._ended.done():
            with contextlib.suppress(OSError):  # PID 1 may have changed its user, and so escaped its parent's end
                self._send(signals.SIGKILL)
            error = "closed while it ran" if self._closing else "the shim was killed, and the instance with it"
            self._ended.set_result(Ended(time.monotonic(), 128 + signals.SIGKILL, signals.SIGKILL, 0, error))
        if not self._readers:
            for stream in STREAMS:
                self._note_output_end(stream, time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether PID 1 has ended."""
        return self._ended.done()

    @property
    def started(self) -> float:
        """When PID 1 executed the command."""
        return self.executing.result()

    @property
    def init(self) -> str:
        """The name of the init that is PID 1, or empty."""
        return self.about.init

    @property
    def approximations(self) -> tuple[str, ...]:
        """What differs here from the real image, one sentence each."""
        return self.about.approximations

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Nothing: no engine but ours runs it."""
        return ()

    @property
    def restarts(self) -> int:
        """Never: that is a supervisor's work."""
        return 0

    @property
    def shares_network(self) -> bool:
        """Whether what `spawn_beside` runs is in the instance's own network."""
        return True

    @property
    def enforcement(self) -> tuple[str, ...]:
        """The limits in force and how, and those that could not be enforced."""
        return self.about.enforcement

    async def signal(self, number: int) -> float:
        """Send a signal to PID 1; returns the moment. ProcessLookupError if it has ended."""
        if self._pidfd < 0 or self._ended.done():
            raise ProcessLookupError("PID 1 has ended")
        moment = time.monotonic()
        self._send(number)
        return moment

    def _send(self, number: int) -> None:
        if self._pidfd < 0:
            raise ProcessLookupError("PID 1 has ended")
        signals.pidfd_send_signal(self._pidfd, number)

    def guard(self) -> None:
        """Watch its memory, where no cgroup does."""
        if self.about.watchdog is not None and not self._ended.done():
            looked_at = watchdog.watch(self._pids, self.about.watchdog, self._kill_for_memory)
            self._watchdog = asyncio.create_task(looked_at)
            self._ended.add_done_callback(lambda _ended: self._stop_guard())

    def _pids(self) -> list[int]:
        return [process.host_pid for process in self.processes()]

    def _kill_for_memory(self) -> None:
        self._killed_for_memory = 1
        self.kill_all()

    def _stop_guard(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()

    def freeze(self, *, is_frozen: bool) -> None:
        """Freeze all processes, or let them go on: by the cgroup, or one by one where there is no unified tree."""
        if self.about.unified:
            (Path(self.about.unified) / "cgroup.freeze").write_text("1" if is_frozen else "0", encoding="ascii")
            return
        seen: set[int] = set()
        while new := {process.host_pid for process in self.processes()} - seen:
            for pid in new:  # until no new one appears: one may be forking
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signals.SIGSTOP if is_frozen else signals.SIGCONT)
            seen |= new

    def kill_all(self) -> None:
        """SIGKILL to all processes that are left of it, wherever they came from."""
        for folder in self.about.launch["cgroups"]:
            leftovers.kill_all(folder)
        for process in self.processes():
            with contextlib.suppress(OSError):
                os.kill(process.host_pid, signals.SIGKILL)

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
        await asyncio.wait(self._outputs.values())
        return max(ended.result() for ended in self._outputs.values())

    def processes(self) -> tuple[ProcessState, ...]:
        """The processes alive (or zombies) now."""
        return self._table.now() if self._table and not self._ended.done() else ()

    def listeners(self) -> tuple[Listener, ...]:
        """What listens now in the instance's network namespace."""
        return sockets.listeners(self.host_pid.result()) if not self._ended.done() else ()

    def new_socket(self, family: int) -> socket.socket:
        """A TCP socket in its network namespace, or in the machine's where it has none. Raises OSError."""
        namespace = self._namespaces.get("net")
        return probes.new_socket(family) if namespace is None else probes.sockets_inside(namespace)(family)

    async def execute(self, argv: Sequence[str], *, timeout: float, as_root: bool = False) -> ExecResult:
        """Run a command inside the instance's namespaces with its environment, user and working directory.
        At the timeout its whole process tree is killed."""
        now = time.monotonic()
        if self._ended.done() or self._closing:
            return ExecResult(None, "", now, now, "the instance has ended")
        command = execution.Command(self.about, argv, self._namespaces, as_root=as_root)
        return await self._helpers.execute(command, timeout)

    async def attach(
        self, argv: Sequence[str], to: execution.Attached | None = None, *, as_root: bool = False
    ) -> tuple[int, str]:
        """Run a command inside with descriptors of ours, by default our own stdin, stdout and stderr: its exit code,
        and why it could not be run."""
        return await execution.attached(self.about, argv, self._namespaces, to or execution.Attached(), as_root=as_root)

    def new_terminal(self) -> tuple[int, int]:
        """A terminal of its own /dev/pts: master and slave. Raises OSError."""
        return terminals.new_inside(self.host_pid.result())

    async def spawn_beside(self, argv: Sequence[str], *, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        """Run a program of the host in the instance's network (and user) namespace only: the load generator."""
        if self._closing:
            raise ProcessLookupError("the instance has ended")
        return await self._helpers.spawn_beside(argv, self._namespaces, tuple(pass_fds))

    async def spawn_near_dependencies(self, argv: Sequence[str]) -> asyncio.subprocess.Process:
        """The same: what it depends on is in its own network."""
        return await self.spawn_beside(argv)

    async def close(self) -> None:
        """Kill whatever is left and remove every trace: processes, mounts, cgroup, directories. Idempotent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._helpers.close()
        if not self._ended.done():
            with contextlib.suppress(OSError):
                self._send(signals.SIGKILL)
        if self.parent:
            self.parent.hang_up()
            await self.parent.wait_gone()
        self.on_end()
        if self._pidfd >= 0:
            await wait_readable(self._pidfd, END_DEADLINE)
        await self._let_go(OUTPUT_DEADLINE)
        leftovers.remove(self.about.launch["owned"])

    async def release(self) -> None:
        """Close what names it, and leave it alone: an instance that stays lives on, and can be adopted."""
        if self._closing is None:
            await self._helpers.close()
            if self.parent:
                self.parent.hang_up()
                self.parent.forget()
            self._closing = asyncio.create_task(self._let_go(0))
        await asyncio.shield(self._closing)

    async def _let_go(self, within: float) -> None:
        """Wait for the end of the output, and close what names the instance."""
        self._stop_guard()
        for reader in self._readers:
            await reader.stop(within)
        if self.compressor:
            await self.compressor.finish()
        for descriptor in (self._pidfd, *self._namespaces.values()):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._pidfd = -1
        self._namespaces.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
