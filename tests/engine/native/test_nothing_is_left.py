"""Trials: however an instance ends, no process, mount, cgroup, namespace or directory of it is left.

Only what belongs to the instance is counted: other instances may run on the machine at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartError
from seatrial.engine.native import NativeEngine, leftovers
from seatrial.engine.native.instance import NativeInstance
from seatrial.engine.native.processes import start_ticks
from seatrial.engine.native.shim import Shim
from seatrial.model.place import Sourced
from seatrial.model.service import Limits

from .conftest import DEADLINE, PYTHON, finished, needs_root, service, started

pytestmark = pytest.mark.slow

BUSY = (
    "import os, sys, time\n"
    "if len(sys.argv) > 1: os.setresuid(1000, 1000, 1000)\n"  # which makes the kernel forget a parent-death signal
    "for _ in range(3):\n"
    "    if os.fork() == 0:\n"
    "        os.setsid(); time.sleep(1000)\n"
    "print('ready', flush=True)\n"
    "time.sleep(1000)\n"
)
NAMESPACES = ("mnt", "net", "pid", "ipc", "uts")
LIMITS = Limits(memory=Sourced(256 << 20), pids=Sourced(50))


@dataclass(frozen=True)
class Traces:
    """All by which an instance could be found."""

    namespaces: frozenset[str]
    folders: tuple[str, ...]
    pids: tuple[int, ...]
    begun: tuple[int, ...] = ()
    """When each of the processes started: a busy machine soon gives their numbers to others."""

    def __post_init__(self) -> None:
        if not self.begun:
            object.__setattr__(self, "begun", tuple(map(start_ticks, self.pids)))

    def left(self) -> list[str]:
        """What is still there."""
        found = [f"{folder} exists" for folder in self.folders if Path(folder).exists()]
        for process in Path("/proc").glob("[0-9]*"):
            for name in NAMESPACES:
                with contextlib.suppress(OSError):
                    if str((process / "ns" / name).readlink()) in self.namespaces:
                        found.append(f"process {process.name} is in its {name} namespace")
        mounts = Path("/proc/self/mountinfo").read_text()
        found += [f"{folder} is mounted" for folder in self.folders if folder in mounts]
        living = [pid for pid, begun in zip(self.pids, self.begun, strict=True) if start_ticks(pid) == begun]
        return found + [f"process {pid} is alive" for pid in living if is_alive(pid)]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


HELD: list[int] = []


def hold(pid: int) -> set[str]:
    """The names of a process's namespaces. They are held, because the kernel gives the numbers of those that are gone
    to the next ones, which may be those of somebody else's instance."""
    HELD.extend(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY) for name in NAMESPACES)
    return {str(Path(f"/proc/self/fd/{descriptor}").readlink()) for descriptor in HELD[-len(NAMESPACES) :]}


def let_go() -> None:
    while HELD:
        os.close(HELD.pop())


@pytest.fixture(autouse=True)
def _nothing_is_held() -> Iterator[None]:
    yield
    let_go()


def traces(instance: NativeInstance) -> Traces:
    """The traces of a running instance."""
    names = hold(instance.processes()[0].host_pid)
    pids = (*(one.host_pid for one in instance.processes()), shim_of(instance))
    return Traces(frozenset(names), tuple(instance.about.launch["owned"]), pids)


def shim_of(instance: NativeInstance) -> int:
    assert isinstance(instance.parent, Shim)
    return instance.parent.process.pid


def wait_nothing_left(found: Traces) -> None:
    deadline = time.monotonic() + DEADLINE
    while left := found.left():
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing's own descriptor must not differ


async def end_by_itself(instance: NativeInstance) -> None:
    await instance.signal(signal.SIGKILL)
    await asyncio.wait_for(instance.wait(), DEADLINE)


async def do_nothing(instance: NativeInstance) -> None:
    """Leave it to `close`."""


async def fail(instance: NativeInstance) -> None:
    raise RuntimeError("on purpose")


async def be_cancelled(instance: NativeInstance) -> None:
    raise asyncio.CancelledError


async def kill_shim(instance: NativeInstance) -> None:
    os.kill(shim_of(instance), signal.SIGKILL)
    ended = await asyncio.wait_for(instance.wait(), DEADLINE)
    assert ended.code == 137
    assert "shim" in ended.error


async def leave_helpers(instance: NativeInstance) -> None:
    """A program beside, a command inside with a process of its own in the background, a command that still runs."""
    await instance.spawn_beside([sys.executable, "-c", "import time; time.sleep(1000)"])
    await instance.execute(["sh", "-c", "sleep 1000 >/dev/null 2>&1 &"], timeout=DEADLINE)
    running = asyncio.create_task(instance.execute(["sleep", "1000"], timeout=1000))
    await asyncio.sleep(0)
    await instance.close()
    result = await asyncio.wait_for(running, DEADLINE)
    assert result.code != 0


ENDINGS = [end_by_itself, do_nothing, fail, be_cancelled, kill_shim, leave_helpers]


@pytest.mark.parametrize("extra", [(), pytest.param(("change user",), marks=needs_root)], ids=["", "other user"])
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_nothing_is_left_of_an_instance(
    project: Path, ending: Callable[[NativeInstance], Awaitable[None]], extra: tuple[str, ...]
) -> None:
    seen: list[Traces] = []
    before: list[int] = []

    async def trial() -> None:
        before.append(descriptors())
        async with started(service(project, PYTHON, "-c", BUSY, *extra, limits=LIMITS)) as run:
            await run.wait_text("ready")
            seen.append(traces(run.instance))
            assert seen[0].left(), "the trial itself must be able to see traces"
            await ending(run.instance)

    async def guarded() -> None:
        with contextlib.suppress(RuntimeError, asyncio.CancelledError):
            await trial()
        if ending is kill_shim:  # PID 1 has lost its parent, so the machine's init has to reap it
            wait_nothing_left(seen[0])
        assert seen[0].left() == []
        let_go()
        await asyncio.sleep(0)
        assert descriptors() <= before[0] + 1  # a child watcher may keep one of its own

    asyncio.run(guarded())


