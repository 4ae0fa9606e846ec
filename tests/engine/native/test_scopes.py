"""Scopes of systemd's user manager: what it is asked, on a bus that is none; and on a real one, where there is systemd.

This kernel may have no controllers to give to the real one: which limits a scope has is shown on the false bus, that
processes get into it on the real one.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartError
from seatrial.engine.native import scopes
from seatrial.engine.native.cgroups import Hierarchy
from seatrial.engine.native.scopes import Manager, Scope
from tests.requirements import missing_program, require

from .conftest import DEADLINE, PYTHON, is_root
from .test_without_root import SOURCE, put_shim

SYSTEMD = Path("/lib/systemd/systemd")
USER = 65534
BUSCTL = """#!/bin/sh
printf '%s\\n' "$@" >>"$0.asked"
case "$*" in
*get-property*) echo '{"type":"s","data":"/user.slice/user@7.service"}' ;;
*AttachProcessesToUnit*) echo "Call failed: no such unit" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A busctl that writes down what it is asked; the file has a word a line."""
    program = tmp_path / "busctl"
    program.write_text(BUSCTL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "busctl.asked"


def unified(tmp_path: Path, controllers: str) -> tuple[Hierarchy, ...]:
    folder = tmp_path / "cgroup/user.slice/user@7.service"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text(controllers)
    return (Hierarchy(2, (), str(tmp_path / "cgroup"), "/"),)


def test_manager_is_found_with_the_controllers_that_it_has(bus: Path, tmp_path: Path) -> None:
    trees = unified(tmp_path, "memory pids\n")
    found = scopes.find(trees, {"XDG_RUNTIME_DIR": "/run/user/7"})
    assert found == Manager(f"{tmp_path}/cgroup/user.slice/user@7.service", frozenset({"memory", "pids"}))
    assert "ControlGroup" in bus.read_text()


def test_manager_without_controllers_or_a_bus_is_none(bus: Path, tmp_path: Path) -> None:
    trees = unified(tmp_path, "\n")
    assert scopes.find(trees, {"XDG_RUNTIME_DIR": "/run/user/7"}) is None
    assert scopes.find(trees, {}) is None
    assert scopes.find((), {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}) is None


def test_scope_is_asked_for_with_its_limits_and_processes(
    bus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scopes, "_is_inside", lambda _unit, _pid: True)
    for name in ("memory.max", "pids.max"):
        (tmp_path / name).touch()
    asyncio.run(scopes.start(Scope("ours.scope", (("MemoryMax", 7), ("TasksMax", 3)), str(tmp_path)), (11, 12)))
    words = bus.read_text().split()
    assert words[:1] == ["--user"] and words[2:7] == ["call", *scopes.MANAGER, "StartTransientUnit"]
    assert " ".join(words[7:]) == (
        "ssa(sv)a(sa(sv)) ours.scope fail 7 Description s seatrial Slice s app.slice CollectMode s inactive-or-failed "
        "Delegate b true PIDs au 2 11 12 MemoryMax t 7 TasksMax t 3 0"
    )


def test_limit_that_systemd_takes_and_does_not_enforce_is_an_error(
    bus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scopes, "_is_inside", lambda _unit, _pid: True)
    with pytest.raises(StartError, match="systemd scope: MemoryMax is not in force"):
        asyncio.run(scopes.start(Scope("ours.scope", (("MemoryMax", 7),), str(tmp_path)), (11,)))


def test_refusal_is_told(bus: Path) -> None:
    with pytest.raises(OSError, match="no such unit"):
        asyncio.run(scopes.join("ours.scope", 11))


TRIAL = """
import asyncio, json, os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from seatrial.engine.interface import StartOptions
from seatrial.engine.native import NativeEngine, scopes
from seatrial.engine.native.scopes import Manager
from seatrial.model.place import Sourced
from seatrial.model.service import Limits, Service

def place(pid):
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line for line in lines if line.startswith("0::"))

async def trial(found):
    line = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
    limits = Limits(memory=Sourced(256 << 20), pids=Sourced(40))
    service = Service("trial", sys.argv[2], Sourced(("/bin/sh", "-c", line)), limits=limits, user=Sourced("1:1"))
    async with await NativeEngine().start(service, StartOptions()) as instance:
        found["enforcement"] = instance.enforcement
        found["first"] = place(instance.host_pid.result())
        inside = await instance.execute(["sh", "-c", "exec sleep 0.3"], timeout=20)
        found["inside"] = [inside.code, inside.error]
        task = asyncio.create_task(instance.execute(["sleep", "5"], timeout=20))
        while not (pids := [each.host_pid for each in instance.processes() if each.argv == ("sleep", "5")]):
            await asyncio.sleep(0.01)
        found["command"] = place(pids[0])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

