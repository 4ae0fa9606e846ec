"""What runs beside an instance ends with all that it ever started, however it ends, and leaves nothing in memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.engine.native import beside
from tests.requirements import require

from .conftest import DEADLINE, PYTHON, is_root
from .test_without_root import FORBID, FORBIDDEN, ORDINARY, forbidden

pytestmark = pytest.mark.slow
FAMILY = "setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo started; exec sleep 1000"
"""Children that left their group, and one whose parent has ended."""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(params=[[], ORDINARY], ids=["root", "ordinary user"])
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a program beside nothing in particular, as root or as an ordinary user, from where both can read."""
    prefix = request.param
    require("" if is_root else "only root can become somebody else")
    require(forbidden(*prefix) if prefix else "")
    folder = Path(tempfile.mkdtemp(prefix="beside-"))
    folder.chmod(0o755)
    script = shutil.copy(beside.__file__, folder)
    started: list[subprocess.Popen[bytes]] = []

    def run(*argv: str, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        words = [*before, *prefix, PYTHON, "-IS", "-B", script, "{}", str(os.getpid()), *argv]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()
    shutil.rmtree(folder)


def below(pid: int) -> set[int]:
    """All that came from a process."""
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                found |= {child} | below(child)
    return found


def family(start: Start) -> tuple[subprocess.Popen[bytes], set[int]]:
    """A program and all that it has started: itself, four children of which two came by themselves, and PID 1."""
    process = start("sh", "-c", FAMILY)
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    deadline = time.monotonic() + DEADLINE
    while len(found := below(process.pid)) < 6:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return process, found


def alive(pids: set[int]) -> set[int]:
    """Those that are more than a number that nobody has asked about yet."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                found.add(pid)
    return found


def test_at_sigterm_all_are_gone_before_it(start: Start) -> None:
    process, found = family(start)
    process.terminate()
    assert process.wait(DEADLINE) == 128 + signal.SIGKILL
    assert alive(found) == set()


def test_all_end_with_it_when_it_is_killed(start: Start) -> None:
    process, found = family(start)
    process.kill()
    deadline = time.monotonic() + DEADLINE
    while left := alive(found):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_all_end_with_the_program(start: Start) -> None:
    process = start("sh", "-c", "setsid sleep 1000 & exit 3")
    assert process.wait(DEADLINE) == 3


def test_a_signal_to_the_group_reaches_the_program_once(start: Start) -> None:
    process = start("sh", "-c", "trap 'echo told' INT; echo ready; read -r _; read -r _; exit 4")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(b"\n\n", timeout=DEADLINE)[0] == b"told\n"
    assert process.returncode == 4


def test_its_memory_is_its_own_and_the_hosts_processes_are_found(start: Start) -> None:
    # By /proc/PID/root the load reaches a Unix socket in an instance's file system.
    name = f"{beside.MEMORY}/of-test-{os.getpid()}"
    process = start("sh", "-c", f"echo x >{name} && cat {name} && cat /proc/{os.getpid()}/comm")
    assert process.communicate(timeout=DEADLINE)[0] == b"x\n" + Path("/proc/self/comm").read_bytes()
    assert not Path(name).exists()


@pytest.mark.parametrize("start", [[]], indirect=True, ids=["root"])
def test_where_namespaces_are_forbidden_it_runs_without(start: Start) -> None:
    process = start("sh", "-c", "exit 5", before=(*FORBIDDEN, FORBID, "sh"))
    assert process.wait(DEADLINE) == 5
