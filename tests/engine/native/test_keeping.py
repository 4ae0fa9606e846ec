"""Trials: instances that are kept, whoever started them is killed, and the next one finds them with nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native import NativeEngine, leftovers, rotation
from seatrial.engine.native.instance import NativeInstance
from seatrial.engine.native.keeping import Keeping, Log, adopt
from seatrial.model.service import Service

from .conftest import DEADLINE, PYTHON, Trial, needs_root, service
from .test_nothing_is_left import LIMITS, Traces, descriptors, hold, is_alive, let_go, traces

LOG = "json.log"
COUNTER = """
import os, signal, sys, time
go = True
def stop(number, frame):
    global go
    go = False
signal.signal(signal.SIGTERM, stop)
if len(sys.argv) > 1: os.setresuid(1000, 1000, 1000)
number = 0
while go:
    print(number, flush=True); number += 1; time.sleep(0.001)
print("end", number, flush=True)
sys.exit(7)
"""
"""Says numbers in order until SIGTERM, then how many, and ends with 7."""


def unpacked(state: Path) -> list[str]:
    """The rotated files that are not compressed."""
    return [path.name for path in state.glob(f"{LOG}.[0-9]*") if path.suffix != ".gz"]


def said(state: Path) -> list[str]:
    """All that the log has, compressed and rotated files first. Nobody moves a file meanwhile: who does takes the lock
    of the directory. But right after a rotation there may be no current file, and its last line may be half written."""
    lock = os.open(state, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        numbers = {int(path.name.split(".")[2]) for path in state.glob(f"{LOG}.[0-9]*")}
        text = b""
        for number in sorted(numbers, reverse=True):
            plain, packed = state / f"{LOG}.{number}", state / f"{LOG}.{number}.gz"
            text += plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        with contextlib.suppress(FileNotFoundError):
            text += (state / LOG).read_bytes()
    finally:
        os.close(lock)
    whole = text[: text.rfind(b"\n") + 1]
    return [json.loads(line)["log"].rstrip("\n") for line in whole.splitlines()]


def is_complete(lines: list[str]) -> bool:
    """Whether it is what the counter says, from its first number to its last word."""
    count = len(lines) - 1
    return lines == [*map(str, range(count)), f"end {count}"]


def counter(project: Path, *extra: str) -> Service:
    return service(project, PYTHON, "-c", COUNTER, *extra, limits=LIMITS)


async def eventually(condition: Any, what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def stopped(instance: NativeInstance) -> None:
    """Stop the counter, and see that nothing it said is lost."""
    ended, killed = await instance.stop(signal.SIGTERM, DEADLINE)
    assert (ended.code, ended.signal, killed, ended.error) == (7, 0, False, "")
    await asyncio.wait_for(instance.wait_output(), DEADLINE)


@asynccontextmanager
async def started(what: Service, kept: Keeping, options: StartOptions | None = None) -> AsyncIterator[NativeInstance]:
    instance = await NativeEngine().start(what, options, kept)
    async with instance:
        yield instance


STARTER = """
import asyncio, json, sys
sys.path[:0] = {path!r}
from pathlib import Path
from engine.native.test_keeping import Keeping, Log, NativeEngine, counter, eventually, said, traces
async def main():
    log = Log(max_size=20_000, max_file=10_000, compress=True)
    kept = Keeping({state!r}, log, stay=True)
    instance = await NativeEngine().start(counter(Path({project!r}), *{extra!r}), None, kept)
    await eventually(lambda: len(said(Path({state!r}))) > 50, "output")
    found = traces(instance)
    print(json.dumps([sorted(found.namespaces), found.folders, found.pids]), flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


@contextlib.contextmanager
def orphaned(project: Path, state: Path, *extra: str) -> Iterator[Traces]:
    """An instance that stays, whose starter has been killed; whatever is left at the end is killed too."""
    path = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3]), *sys.path]
    code = STARTER.format(path=path, project=str(project), state=str(state), extra=list(extra))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        names, folders, pids = json.loads(process.stdout.readline())
        assert hold(pids[0]) == set(names)
        process.kill()
    found = Traces(frozenset(names), tuple(folders), tuple(pids))
    try:
        yield found
    finally:
        for pid in found.pids:
            if is_alive(pid) and any(is_of(pid, name) for name in ("seatrial-shim", PYTHON)):
                os.kill(pid, signal.SIGKILL)
        leftovers.remove(found.folders)
        let_go()


def is_of(pid: int, program: str) -> bool:
    with contextlib.suppress(OSError):
        return program.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


