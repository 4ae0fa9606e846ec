"""Commands run inside an instance (health checks, probes), and programs of the host run beside it (the load)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.engine.interface import ExecResult
from seatrial.engine.native import boot
from seatrial.engine.native.inside import launcher as inside
from seatrial.engine.native.inside.description import Enter, Launch
from seatrial.engine.native.launching import wait_exit
from seatrial.engine.native.output import Reader

OUTPUT_LIMIT = 4096
START_LIMIT = 30.0
"""Seconds that entering may take before the command is executed; the command's own timeout begins only then (moby)."""
AFTER_END = 0.25
"""Seconds that the output may outlast the command: what it left in the background may hold the pipe for ever."""
CLOSE_DEADLINE = 5.0
EXECUTING = b"executing "
_counter = itertools.count(1)


def describe(launch: Launch, argv: Sequence[str], *, as_root: bool) -> Enter:
    """What a command inside shares with the instance. Without root there is only the one mapped user."""
    root = as_root and not launch["user_namespace"]
    return {
        "argv": list(argv),
        "environment": dict(launch["environment"]),
        "workdir": launch["workdir"],
        "uid": 0 if root else launch["uid"],
        "gid": 0 if root else launch["gid"],
        "groups": [0] if root else launch["groups"],
        "capabilities": launch["capabilities"],
        "no_new_privileges": launch["no_new_privileges"],
        "cgroups": list(launch["cgroups"]),
    }


class Helpers:
    """The processes outside the instance's PID namespace that work on it; all are gone after `close`."""

    def __init__(self) -> None:
        self._commands: set[Command] = set()
        self._beside: list[asyncio.subprocess.Process] = []

    async def execute(self, enter: Enter, namespaces: Mapping[str, int], unified: str, timeout: float) -> ExecResult:
        """Run a command inside; kill its tree at the timeout."""
        command = Command(enter, namespaces, unified)
        self._commands.add(command)
        try:
            return await command.run(timeout)
        finally:
            command.kill()
            self._commands.discard(command)

    async def spawn_beside(
        self, argv: Sequence[str], namespaces: Mapping[str, int], pass_fds: tuple[int, ...]
    ) -> asyncio.subprocess.Process:
        """A program of the host, with the caller's environment, in the instance's user and network namespaces."""
        joined = {name: namespaces[name] for name in ("user", "net") if name in namespaces}
        process = await asyncio.create_subprocess_exec(
            *boot.command("enter", "beside", json.dumps(joined), str(os.getpid()), *argv),
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
                    process.kill()
        for process in self._beside:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), CLOSE_DEADLINE)
        self._beside.clear()


class Command:
    """One command inside: the script that enters, its output, and a socket by which it is told what to do.

    The description goes by the socket, not by the arguments, because those are there for everybody to read.
    """

    def __init__(self, enter: Enter, namespaces: Mapping[str, int], unified: str) -> None:
        self._folder = _own_cgroup(enter, unified)
        self._output = bytearray()
        self._answer = b""
        self._executing: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._begun = time.monotonic()
        ours, theirs = socket.socketpair()
        read, write = os.pipe2(os.O_CLOEXEC)
        with theirs:
            arguments = ("inside", json.dumps(dict(namespaces)), str(os.getpid()), str(theirs.fileno()))
            try:
                self._process = subprocess.Popen(
                    boot.command("enter", *arguments),
                    stdin=subprocess.DEVNULL,
                    stdout=write,
                    stderr=write,
                    env=boot.environment(),
                    cwd="/",
                    pass_fds=(*namespaces.values(), theirs.fileno()),
                    start_new_session=True,
                )
            finally:
                os.close(write)
        with contextlib.suppress(OSError):
            ours.sendall(json.dumps(enter).encode() + b"\n")
        self._readers = (Reader(read, self._keep), Reader(ours.detach(), self._hear))

    def _keep(self, _moment: float, data: bytes) -> None:
        self._output.extend(data[: OUTPUT_LIMIT - len(self._output)])

    def _hear(self, _moment: float, data: bytes) -> None:
        """What the script says: the moment at which it executes the command, then an error if that failed."""
        self._answer += data
        line, newline, rest = self._answer.partition(b"\n")
        if newline and line.startswith(EXECUTING) and not self._executing.done():
            self._executing.set_result(float(line.removeprefix(EXECUTING)))
            self._answer = rest

    async def run(self, timeout: float) -> ExecResult:
        """Wait for the command's end, and kill all that came from it at its timeout."""
        ending = asyncio.create_task(wait_exit(self._process, START_LIMIT + timeout + CLOSE_DEADLINE))
        try:
            first: set[asyncio.Future[Any]] = {ending, self._executing}
            await asyncio.wait(first, timeout=START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await asyncio.wait([ending], timeout=timeout if self._executing.done() else 0)
            in_time = bool(done)
        finally:
            self.kill()
            await asyncio.shield(ending)
            ended = time.monotonic()
            for reader in self._readers:
                await asyncio.shield(reader.stop(AFTER_END))
            if self._folder:
                with contextlib.suppress(OSError):  # what it left in the background lives on in it
                    Path(self._folder).rmdir()
        begun = self._executing.result() if self._executing.done() else self._begun
        code = self._process.returncode if in_time else None
        output = self._output.decode(errors="replace")
        return ExecResult(code, output, begun, ended, self._answer.decode(errors="replace"))

    def kill(self) -> None:
        """SIGKILL to the command and all that came from it, if it still runs."""
        if self._process.poll() is None:
            kill_tree(self._process.pid, self._folder)


def _own_cgroup(enter: Enter, unified: str) -> str:
    """A cgroup for this command alone, so that its whole tree can be killed; "" where there is no unified tree."""
    if not unified:
        return ""
    folder = f"{unified}/exec-{next(_counter)}"
    try:
        Path(folder).mkdir()
    except OSError:
        return ""
    enter["cgroups"] = [folder if one == unified else one for one in enter["cgroups"]]
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
        inside.kill_all(folder)
    found.discard(pid)
    for one in found:
        _send(one, signal.SIGKILL)
    # the script that entered has to reap the command: killed with it, it would leave a zombie to the service's PID 1
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
