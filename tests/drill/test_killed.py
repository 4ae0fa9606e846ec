"""A whole trial that is killed at any moment, by SIGKILL and by Ctrl-C: nothing of it is left.

The moment is a line of its progress, so that it means the same on a slow machine. All its processes become ours when
it dies (PR_SET_CHILD_SUBREAPER), so that none can hide; files and mounts have a folder of their own, and cgroups its
number. Some moments run with the other slow tests; with SEATRIAL_ALL_KILLS=1 2 × 12 over the whole trial, and 2 × 19
over one with a database and a load command of several processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from seatrial.drill.programs import DATA, PROGRAMS, lacking
from tests.docker_engine import DockerEngine
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import left as left_on_engine
from tests.requirements import missing_module, missing_program, require

from .test_mutants import copied

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ALL = bool(os.environ.get("SEATRIAL_ALL_KILLS"))
SEED = 6
NEXT = """
from seatrial.drill.acts import rollout
from seatrial.engine.native import leftovers
leftovers.sweep(())
rollout.sweep()
"""
"""What the next trial begins with: after SIGKILL in the middle of a start an empty directory may be there."""
LINES = 110
"""So many lines of progress has a trial of the good service with a cache."""
DEADLINE = 30.0
_SUBREAPER = 36


def moments(number: int) -> list[tuple[int, float]]:
    """Lines of progress spread over the trial, each with a part of a second after it."""
    chance = random.Random(SEED)
    step = LINES // number
    return [(chance.randint(step * place, step * place + step - 1), chance.random() / 5) for place in range(number)]


Case: TypeAlias = tuple[signal.Signals, int, float]
BOTH = (signal.SIGKILL, signal.SIGINT)
NATIVE: list[Case] = [(signal.SIGKILL, 40, 0.1), (signal.SIGINT, 9, 0.05)]
DOCKER: list[Case] = [(signal.SIGKILL, 12, 0.1)]
if ALL:
    NATIVE = [(number, *moment) for number in BOTH for moment in moments(12)]
    DOCKER = [(number, *moment) for number in BOTH for moment in ((4, 0.0), (25, 0.1), (60, 0.1))]


@pytest.fixture(autouse=True)
def _orphans_are_ours() -> Iterator[None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    yield
    prctl(_SUBREAPER, 0, 0, 0, 0)


def descendants(pid: int) -> set[int]:
    """The living processes below one, of all PID namespaces."""
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                if is_alive(child):
                    found |= {child} | descendants(child)
    return found


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def cgroups_of(pid: int) -> list[str]:
    walked = os.walk("/sys/fs/cgroup")  # which goes on where a folder has vanished meanwhile
    return [f"{root}/{name}" for root, names, _ in walked for name in names if re.match(rf"seatrial-\d+-{pid}-", name)]


def wait_nothing(look: Callable[[], list[str]]) -> None:
    deadline = time.monotonic() + DEADLINE
    while left := look():
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def kill_at(argv: list[str], folder: Path, number: signal.Signals, line: int, later: float) -> tuple[int, str]:
    """Run a trial and send a signal at a line of its progress; its PID and the line."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment) as trial:
        assert trial.stderr is not None
        said = ""
        for _ in range(line):
            said = trial.stderr.readline() or said
        time.sleep(later)  # into the middle of what the line tells of
        trial.send_signal(number)
        if number is signal.SIGKILL:
            trial.wait(DEADLINE)
        else:
            trial.communicate(timeout=DEADLINE)
        assert trial.returncode in (0, 1, 130, -number), trial.returncode
    return trial.pid, said


def drill(project: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "seatrial", "drill", str(project), "--service=api", "--no-color", *more]


def left_of(pid: int, number: signal.Signals, folder: Path, before: set[int]) -> list[str]:
    """What there still is of a trial; after SIGKILL the next one has begun."""
    found = [f"process {each}" for each in descendants(os.getpid()) - before]
    if number is signal.SIGKILL and not found:
        subprocess.run([sys.executable, "-c", NEXT], env={**os.environ, "TMPDIR": str(folder)}, check=True)
    found += [str(each) for each in (*folder.iterdir(), Path(DATA)) if each.exists()]
    found += [text for text in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in text]
    return found + cgroups_of(pid)


@pytest.mark.parametrize(("number", "line", "later"), NATIVE)
def test_nothing_is_left_of_a_killed_trial(number: signal.Signals, line: int, later: float, tmp_path: Path) -> None:
    project, folder = copied(tmp_path, "node"), tmp_path / "temporary"
    folder.mkdir(mode=0o711)
    before = descendants(os.getpid())
    pid, said = kill_at(drill(project), folder, number, line, later)

    try:
        wait_nothing(lambda: left_of(pid, number, folder, before))
    except AssertionError as error:
        raise AssertionError(f"killed after {said!r}: {error}") from None


