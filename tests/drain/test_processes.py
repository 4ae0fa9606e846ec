"""Whole programs: what a stop does to a process, and to the jobs of a worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.requirements import missing_module, require

pytestmark = pytest.mark.slow
PYTHON = sys.executable

WORKER = """
import os, pathlib, random, sys, time
from seatrial.drain.threads import Life
folder = pathlib.Path(sys.argv[1])
life = Life(deadline=5.0)

def take():
    for job in sorted(folder.glob("waiting/*")):
        mine = folder / "taken" / job.name
        try:
            job.rename(mine)
        except FileNotFoundError:
            continue
        return mine
    time.sleep(0.01)

def main():
    print("ready", flush=True)
    for job in life.jobs(take, give_back=lambda job: job.rename(folder / "waiting" / job.name)):
        time.sleep(random.random() / 50)
        with open(folder / "log", "a") as log:
            log.write(job.name + "\\n")
        job.rename(folder / "done" / job.name)

life.run(main)
"""
ASYNC_WORKER = """
import asyncio, pathlib, sys
from seatrial.drain.aio import Life
folder = pathlib.Path(sys.argv[1])
life = Life(deadline=1.0)

async def take():
    for job in sorted(folder.glob("waiting/*")):
        mine = folder / "taken" / job.name
        job.rename(mine)
        return mine
    await asyncio.sleep(0.01)

async def main():
    async for job in life.jobs(take, give_back=lambda job: job.rename(folder / "waiting" / job.name)):
        print("ready", flush=True)
        await asyncio.sleep(60)

life.run(main())
"""
BLOCKED = """
import asyncio, sys, time
from seatrial.drain.aio import Life
life = Life(deadline=0.3)

@life.hook
async def hook():
    time.sleep(60)

async def main():
    life.enter("GET /stuck")
    await asyncio.sleep(0)
    print("ready", flush=True)
    while not life.stopping or sys.argv[1] == "hook":
        await asyncio.sleep(0.01)
    while True:
        time.sleep(0.05)

life.run(main())
"""
DEAF = """
import asyncio, time
from seatrial.drain.aio import Life
life = Life(deadline=%s)

async def main():
    life.enter("GET /stuck")
    print("ready", flush=True)
    time.sleep(60)

life.run(main())
"""
UNREAD = """
import asyncio, logging, os, sys
from seatrial.drain.aio import Life
life = Life(deadline=0.3)

async def main():
    life.enter("GET /stuck")
    print("ready", flush=True)
    os.set_blocking(2, False)
    try:
        while True:
            os.write(2, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(2, True)
    sys.stdout.write("unflushed")
    await asyncio.sleep(60)

life.run(main())
"""
FORKED = """
import os, signal, sys, time
from seatrial.drain import aio, threads

def work():
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"x")
        time.sleep(60)
        os._exit(9)
    os.read(reading, 1)  # a signal in the middle of the fork is lost in any Python program
    os.kill(child, signal.SIGTERM)
    print("ready", flush=True)
    code = os.waitpid(child, 0)[1]
    print("child", os.waitstatus_to_exitcode(code), flush=True)

async def main():
    work()

threads.Life().run(work) if sys.argv[1] == "threads" else aio.Life().run(main())
"""
EARLY = """
import os, signal, sys, time
from seatrial.drain import aio, threads
life = {"threads": threads.Life, "aio": aio.Life}[sys.argv[1]](deadline=20)
life.take_signals()
print("ready", flush=True)
os.kill(os.getpid(), signal.SIGTERM)  # while the rest of the program is imported, say

@life.hook
def close_pool():
    print("pool closed", flush=True)

def work():
    while life.running:
        time.sleep(0.01)

async def main():
    import asyncio
    while life.running:
        await asyncio.sleep(0.01)

life.run(work) if sys.argv[1] == "threads" else life.run(main())
"""
STUBBORN_THREAD = """
import threading, time
from seatrial.drain import logs
from seatrial.drain.threads import Life
logs.configure()
life = Life(deadline=0.3)

def main():
    threading.Thread(target=time.sleep, args=(60,)).start()
    life.enter("GET /stuck")
    print("ready", flush=True)
    time.sleep(60)

