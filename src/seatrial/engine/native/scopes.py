"""Limits by systemd's user manager, where no cgroup may be written: a transient scope around one instance.

The manager is asked by busctl(1), which comes with systemd; it is no part of any decision here which limit goes where
(`limits`). A scope is made while PID 1 waits, so nothing of the instance is ever outside it; commands that are run
inside join it while they wait. The shim is in it, too: so it is there until the shim has read its counter of kills.

Properties and methods: org.freedesktop.systemd1(5), systemd.resource-control(5).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seatrial.engine.interface import StartError
from seatrial.engine.native.cgroups import Hierarchy

MANAGER = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
SLICE = "app.slice"
ANSWER_LIMIT = 10.0
"""Seconds that the manager has to answer, and then to do it."""
PAUSE = 0.005
STEP = "systemd scope"
FILES = {
    "MemoryMax": "memory.max",
    "MemorySwapMax": "memory.swap.max",
    "MemoryLow": "memory.low",
    "CPUQuotaPerSecUSec": "cpu.max",
    "CPUWeight": "cpu.weight",
    "TasksMax": "pids.max",
}
"""Where a property shows once it is in force: systemd accepts, too, what it has no controller for."""

Property = tuple[str, int]
"""One of `FILES`, all of which are numbers."""


@dataclass(frozen=True, slots=True)
class Manager:
    """systemd's user manager: the directory of its own cgroup, and the controllers that were delegated to it."""

    folder: str
    controllers: frozenset[str]

    def scope(self, unit: str, properties: tuple[Property, ...]) -> Scope:
        """A scope of it, which isn't made yet."""
        return Scope(unit, properties, f"{self.folder}/{SLICE}/{unit}")


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: its unit, what it limits, and where its cgroup will be."""

    unit: str
    properties: tuple[Property, ...]
    folder: str


def find(trees: Sequence[Hierarchy], environment: Mapping[str, str]) -> Manager | None:
    """The user manager of whoever we are; None where there is none, or where it has no controllers to give."""
    unified = next((tree.mount for tree in trees if tree.version == 2), "")
    has_bus = environment.get("DBUS_SESSION_BUS_ADDRESS") or environment.get("XDG_RUNTIME_DIR")
    if not (unified and has_bus and shutil.which("busctl")):
        return None
    try:
        said = subprocess.run(
            _busctl("--json=short", "get-property", *MANAGER, "ControlGroup"),
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_LIMIT,
        ).stdout
        folder = unified + json.loads(said)["data"].rstrip("/")
        controllers = (Path(folder) / "cgroup.controllers").read_text(encoding="ascii").split()
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Manager(folder, frozenset(controllers)) if controllers else None


def _busctl(*words: str) -> tuple[str, ...]:
    return ("busctl", "--user", f"--timeout={ANSWER_LIMIT:g}", *words)


async def _ask(method: str, signature: str, *values: str) -> None:
    """One call of the manager. Raises OSError with what it said."""
    process = await asyncio.create_subprocess_exec(
        *_busctl("call", *MANAGER, method, signature, *values),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), 2 * ANSWER_LIMIT)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    if process.returncode:
        raise OSError(said.decode(errors="replace").strip() or f"busctl ended with {process.returncode}")


async def start(scope: Scope, pids: Sequence[int]) -> None:
    """Make a scope around processes. Raises StartError where that can't be, or where a limit is not in force after
    it: then the processes are to be killed."""
    described = [("Description", "s", "seatrial"), ("Slice", "s", SLICE), ("CollectMode", "s", "inactive-or-failed")]
    words = [word for one in described for word in one]
    words += ["Delegate", "b", "true", "PIDs", "au", str(len(pids)), *map(str, pids)]
    for name, value in scope.properties:
        words += [name, "t", str(value)]
    count = str(len(described) + 2 + len(scope.properties))
    try:
        await _ask("StartTransientUnit", "ssa(sv)a(sa(sv))", scope.unit, "fail", count, *words, "0")
        async with asyncio.timeout(ANSWER_LIMIT):
            for pid in pids:
                await _wait_inside(scope.unit, pid)
    except TimeoutError:
        raise StartError(STEP, f"not made within {ANSWER_LIMIT:g} s") from None
    except OSError as error:
        raise StartError(STEP, str(error)) from error
    for name, _ in scope.properties:
        if not (Path(scope.folder) / FILES[name]).exists():
            raise StartError(STEP, f"{name} is not in force")


async def join(unit: str, pid: int) -> None:
    """Put a process that waits into a scope. Raises OSError."""
    await _ask("AttachProcessesToUnit", "ssau", unit, "", "1", str(pid))
    async with asyncio.timeout(ANSWER_LIMIT):
        await _wait_inside(unit, pid)


async def _wait_inside(unit: str, pid: int) -> None:
    """The manager answers when it has begun. FileNotFoundError where the process has ended."""
    while not _is_inside(unit, pid):
        await asyncio.sleep(PAUSE)


def _is_inside(unit: str, pid: int) -> bool:
    lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    unified = next((line for line in lines if line.startswith("0::")), "")
    return unit in unified.split("/")