LOAD = """
import pathlib, signal, socket, sys, time, urllib.parse
signal.signal(signal.SIGINT, signal.SIG_IGN)
there = urllib.parse.urlsplit(sys.argv[1])
connection = socket.create_connection((there.hostname, there.port))
pathlib.Path(sys.argv[2]).touch()
time.sleep(1000)
"""
"""Connects, says so in a file, and takes no notice of Ctrl-C."""


def kill_after(argv: list[str], folder: Path, number: signal.Signals, begun: Path | None, later: float) -> int:
    """Run a trial and send a signal so long after a file is there, or after its own start; its PID."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    trial = subprocess.Popen(argv, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 2 * DEADLINE
    while begun is not None and not begun.exists() and trial.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(later)
    trial.send_signal(number)
    assert trial.wait(DEADLINE) in (0, 1, 130, -number)
    assert begun is None or begun.exists(), "the load command did not begin"
    return trial.pid


# the stop comes 1 s after the load has begun, and 0.5 s after the end the load is ended, for which it gets 3 s
BESIDE: list[tuple[signal.Signals, bool, float]] = [(signal.SIGKILL, True, 0.5), (signal.SIGINT, True, 2.5)]
if ALL:
    BESIDE += [(number, False, later / 10) for number in BOTH for later in range(2, 20, 2)]
    BESIDE += [(number, True, later / 2) for number in BOTH for later in range(10)]


@pytest.mark.parametrize(("number", "loaded", "later"), BESIDE)
def test_nothing_is_left_of_what_runs_beside(
    number: signal.Signals, loaded: bool, later: float, tmp_path: Path
) -> None:
    """A database with processes and files of its own, and a load command with children, while it is prepared, starts,
    works and is ended. The load command is not ours to trust."""
    require(lacking(PROGRAMS["postgres"]))
    require("" if os.geteuid() == 0 else "a load command can be watched as root alone")
    project, folder = copied(tmp_path, "node"), tmp_path / "temporary"
    folder.mkdir(mode=0o711)
    begun = tmp_path / "begun"
    (tmp_path / "load.py").write_text(LOAD, encoding="utf-8")
    load = f"setsid sleep 1000 & {sys.executable} {tmp_path}/load.py {{url}} {begun} | cat"
    before = descendants(os.getpid())
    argv = drill(project, "--only=stop", "--grace=1", "-e", "DATABASE_URL=postgresql://app@db/shop")
    argv.append(f"--load-from={shlex.join(['sh', '-c', load])}")
    pid = kill_after(argv, folder, number, begun if loaded else None, later)

    wait_nothing(lambda: left_of(pid, number, folder, before))


ON_DOCKER = """
services:
  api:
    image: {image}
    command: [node, /srv/trial/server.js]
    environment:
      PORT: "3000"
    stop_grace_period: 5s
    depends_on: [cache]
    volumes: [/usr:/usr:ro, /etc:/etc:ro, .:/srv/trial:ro]
  cache:
    image: {image}
    command: [sleep, "1000"]
    volumes: [/usr:/usr:ro, /etc:/etc:ro]
"""


def next_trial() -> None:
    """What the next trial on an engine begins with."""
    from seatrial.engine.docker.client import connect
    from seatrial.engine.docker.owner import sweep

    with contextlib.closing(connect()) as api:
        sweep(api)


@pytest.mark.parametrize(("number", "line", "later"), DOCKER)
def test_nothing_is_left_on_an_engine(
    number: signal.Signals,
    line: int,
    later: float,
    tmp_path: Path,
    docker_engine: DockerEngine,
    host_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After SIGKILL nobody is there who could ask the engine: what begins the next trial removes it."""
    require(missing_module("docker") or missing_program("node"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{docker_engine.socket}")
    project, folder = copied(tmp_path, "node"), tmp_path / "temporary"
    folder.mkdir(mode=0o711)
    (project / "compose.yaml").write_text(ON_DOCKER.format(image=host_image), encoding="utf-8")
    (project / "Dockerfile").unlink()
    before = descendants(os.getpid()) - descendants(docker_engine.pid)
    _, said = kill_at(drill(project, "--engine=docker"), folder, number, line, later)

    def left() -> list[str]:
        if number is signal.SIGKILL:  # again and again: the engine may still be at what it was asked for last
            next_trial()
        below = descendants(os.getpid()) - descendants(docker_engine.pid)
        return [f"process {each}" for each in below - before] + list(map(str, left_on_engine(docker_engine)))

    try:
        wait_nothing(left)
    except AssertionError as error:
        raise AssertionError(f"killed after {said!r}: {error}") from None
