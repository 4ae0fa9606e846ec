"""Commands run inside an instance (health checks, probes), and programs of the host run beside it (the load)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.engine.contract import exit_codes
from seatrial.engine.interface import ExecResult
from seatrial.engine.native import beside, leftovers, placing, records
from seatrial.engine.native.description import Launch
from seatrial.engine.native.output import Reader
from seatrial.engine.native.shim import Record, Report, Shim, wait_exit, wait_readable

if TYPE_CHECKING:
    from seatrial.engine.native.instance import About

OUTPUT_LIMIT = 4096
START_LIMIT = 30.0
"""Seconds that entering may take before the command is executed; the command's own timeout begins only then (moby)."""
AFTER_END = 0.25
"""Seconds that the output may outlast the command: what it left in the background may hold the pipe for ever."""
CLOSE_DEADLINE = 5.0
NOT_EXECUTABLE = 126
_counter = itertools.count(1)


class Helpers:
    """The processes outside the instance's PID namespace that work on it; all are gone after `close`."""

    def __init__(self) -> None:
        self._commands: set[Command] = set()
        self._beside: list[asyncio.subprocess.Process] = []

    async def execute(self, command: Command, timeout: float) -> ExecResult:
        """Run a command inside; kill its tree at the timeout."""
        self._commands.add(command)
        try:
            return await command.run(timeout)
        finally:
            command.kill()
            self._commands.discard(command)

    async def spawn_beside(
        self, argv: Sequence[str], namespaces: Mapping[str, int], pass_fds: tuple[int, ...]
    ) -> asyncio.subprocess.Process:
        """A program of the host, with the caller's environment, in the instance's user and network namespaces. SIGTERM
        to the process ends it and all that it started, and the process ends after them."""
        joined = {name: namespaces[name] for name in ("user", "net") if name in namespaces}
        process = await asyncio.create_subprocess_exec(
            *beside.command(joined, list(argv)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(*joined.values(), *pass_fds),
            start_new_session=True,
        )
        self._beside.append(process)
        return process

    async def close(self) -> None:
        """Kill all and wait for their end."""
        for command in list(self._commands):
            command.kill()
        for process in self._beside:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
        for process in self._beside:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), CLOSE_DEADLINE)
        self._beside.clear()


