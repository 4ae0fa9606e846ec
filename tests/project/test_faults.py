"""What goes wrong around services, and what is lost by it: nothing that can be kept."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.project.client import NoSupervisorError
from tests.project.conftest import Harness, shell

pytestmark = pytest.mark.slow
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount and make cgroups")
DEAF = "import signal, time\nfor n in (1, 2, 10, 12, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(999)"


def alive(pid: int) -> bool:
    """Whether a process runs, and isn't dead already."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def python(name: str, program: str, more: str = "") -> str:
    own = json.dumps(["python3", "-c", program.replace("$", "$$")])
    return f"  {name}:\n    image: python\n    x-seatrial: {{command: {own}}}\n{more}"


def test_what_misbehaves_is_ended_and_told_apart(project: Harness) -> None:
    """A fork bomb under its limit, a process that ignores everything, one that leaves an orphan with its output."""
    bomb = "f() { f | f & f; }; f"
    orphan = "(sleep 300 &) ; echo left; exit 3"
    project.write(
        "services:\n"
        + shell("bomb", bomb, "    pids_limit: 30\n")
        + python("deaf", DEAF)
        + shell("orphan", orphan)
        + shell("calm", "exec sleep 999")
    )
    project.run("up", "-d")
    project.eventually(lambda: project.rows()["orphan"]["State"] == "exited")
    assert project.rows()["orphan"]["ExitCode"] == 3
    assert project.run("logs", "--no-log-prefix", "orphan") == "left\n"
    assert project.rows()["calm"]["State"] == "running"
    if os.geteuid() == 0:
        assert any("pids 30" in said for said in project.inspect("bomb")["Seatrial"]["Enforcement"])
    project.run("stop", "-t", "1")
    rows = project.rows()
    assert {row["State"] for row in rows.values()} == {"exited"}
    assert rows["deaf"]["ExitCode"] == 137
    assert rows["calm"]["ExitCode"] in (137, 143)


def test_a_shim_that_is_killed_takes_its_instance_along_and_the_policy_starts_it_again(project: Harness) -> None:
    project.write("services:\n" + shell("web", "exec sleep 999", "    restart: always\n"))
    project.run("up", "-d")
    before = project.inspect("web")["State"]["Pid"]
    shim = json.loads((project.kept("shop-web-1") / "instance.json").read_text())["shim"][0]
    os.kill(shim, signal.SIGKILL)
    project.eventually(lambda: project.inspect("web")["State"]["Pid"] not in (0, before))
    assert not alive(before)
    assert project.inspect("web")["RestartCount"] == 1