def test_nothing_is_left_of_a_start_that_fails(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = tmp_path / "stages"
    stage.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(stage))
    with pytest.raises(StartError):
        asyncio.run(NativeEngine().start(service(project, "true", workdir=Sourced("/etc/passwd/x"), copies=())))
    assert list(stage.iterdir()) == []
    assert not any(is_of_this_process(folder) for folder in cgroups_of_ours())


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1])
def test_nothing_is_left_of_a_start_that_is_cancelled(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: float
) -> None:
    stage = tmp_path / "stages"
    stage.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(stage))

    async def trial() -> None:
        before = descriptors()
        starting = asyncio.create_task(NativeEngine().start(service(project, PYTHON, "-c", BUSY, limits=LIMITS)))
        await asyncio.wait([starting], timeout=after)  # whichever comes first: nothing may be left
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await starting).close()
        assert descriptors() <= before

    asyncio.run(trial())
    assert list(stage.iterdir()) == []
    assert not any(is_of_this_process(folder) for folder in cgroups_of_ours())


def test_many_instances_at_once_are_apart(project: Path) -> None:
    code = "import socket; socket.create_server(('', 80)); print(socket.gethostname(), flush=True)"

    async def trial() -> None:
        runs = await asyncio.gather(*(finished(service(project, PYTHON, "-c", code)) for _ in range(6)))
        assert len({run.text() for run in runs}) == 6
        assert [(await run.instance.wait()).code for run in runs] == [0] * 6

    asyncio.run(trial())


def cgroups_of_ours() -> list[str]:
    return [str(folder) for folder in Path("/sys/fs/cgroup").rglob("seatrial-*")]


def is_of_this_process(folder: str) -> bool:
    return f"-{os.getpid()}-" in folder.rsplit("/", 1)[-1]


OWNER = """
import asyncio, json, sys
sys.path[:0] = {path!r}
from pathlib import Path
from engine.native.conftest import service, started
from engine.native.test_nothing_is_left import BUSY, LIMITS, PYTHON, traces
async def main():
    what = service(Path({project!r}), PYTHON, "-c", BUSY, *{extra!r}, limits=LIMITS)
    async with started(what) as run:
        await run.wait_text("ready")
        await run.instance.spawn_beside([sys.executable, "-c", "import time; time.sleep(1000)"])
        asyncio.create_task(run.instance.execute(["sleep", "1000"], timeout=1000))
        await run.wait_for(lambda: any("sleep" in one.argv for one in run.instance.processes()), "an executed command")
        found = traces(run.instance)
        print(json.dumps([sorted(found.namespaces), found.folders, found.pids]), flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""


@contextlib.contextmanager
def owner(project: Path, *extra: str) -> Any:
    """Another process that owns an instance; yields it and the traces of its instance."""
    tests = str(Path(__file__).parents[2])
    code = OWNER.format(path=[tests, *sys.path], project=str(project), extra=list(extra))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            names, folders, pids = json.loads(process.stdout.readline())
            assert hold(pids[0]) == set(names)
            yield process, Traces(frozenset(names), tuple(folders), tuple(pids))
        finally:
            process.kill()


@needs_root
def test_nothing_is_left_when_the_owner_is_killed_and_pid_1_had_changed_its_user(project: Path) -> None:
    with owner(project, "change user") as (process, found):
        assert found.left()
        process.kill()
        process.wait()
        wait_nothing_left(found)


def test_nothing_is_left_when_the_owner_is_killed(project: Path) -> None:
    with owner(project) as (process, found):
        process.kill()
        process.wait()
        wait_nothing_left(found)


def test_nothing_is_left_when_owner_and_shim_are_killed_but_what_the_next_start_sweeps(project: Path) -> None:
    with owner(project) as (process, found):
        os.kill(process.pid, signal.SIGSTOP)  # so that it has no time to do anything about the shim's death
        os.kill(found.pids[-1], signal.SIGKILL)
        process.kill()
        process.wait()
        wait_nothing_left(Traces(found.namespaces, (), found.pids, found.begun))
        asyncio.run(_start_once(project))
        wait_nothing_left(found)


@needs_root
def test_pid_1_that_changed_its_user_is_swept_by_the_next_start_when_owner_and_shim_are_killed(project: Path) -> None:
    with owner(project, "change user") as (process, found):
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(found.pids[-1], signal.SIGKILL)
        process.kill()
        process.wait()
        asyncio.run(_start_once(project))
        wait_nothing_left(found)


async def _start_once(project: Path) -> None:
    async with started(service(project, "true")) as run:
        await run.instance.wait()


def test_name_tells_the_owner_and_only_dead_ones_are_swept() -> None:
    own = f"{leftovers.name(1)}-x"
    assert not leftovers.is_orphaned(own)
    namespace = own.split("-")[1]
    assert leftovers.is_orphaned(f"seatrial-{namespace}-{os.getpid()}-1-1-x"), "the same number, another start time"
    assert not leftovers.is_orphaned("seatrial-1-1-1-1-x"), "another PID namespace: nothing is known of it"
    assert not leftovers.is_orphaned("seatrial-mine")
