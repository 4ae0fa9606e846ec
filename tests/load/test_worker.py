"""The load generator as a program: it does what it is told, and never outlives who told it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from seatrial.load import remote
from seatrial.load.interface import LoadError, Plan
from seatrial.load.remote import WORKER, Load, start_local
from seatrial.model.traffic import Outcome, Population, Target
from tests.requirements import require

from . import servers

pytestmark = pytest.mark.slow
WITHIN = 30.0
T = TypeVar("T")


def with_load(work: Callable[[Load], Awaitable[T]]) -> T:
    async def run() -> T:
        load = await start_local()
        try:
            return await work(load)
        finally:
            await load.close()

    return asyncio.run(run())


def wait_until_gone(pid: int) -> None:
    """A process is gone when it is no more, or waits to be reaped by somebody else."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} is still there")


@pytest.mark.parametrize("family", servers.FAMILIES)
def test_a_whole_load_is_driven_and_recorded(family: str) -> None:
    require("" if servers.is_available(family) else f"no {family} here")
    stage = servers.Stage()

    with servers.running(family, stage) as server:
        target = replace(server.target, slow_path="/slow", stream_path="/stream")

        async def work(load: Load) -> None:
            ready = await load.request(target, "/", WITHIN)
            assert (ready.outcome, ready.status) == (Outcome.COMPLETE, 200)
            await load.begin(Plan(target, rate=100.0, held=2, stream=1, slow_sender=1))
            aimed = await load.aim()
            when = time.monotonic()
            assert ready.begun < aimed <= when
            await load.signalled(when)
            stage.curtain.set()
            await load.stop_sending()
            result = await load.finish(WITHIN)
            count = dict.fromkeys(Population, 0)
            for connection in result.connections:
                count[connection.population] += 1
            assert count[Population.OPEN_LOOP] >= 10
            del count[Population.OPEN_LOOP]
            assert [number for number in count.values() if number] == [5, 2, 3, 2, 1, 3, 1]
            known = (Outcome.COMPLETE, Outcome.IDLE_OPEN, Outcome.ABANDONED)
            assert {connection.ending for connection in result.connections} <= set(known)
            assert result.lag >= 0

        with_load(work)


def test_many_connections_come_through_the_pipe() -> None:
    with servers.running("unix", servers.serve) as server:
        plan = Plan(server.target, rate=1000.0, idle=0, never_used=0, keep_alive=2, keep_alive_pause=0.0, lead=1.5)

        async def work(load: Load) -> int:
            await load.begin(plan)
            await load.aim()
            return len((await load.finish(WITHIN)).connections)

        assert with_load(work) > 500


def test_a_second_load_may_follow_the_first() -> None:
    with servers.running("ipv4", servers.serve) as server:
        plan = Plan(server.target, rate=0.0, idle=1, never_used=0, keep_alive=0, lead=0.0)

        async def work(load: Load) -> None:
            for _ in range(2):
                await load.begin(plan)
                assert len((await load.finish(0)).connections) == 1

        with_load(work)


def test_a_step_out_of_order_is_refused_and_the_generator_goes_on() -> None:
    async def work(load: Load) -> None:
        with pytest.raises(LoadError, match="no load has begun"):
            await load.aim()
        exchange = await load.request(Target("unix", "/nowhere/at/all", 0), "/", WITHIN)
        assert exchange.outcome is Outcome.REFUSED

    with_load(work)


def test_a_crash_comes_back_with_the_last_words_of_the_generator() -> None:
    async def work(load: Load) -> None:
        with pytest.raises(LoadError, match=r"(?s)exit code 70.*KeyError: 'carrier pigeon'"):
            await load.request(Target("carrier pigeon", "", 0), "/", 1.0)
        with pytest.raises(LoadError, match="exit code 70"):
            await load.aim()

    with_load(work)