def test_a_process_that_got_a_dead_ones_number_is_left_alone(project: Harness) -> None:
    project.write("services:\n" + shell("web", "exec sleep 999"))
    project.run("up", "-d")
    record = project.kept("shop-web-1") / "instance.json"
    saved = json.loads(record.read_text())
    os.kill(project.supervisor(), signal.SIGKILL)
    for pid, _ in (saved["shim"], saved["first"]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    project.eventually(lambda: not alive(saved["shim"][0]))
    with subprocess.Popen(["sleep", "999"]) as stranger:
        for name in ("shim", "first"):
            saved[name][0] = stranger.pid
        record.write_text(json.dumps(saved))
        row = project.rows()["web"]
        assert (row["State"], row["ExitCode"]) == ("exited", 255)
        project.run("down")
        assert stranger.poll() is None
        stranger.kill()


def running(line: str) -> list[int]:
    """The processes of this very command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().replace(b"\0", b" ").decode().strip() == line and alive(int(path.parent.name)):
                found.append(int(path.parent.name))
    return found


def test_a_supervisor_that_is_killed_at_any_moment_leaves_what_the_next_understands(project: Harness) -> None:
    line = f"sleep {os.getpid()}.5"
    project.write("services:\n" + "".join(shell(f"s{number}", f"exec {line}") for number in range(4)))
    project.run("up", "--no-start")
    for wait in (0.0, 0.06, 0.15):
        for work in ("up", "stop"):
            values = {"fleet": json.loads(next(project.state.glob("*/fleet.json")).read_text()), "timeout": 0}
            with contextlib.suppress(NoSupervisorError, OSError, ValueError):
                steps = project.client.post(work, values=values)
                next(steps, None)
                time.sleep(wait)
            with contextlib.suppress(AssertionError, ProcessLookupError):
                os.kill(project.supervisor(), signal.SIGKILL)
            project.run("ps")
        project.run("up", "-d")
        assert {row["State"] for row in project.rows().values()} == {"running"}
        project.eventually(lambda: len(running(line)) == 4)
    project.run("down", "-t", "0")
    project.eventually(lambda: running(line) == [])
    assert list(project.state.glob("*/instances/*")) == []


def test_a_hundred_services_come_up_and_go_down(project: Harness) -> None:
    project.write("services:\n" + "".join(shell(f"s{number}", "exec sleep 999") for number in range(100)))
    project.run("up", "-d")
    rows = project.rows()
    assert len(rows) == 100
    assert {row["State"] for row in rows.values()} == {"running"}
    project.run("down", "-t", "0")
    assert list(project.state.glob("*/instances/*")) == []


@pytest.fixture
def small_disk(project: Harness) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", str(project.state)], check=True)
    try:
        yield project.state
    finally:
        if any(project.state.glob("*/fleet.json")):
            project.run("down", "-t", "1", code=None)
        subprocess.run(["umount", "-l", str(project.state)], check=True)


@needs_root
def test_a_full_disk_holds_the_log_up_and_loses_none_of_it(project: Harness, small_disk: Path) -> None:
    line = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.01; done; exit 7"
    project.write("services:\n" + shell("web", line, "    restart: on-failure:1\n") + shell("calm", "exec sleep 999"))
    project.run("up", "-d")
    ballast = small_disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert os.statvfs(small_disk).f_bavail == 0
    assert project.rows()["calm"]["State"] == "running"
    project.run("stop", "calm")
    assert project.rows()["calm"]["State"] == "exited"
    with project.start("up", "-d") as process:
        assert "No space left on device" in process.communicate(timeout=60)[1]
    time.sleep(1.0)  # so much is written to a disk that is full
    ballast.unlink()
    project.eventually(lambda: project.rows()["web"]["State"] == "exited")
    shown = project.run("logs", "--no-log-prefix", "web").splitlines()
    assert shown == [f"line {number}" for number in range(300)] * 2
    assert project.rows()["web"]["ExitCode"] == 7


@pytest.mark.parametrize("limit", ["descriptors", "processes"])
def test_where_descriptors_or_processes_run_out_what_runs_goes_on(project: Harness, limit: str) -> None:
    """The supervisor says that it can't start more; it does not end, and neither does what it has started."""
    services = "".join(shell(f"s{number}", "exec sleep 999") for number in range(12))
    project.write("services:\n" + shell("first", "exec sleep 999") + services)
    with scarce(limit) as prefix:
        argv = [*prefix, sys.executable, "-m", "seatrial", "up", "-d"]
        environment = {**os.environ, "SEATRIAL_STATE": str(project.state)}
        options = {"cwd": project.directory, "env": environment, "capture_output": True, "text": True, "timeout": 120}
        first = subprocess.run([*argv, "first"], check=False, **options)  # type: ignore[call-overload]
        assert first.returncode == 0, first.stderr
        pid = project.inspect("first")["State"]["Pid"]
        rest = subprocess.run(argv, check=False, **options)  # type: ignore[call-overload]
        assert rest.returncode != 0
        assert "error: " in rest.stderr
        assert "this is a bug in seatrial" not in rest.stderr
        first_row = project.rows()["first"]
        assert (first_row["State"], project.inspect("first")["State"]["Pid"]) == ("running", pid)
        project.run("down", "-t", "0")


@contextlib.contextmanager
def scarce(limit: str) -> Iterator[list[str]]:
    """What comes before a command so that it has few of something."""
    if limit == "descriptors":
        yield ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh"]
        return
    folder = Path(f"/sys/fs/cgroup/pids/few-for-tests-{os.getpid()}")
    try:
        folder.mkdir()
        (folder / "pids.max").write_text("12")
    except OSError:
        pytest.skip("there is no cgroup of processes (version 1) that may be made here")
    try:
        yield ["sh", "-c", f'echo $$ >{folder}/cgroup.procs; exec "$@"', "sh"]
    finally:
        deadline = time.monotonic() + 20
        while True:
            try:
                folder.rmdir()
                break
            except OSError:
                assert time.monotonic() < deadline, "what was started is still there"
                time.sleep(0.1)