life.run(main)
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [PYTHON, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    try:
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, out, err


def jobs(folder: Path, number: int) -> None:
    for name in ("waiting", "taken", "done"):
        (folder / name).mkdir()
    for job in range(number):
        (folder / "waiting" / f"{job:04}").touch()


def test_workers_that_are_stopped_again_and_again_lose_no_job_and_do_none_twice(tmp_path: Path) -> None:
    jobs(tmp_path, 150)
    for _ in range(40):
        pair = [start(WORKER, str(tmp_path)) for _ in range(2)]
        time.sleep(0.15)  # some work: when the signal comes in it is left to chance, on purpose
        for process in pair:
            process.send_signal(signal.SIGTERM)
        assert [ended(process)[0] for process in pair] == [0, 0]
        assert list((tmp_path / "taken").iterdir()) == []
        if not list((tmp_path / "waiting").iterdir()):
            break
    assert len(list((tmp_path / "done").iterdir())) + len(list((tmp_path / "waiting").iterdir())) == 150
    log = (tmp_path / "log").read_text().split()
    assert len(log) == len(set(log)) == len(list((tmp_path / "done").iterdir())) > 0


def test_a_job_that_takes_too_long_is_given_back_and_the_code_says_so(tmp_path: Path) -> None:
    jobs(tmp_path, 1)
    process = start(ASYNC_WORKER, str(tmp_path))
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 124
    assert [job.name for job in (tmp_path / "waiting").iterdir()] == ["0000"]


@pytest.mark.parametrize("where", ["main", "hook"])
def test_a_blocked_event_loop_is_ended_after_the_deadline(where: str) -> None:
    process = start(BLOCKED, where)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert code == 124
    assert "not done in time: GET /stuck" in err
    assert "still running after the deadline: ending the process" in err


def test_a_signal_that_a_blocked_event_loop_never_hears_ends_the_process_at_the_deadline() -> None:
    process = start(DEAF % 0.3)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert code == 124
    assert "not done in time: GET /stuck" in err


def test_a_third_signal_ends_a_blocked_event_loop_too() -> None:
    process = start(DEAF % 3600.0)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)  # two at once are one (signal(7))
    assert ended(process)[0] == 130


def test_a_stop_whose_lines_nobody_reads_ends_the_process_all_the_same() -> None:
    process = start(UNREAD)
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(30) == 124
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", ["threads", "aio"])
def test_a_forked_child_dies_of_its_signal_as_it_would_without_a_life(kind: str) -> None:
    code, out, err = ended(start(FORKED, kind))
    assert (code, out) == (0, "child -15\n"), err


@pytest.mark.parametrize("kind", ["threads", "aio"])
def test_a_signal_that_comes_before_the_program_runs_is_remembered(kind: str) -> None:
    code, out, err = ended(start(EARLY, kind))
    assert (code, out) == (0, "pool closed\n"), err


def test_threads_that_do_not_end_do_not_hold_up_the_exit_and_the_last_lines_arrive() -> None:
    process = start(STUBBORN_THREAD)
    process.send_signal(signal.SIGTERM)
    code, out, _ = ended(process)
    assert code == 124
    messages = [json.loads(line)["message"] for line in out.splitlines()]
    assert any(message.startswith("not done in time: GET /stuck") for message in messages)
    assert messages[-1] == "stopped: exit code 124"


def test_a_third_signal_ends_the_process_with_its_code() -> None:
    code = STUBBORN_THREAD.replace("deadline=0.3", "deadline=60")
    process = start(code)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)  # two at once are one (signal(7))
    assert ended(process)[0] == 143


def test_an_exit_code_of_0_needs_no_init(tmp_path: Path) -> None:
    """Not as PID 1 a server that dies of the signal once more would give 143."""
    if not (Path(__file__).parent / "apps" / "uvicorn_drained.py").exists():
        pytest.fail("the application of this test is gone")
    require(missing_module("uvicorn"))
    app = Path(__file__).parent / "apps"
    code = (
        "import asyncio, os, signal, sys; sys.path.insert(0, os.environ['APPS'])\n"
        "from asgi_app import app\nfrom seatrial.drain import serve\nfrom seatrial.drain.aio import Life\n"
        "life = Life()\n"
        "async def ready(scope, receive, send):\n"
        "    if scope['type'] == 'lifespan':\n        print('ready', flush=True)\n"
        "        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGTERM)\n"
        "    await app(scope, receive, send)\n"
        "serve.uvicorn(ready, life, uds=os.environ['UDS'], log_level='warning')\n"
    )
    process = subprocess.run(
        [PYTHON, "-c", code],
        env={**os.environ, "APPS": str(app), "UDS": str(tmp_path / "s")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (process.returncode, process.stdout) == (0, "ready\n")


HOOKED = """
from wsgi_app import app as plain
from seatrial.drain.threads import Life
from seatrial.drain.wsgi import Middleware
life = Life()

@life.hook
def close_pool():
    print("pool closed", flush=True)

app = Middleware(plain, life)
"""


def served(path: Path) -> bool:
    """Whether a server answers a request at a Unix socket."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return connection.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_a_gunicorn_worker_runs_the_hooks_of_its_application(kind: str, tmp_path: Path) -> None:
    require(missing_module("gunicorn"))
    (tmp_path / "hooked.py").write_text(HOOKED)
    apps = Path(__file__).parent / "apps"
    argv = [PYTHON, "-m", "gunicorn", "-c", "python:seatrial.drain.gunicorn", "-k", kind, "-b", f"unix:{tmp_path}/s"]
    server = subprocess.Popen(
        [*argv, "hooked:app"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{apps}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    limit = time.monotonic() + 30
    while not served(tmp_path / "s"):
        assert time.monotonic() < limit
        time.sleep(0.05)
    server.send_signal(signal.SIGTERM)
    code, out, err = ended(server)
    assert (code, out) == (0, "pool closed\n"), err
