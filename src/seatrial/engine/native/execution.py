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
from pathlib import Path

from seatrial.engine.interface import ExecResult
from seatrial.engine.native import boot
from seatrial.engine.native.inside import launcher as inside
from seatrial.engine.native.inside.description import Enter, Launch
from seatrial.engine.native.launching import wait_exit
from seatrial.engine.native.output import Reader

OUTPUT_LIMIT = 4096
AFTER_END = 0.25
"""Seconds that the output may outlast the command: what it left in the background may hold the pipe for ever."""
CLOSE_DEADLINE = 5.0
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
        self._entering: set[subprocess.Popen[bytes]] = set()
        self._errors: dict[int, bytes] = {}
        self._beside: list[asyncio.subprocess.Process] = []

    async def execute(self, enter: Enter, namespaces: Mapping[str, int], unified: str, timeout: float) -> ExecResult:
        """Run a command inside; kill its tree at the timeout."""
        folder = _own_cgroup(enter, unified)
        output = bytearray()
        begun = time.monotonic()
        process, reader, answer = self._enter(enter, namespaces, output)
        try:
            in_time = await self._wait(process, timeout, folder)
        finally:
            self._entering.discard(process)
            if process.poll() is None:
                kill_tree(process.pid, folder)
                process.kill()
                process.wait()
            await asyncio.shield(reader.stop(AFTER_END))
            await asyncio.shield(answer.stop(AFTER_END))
            if folder:
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
        ended = time.monotonic()
        error = self._errors.pop(process.pid, b"").decode(errors="replace")
        code = process.returncode if in_time else None
        return ExecResult(code, output.decode(errors="replace"), begun, ended, error)

    def _enter(
        self, enter: Enter, namespaces: Mapping[str, int], output: bytearray
    ) -> tuple[subprocess.Popen[bytes], Reader, Reader]:
        """Start the script that enters; its output is cut, its errors come by a pipe of their own."""
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        try:
            process = subprocess.Popen(
                boot.command(
                    "enter",
                    "inside",
                    json.dumps(dict(namespaces)),
                    str(error_write),
                    str(os.getpid()),
                    json.dumps(enter),
                ),
                stdin=subprocess.DEVNULL,
                stdout=out_write,
                stderr=out_write,
                env=boot.environment(),
                cwd="/",
                pass_fds=(*namespaces.values(), error_write),
                start_new_session=True,
            )
        finally:
            os.close(out_write)
            os.close(error_write)
        self._entering.add(process)

        def keep(_moment: float, data: bytes) -> None:
            output.extend(data[: OUTPUT_LIMIT - len(output)])

        def keep_error(_moment: float, data: bytes) -> None:
            self._errors[process.pid] = self._errors.get(process.pid, b"") + data

        return process, Reader(out_read, keep), Reader(error_read, keep_error)

    async def _wait(self, process: subprocess.Popen[bytes], timeout: float, folder: str) -> bool:
        """Whether the command ended by itself in time."""
        waiting = asyncio.create_task(wait_exit(process, timeout + CLOSE_DEADLINE))
        try:
            await asyncio.wait_for(asyncio.shield(waiting), timeout)
            return True
        except TimeoutError:
            kill_tree(process.pid, folder)
            await waiting
            return False
        except BaseException:
            kill_tree(process.pid, folder)
            await asyncio.shield(waiting)
            raise

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
        for entering in list(self._entering):
            with contextlib.suppress(ProcessLookupError):
                entering.kill()
        for process in self._beside:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        for process in self._beside:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), CLOSE_DEADLINE)
        self._beside.clear()


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
    """SIGKILL to a process and all that come from it: by cgroup, and by descent where there is none."""
    if folder:
        inside.kill_all(folder)
    for descendant in _descendants(pid):
        with contextlib.suppress(OSError):
            os.kill(descendant, signal.SIGKILL)


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