def test_a_killed_generator_is_an_error_for_everyone_who_waits() -> None:
    async def run() -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*WORKER, stdin=pipe, stdout=pipe, stderr=pipe)
        load = Load(process)
        with servers.bound("unix", 8) as listener:
            waiting = [
                asyncio.create_task(load.request(servers.target_of(listener), "/", 600.0)),
                asyncio.create_task(load.request(servers.target_of(listener), "/", 600.0)),
            ]
            await asyncio.sleep(0)
            process.send_signal(signal.SIGKILL)
            for answer in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(answer, LoadError)
                assert "signal 9" in str(answer)
        await load.close()
        await load.close()

    asyncio.run(run())


def test_a_generator_that_is_stuck_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed, so that what is asked next is not waited for."""
    monkeypatch.setattr(remote, "STUCK", 0.2)

    async def work(load: Load) -> None:
        os.kill(load._process.pid, signal.SIGSTOP)
        with pytest.raises(LoadError, match=r"did not answer 'witnessed' within 0.2 s"):
            await load.witnessed()
        monkeypatch.setattr(remote, "STUCK", WITHIN)
        with pytest.raises(LoadError, match="was killed by signal 9"):
            await load.witnessed()

    with_load(work)


def test_a_generator_that_speaks_nonsense_is_an_error() -> None:
    async def run() -> None:
        pipe = asyncio.subprocess.PIPE
        argv = (sys.executable, "-c", "print('hello', flush=True); input(); input()")
        load = Load(await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe))
        with pytest.raises(LoadError, match="can't be read"):
            await load.aim()
        await load.close()

    asyncio.run(run())


def test_an_end_of_stdin_ends_the_generator_in_the_middle_of_a_load() -> None:
    with servers.running("ipv4", servers.serve) as server:

        async def run() -> int:
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*WORKER, stdin=pipe, stdout=pipe, stderr=pipe)
            load = Load(process)
            await load.begin(Plan(server.target, rate=100.0))
            await load.close()
            assert process.returncode is not None
            return process.returncode

        assert asyncio.run(run()) == 0


def test_the_generator_does_not_outlive_a_killed_parent() -> None:
    program = (
        "import asyncio\n"
        "from seatrial.load.remote import start_local\n"
        "async def run():\n"
        "    load = await start_local()\n"
        "    print(load._process.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(run())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert Path(f"/proc/{worker}").exists()
    finally:
        parent.kill()
        parent.wait()
    parent.stdout.close()
    wait_until_gone(worker)


def test_the_generator_ignores_an_interrupt_that_is_meant_for_the_drill() -> None:
    async def run() -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*WORKER, stdin=pipe, stdout=pipe, stderr=pipe)
        load = Load(process)
        nowhere = Target("unix", "/nowhere/at/all", 0)
        await load.request(nowhere, "/", WITHIN)
        process.send_signal(signal.SIGINT)
        assert (await load.request(nowhere, "/", WITHIN)).outcome is Outcome.REFUSED
        await load.close()

    asyncio.run(run())


def test_modules_of_the_directory_it_starts_in_do_not_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(99)\n")
    ended = subprocess.run(WORKER, check=False, cwd=tmp_path, input=b"", timeout=60)
    assert ended.returncode == 0


def test_the_generator_may_open_more_files_than_it_was_started_with() -> None:
    """A soft limit of 64 would otherwise end the load at a handful of connections."""
    command = ["sh", "-c", 'ulimit -Sn 64; exec "$@"', "sh", *WORKER]

    async def run() -> None:
        pipe = asyncio.subprocess.PIPE
        load = Load(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe))
        with servers.running("ipv4", servers.serve) as server:
            await load.begin(Plan(server.target, rate=0.0, idle=100, never_used=0, keep_alive=0, lead=0.0))
            endings = {connection.ending for connection in (await load.finish(0)).connections}
        await load.close()
        assert endings == {Outcome.IDLE_OPEN}

    assert os.sysconf("SC_OPEN_MAX") > 300, "this test needs a few descriptors itself"
    asyncio.run(run())