class Command:
    """One command inside: a shim that enters the namespaces and waits for it, and its output, which is one pipe."""

    def __init__(self, about: About, argv: Sequence[str], namespaces: Mapping[str, int], *, as_root: bool) -> None:
        self._program = argv[0]
        self._about = about
        self._folder = _own_cgroup(about.unified)
        cgroups = [self._folder or one if one == about.unified else one for one in about.launch["cgroups"]]
        self._output = bytearray()
        self._code = exit_codes.KILLED
        self._error = ""
        self._executing: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._begun = time.monotonic()
        read, write = os.pipe2(os.O_CLOEXEC)
        try:
            described = records.inside(about.launch, argv, namespaces, cgroups, as_root=as_root)
            given = (write, *namespaces.values())
            self._shim = Shim.spawn((("output", write, write), *_held(about), *described), pass_fds=given)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._reader = Reader(read, self._keep)
        self._shim.listen(self._hear, self._shim.hang_up)

    def _keep(self, _moment: float, data: bytes) -> None:
        self._output.extend(data[: OUTPUT_LIMIT - len(self._output)])

    def _hear(self, report: Report) -> None:
        if report.word == "created":
            self._placing = asyncio.create_task(self._place(int(report.rest)))
        elif report.word == "started" and not self._executing.done():
            self._executing.set_result(float(report.rest.split()[1]))
        elif report.word == "error":
            step, number, _ = report.failure()
            self._code = NOT_EXECUTABLE
            self._error = f"{self._program if step == 'exec' else step}: {os.strerror(number)}"
        elif report.word == "exited":
            self._code = json.loads(report.rest)["code"]

    async def _place(self, pid: int) -> None:
        self._error = await placing.place(self._about, pid)
        self._shim.hang_up() if self._error else self._shim.go()

    async def run(self, timeout: float) -> ExecResult:
        """Wait for the command's end, and kill all that came from it at its timeout."""
        ending = asyncio.create_task(wait_exit(self._shim.process, START_LIMIT + timeout + CLOSE_DEADLINE))
        try:
            first: set[asyncio.Future[Any]] = {ending, self._executing}
            await asyncio.wait(first, timeout=START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait([ending], timeout=timeout if self._executing.done() else 0)
            in_time = bool(done)
        finally:
            self.kill()
            await asyncio.shield(ending)
            ended = time.monotonic()
            await asyncio.shield(self._shim.wait_gone())
            await asyncio.shield(self._reader.stop(AFTER_END))
            if self._folder:
                with contextlib.suppress(OSError):  # what it left in the background lives on in it
                    Path(self._folder).rmdir()
        begun = self._executing.result() if self._executing.done() else self._begun
        code = self._code if in_time else None
        return ExecResult(code, self._output.decode(errors="replace"), begun, ended, self._error)

    def kill(self) -> None:
        """SIGKILL to the command and all that came from it, if it still runs."""
        if self._shim.process.poll() is None:
            kill_tree(self._shim.process.pid, self._folder)


@dataclass(frozen=True, slots=True)
class Attached:
    """What a command is connected with: descriptors of its stdin, stdout and stderr; or of a terminal that is all
    three, and controls it."""

    streams: tuple[int, int, int] = (0, 1, 2)
    terminal: int = -1


async def attached(
    about: About, argv: Sequence[str], namespaces: Mapping[str, int], to: Attached, *, as_root: bool
) -> tuple[int, str]:
    """Run a command inside with descriptors of ours; gives its exit code, and why it could not be run. It is killed
    when we end. The terminal is closed here once the command has it."""
    code, error = exit_codes.KILLED, ""
    placed: list[asyncio.Task[None]] = []

    async def place(pid: int) -> None:
        nonlocal error
        error = await placing.place(about, pid)
        shim.hang_up() if error else shim.go()

    def hear(report: Report) -> None:
        nonlocal code, error
        if report.word == "created":
            placed.append(asyncio.create_task(place(int(report.rest))))
        elif report.word == "error":
            step, number, what = report.failure()
            code = exit_codes.of_execute_error(number) if step == "exec" else exit_codes.START_FAILED
            error = f"{what or step}: {os.strerror(number)}"
        elif report.word == "exited" and not error:
            code = json.loads(report.rest)["code"]

    launch = _on_a_terminal(about.launch, to.terminal, as_root=as_root) if to.terminal >= 0 else about.launch
    described = records.inside(launch, argv, namespaces, launch["cgroups"], as_root=as_root)
    shim = _spawn_attached([*_held(about), *described], to, tuple(namespaces.values()))
    shim.listen(hear, shim.hang_up)
    descriptor = os.pidfd_open(shim.process.pid)
    try:
        while not await wait_readable(descriptor, 3600.0):
            pass
    finally:
        os.close(descriptor)
        shim.hang_up()
        await shim.wait_gone()
    return code, error


def _on_a_terminal(launch: Launch, terminal: int, *, as_root: bool) -> Launch:
    """What differs for a command on a terminal, which becomes that user's, so that it may open it by its name, too."""
    if not launch["user_namespace"]:
        with contextlib.suppress(OSError):
            os.fchown(terminal, 0 if as_root else launch["uid"], -1)
    return {**launch, "environment": {"TERM": "xterm", **launch["environment"]}}


def _spawn_attached(described: Sequence[Record], to: Attached, passed: tuple[int, ...]) -> Shim:
    streams = to.streams if to.terminal < 0 else (to.terminal,) * 3
    given = [os.dup(each) for each in streams]  # the shim's own are thrown away
    try:
        controlling = [("terminal", given[0])] if to.terminal >= 0 else []
        connected: list[Record] = [("input", given[0]), ("output", *given[1:]), *controlling]
        return Shim.spawn((*connected, *described), pass_fds=(*given, *passed))
    finally:
        for descriptor in (*given, *([to.terminal] if to.terminal >= 0 else [])):
            os.close(descriptor)


def _held(about: About) -> list[Record]:
    """The command waits where it has to be placed first."""
    return [("hold",)] if placing.is_needed(about) else []


def _own_cgroup(unified: str) -> str:
    """A cgroup for a command alone, so that its whole tree can be killed; "" where there is no unified tree."""
    if not unified:
        return ""
    folder = f"{unified}/exec-{next(_counter)}"
    try:
        Path(folder).mkdir()
    except OSError:
        return ""
    return folder


def kill_tree(pid: int, folder: str) -> None:
    """SIGKILL to all that came from a process, and the end of itself: by cgroup, and by descent where there is none.

    All are stopped first, until no new one appears, so that none can fork while the others are killed.
    """
    found: set[int] = set()
    while new := {pid, *_descendants(pid)} - found:
        for one in new:
            _send(one, signal.SIGSTOP)
        found |= new
    if folder:
        leftovers.kill_all(folder)
    found.discard(pid)
    for one in found:
        _send(one, signal.SIGKILL)
    # the shim has to reap the command: killed with it, it would leave a zombie to the service's PID 1
    _send(pid, signal.SIGCONT if found else signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _descendants(pid: int) -> list[int]:
    """All children of children; processes that were orphaned on the way are not found."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(word) for word in task.read_text(encoding="ascii").split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found