async def main():
    manager = Manager(sys.argv[3], frozenset({"memory", "pids"}))
    scopes.find = lambda *_: manager
    refused, taken = {}, {}
    await trial(refused)
    scopes.FILES = dict.fromkeys(scopes.FILES, "cgroup.procs")
    await trial(taken)
    print(json.dumps([refused, taken]))

asyncio.run(main())
"""


@pytest.fixture
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[str], dict[str, str], str]]:
    """systemd --user of an ordinary user, in cgroups of its own: the command that becomes such a user there, its
    environment, and the directory of the manager's cgroup."""
    for name in ("dbus-daemon", "busctl", "setpriv", "unshare"):
        require(missing_program(name))
    require("" if SYSTEMD.exists() else "systemd is not installed")
    trees = [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]
    if not is_root or not all(tree.is_dir() for tree in trees):
        pytest.skip(
            "an ordinary user's manager can be made by root, on a machine with a cgroup tree of systemd's alone"
        )
    own = [tree / f"systemd-for-tests-{os.getpid()}" for tree in trees]
    runtime = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    os.chown(runtime, USER, USER)
    for folder in own:
        folder.mkdir()
        for path in (folder, *folder.iterdir()):
            os.chown(path, USER, USER)
    enter = "; ".join(f"echo $$ >{folder}/cgroup.procs" for folder in own)
    become = f'{enter}; exec setpriv --reuid {USER} --regid {USER} --clear-groups --inh-caps=-all "$@"'
    environment = {
        "PATH": os.environ["PATH"],
        "XDG_RUNTIME_DIR": str(runtime),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus",
        "HOME": str(runtime),
    }
    as_user = ["sh", "-c", become, "sh"]
    bus = ["dbus-daemon", "--session", f"--address=unix:path={runtime}/bus", "--nofork", "--nopidfile"]
    # it runs only where systemd is the machine's, as far as it sees
    booted = 'mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system && exec "$@"'
    systemd = ["unshare", "-m", "--propagation", "private", "sh", "-c", booted, "sh", *as_user, str(SYSTEMD), "--user"]
    started = [_spawn([*as_user, *bus], environment)]
    try:
        _wait(lambda: (runtime / "bus").exists() or started[0].poll() is not None, "the bus")
        started.append(_spawn(systemd, environment))
        asked = [*as_user, "busctl", "--user", "--json=short", "get-property", *scopes.MANAGER, "ControlGroup"]

        def answer() -> str:
            if started[-1].poll() is not None:
                pytest.skip(f"systemd --user ends at once here, with {started[-1].returncode}")
            return subprocess.run(asked, env=environment, capture_output=True, check=False, timeout=DEADLINE).stdout

        _wait(answer, "an answer of systemd")
        yield as_user, environment, str(trees[1]) + json.loads(answer())["data"]
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
        for folder in own:
            _wait(lambda folder=folder: _is_removed(folder), f"the end of {folder}")
        shutil.rmtree(runtime)


def _spawn(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)


def _wait(is_so: Any, what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)


def _is_removed(folder: Path) -> bool:
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        try:
            path.rmdir()
        except OSError:
            return False
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_instance_and_its_commands_are_in_a_scope_of_the_real_manager(
    manager: tuple[list[str], dict[str, str], str],
) -> None:
    as_user, environment, folder = manager
    readable = Path(environment["XDG_RUNTIME_DIR"])
    (readable / "project").mkdir()
    os.chown(readable / "project", USER, USER)
    shutil.copytree(SOURCE, readable / "src/seatrial", ignore=shutil.ignore_patterns("__pycache__"))
    put_shim(readable)
    (readable / "trial.py").write_text(TRIAL)
    command = [*as_user, PYTHON, f"{readable}/trial.py", f"{readable}/src", f"{readable}/project", folder]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3 * DEADLINE)
    assert ended.returncode == 0, ended.stderr
    refused, taken = json.loads(ended.stdout)
    # what systemd takes and this kernel has no controller for is not in force: the next means in order is
    assert [each.split(" (")[0] for each in refused["enforcement"]] == ["memory 256 MiB: rlimit", "pids 40: rlimit"]
    assert ".scope" not in refused["first"]
    assert taken["enforcement"] == ["memory 256 MiB: systemd", "pids 40: systemd"]
    assert taken["first"].endswith(".scope") and "/app.slice/seatrial-" in taken["first"]
    assert taken["command"] == taken["first"]
    assert taken["inside"] == refused["inside"] == [0, ""]