@pytest.mark.slow
def test_starter_is_killed_and_the_next_one_adopts_with_nothing_lost(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"

    async def trial(found: Traces) -> None:
        at_death = len(said(state))
        await eventually(lambda: len(said(state)) > at_death + 50, "output without an owner")
        instance = await adopt(str(state))
        async with instance:
            assert instance.processes()[0].host_pid == found.pids[0]
            assert (await instance.execute(["cat", "/proc/1/comm"], timeout=DEADLINE)).output.startswith("python")
            assert instance.enforcement and instance.approximations and 0 < instance.started < time.monotonic()
            await stopped(instance)
        assert found.left() == []
        assert is_complete(said(state))
        assert unpacked(state) == [], "all rotated files are compressed"
        assert json.loads((state / "exit").read_text())["code"] == 7

    with orphaned(project, state) as found:
        asyncio.run(trial(found))


@pytest.mark.slow
def test_instance_that_ended_meanwhile_is_adopted_with_its_end(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"

    async def trial(found: Traces) -> None:
        os.kill(found.pids[0], signal.SIGTERM)
        await eventually(lambda: not is_alive(found.pids[-1]), "the end of the shim")
        assert found.left() == []
        instance = await adopt(str(state))
        async with instance:
            assert (await instance.wait()).code == 7
            await instance.wait_output()
            with pytest.raises(ProcessLookupError):
                await instance.signal(signal.SIGTERM)
        assert is_complete(said(state))

    with orphaned(project, state) as found:
        asyncio.run(trial(found))


@pytest.mark.slow
@pytest.mark.parametrize("extra", [(), pytest.param(("change user",), marks=needs_root)], ids=["", "other user"])
def test_adopted_instance_whose_shim_was_killed_has_ended(
    project: Path, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    state = tmp_path / "state"

    async def trial(found: Traces) -> None:
        os.kill(found.pids[-1], signal.SIGKILL)
        instance = await adopt(str(state))
        async with instance:
            assert (await asyncio.wait_for(instance.wait(), DEADLINE)).code == 137
        await eventually(lambda: not found.left(), "nothing is left")

    with orphaned(project, state, *extra) as found:
        asyncio.run(trial(found))


@pytest.mark.slow
def test_starts_of_others_leave_an_orphaned_instance_alone_and_closing_it_leaves_nothing(
    project: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"

    async def trial(found: Traces) -> None:
        async with await NativeEngine().start(service(project, "true")):  # which sweeps what dead owners left
            pass
        assert is_alive(found.pids[0])
        instance = await adopt(str(state))
        await instance.close()
        assert (await instance.wait()).code == 137
        assert found.left() == []

    with orphaned(project, state) as found:
        asyncio.run(trial(found))


@pytest.mark.slow
def test_instance_that_cannot_be_heard_is_not_adopted_and_nothing_stays_open(project: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"

    async def trial() -> None:
        before = descriptors()
        (state / "report").unlink()
        with pytest.raises(StartError, match="report"):
            await adopt(str(state))
        assert descriptors() == before

    with orphaned(project, state):
        asyncio.run(trial())


@pytest.mark.slow
def test_released_instance_lives_on_and_is_adopted_again(project: Path, tmp_path: Path) -> None:
    kept = Keeping(str(tmp_path / "state"), stay=True)

    async def trial() -> None:
        instance = await NativeEngine().start(counter(project), None, kept)
        found = traces(instance)
        await eventually(lambda: said(tmp_path / "state"), "output")
        await instance.release()
        assert is_alive(found.pids[0])
        for _ in range(2):
            instance = await adopt(kept.state)
            await instance.release()
        instance = await adopt(kept.state)
        async with instance:
            await stopped(instance)
        await eventually(lambda: not found.left(), "nothing is left")
        assert is_complete(said(tmp_path / "state"))

    asyncio.run(trial())
    let_go()


@pytest.mark.slow
def test_kept_instance_has_log_and_output_and_ends_with_its_owner(project: Path, tmp_path: Path) -> None:
    kept = Keeping(str(tmp_path / "state"), Log(max_size=10_000, max_file=10_000, compress=True))
    trial = Trial()

    async def run() -> None:
        options = StartOptions(on_output=trial.pieces.append)
        async with started(counter(project), kept, options) as trial.instance:
            await trial.wait_text("\n500\n")
            found = traces(trial.instance)
            await stopped(trial.instance)
        assert found.left() == []

    asyncio.run(run())
    let_go()
    assert said(tmp_path / "state") == trial.text().split("\n")[:-1]
    assert len(list((tmp_path / "state").glob("*.gz"))) >= 2
    assert not (tmp_path / "state" / f".{LOG}.gz").exists(), "half a file"


@pytest.mark.slow
def test_command_that_cannot_be_executed_is_in_the_exit_record(project: Path, tmp_path: Path) -> None:
    kept = Keeping(str(tmp_path / "state"))

    async def trial() -> None:
        async with started(service(project, "nosuchprogram"), kept) as instance:
            ended = await asyncio.wait_for(instance.wait(), DEADLINE)
            assert ended.code == 127 and "nosuchprogram" in ended.error
        assert json.loads((tmp_path / "state" / "exit").read_text())["code"] == 127

    asyncio.run(trial())


@pytest.mark.parametrize("content", [None, "", "{}", '{"about": {"init": ""}}', '{"version": 2}', "[1]"])
def test_directory_that_tells_of_no_instance_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "instance.json").write_text(content)
    with pytest.raises(StartError, match="tells of no instance"):
        asyncio.run(adopt(str(tmp_path)))


def test_rotated_files_are_packed_as_docker_does_and_a_trouble_with_that_ends_nothing(tmp_path: Path) -> None:
    troubles: list[str] = []
    line = '{"log":"x\\n","stream":"stdout","time":"2024-01-01T00:00:00.5Z"}\n'
    (tmp_path / LOG).write_text(line)
    (tmp_path / f"{LOG}.1").write_text(line)

    async def pack() -> None:
        compressor = rotation.Compressor(str(tmp_path), LOG, troubles.append)
        compressor.wake()
        await compressor.finish()

    (tmp_path / f".{LOG}.gz").mkdir()  # where it is packed
    asyncio.run(pack())
    assert len(troubles) == 1 and (tmp_path / f"{LOG}.1").read_text() == line
    (tmp_path / f".{LOG}.gz").rmdir()
    asyncio.run(pack())
    assert len(troubles) == 1 and (tmp_path / LOG).read_text() == line
    packed = (tmp_path / f"{LOG}.1.gz").read_bytes()
    assert gzip.decompress(packed) == line.encode() and b'{"lastTime":"2024-01-01T00:00:00.5Z"}' in packed
    assert unpacked(tmp_path) == []
