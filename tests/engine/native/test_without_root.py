"""Trials as an ordinary user with user namespaces, and where namespaces are forbidden.

Run as root, the trial becomes an ordinary user (65534) in a process of its own; else it is one already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import StartError
from seatrial.engine.native import shim
from seatrial.engine.native.failures import explained
from seatrial.model.errors import UnsupportedError
from tests.requirements import require

from .conftest import PYTHON, is_root

SOURCE = Path(__file__).parents[3] / "src" / "seatrial"
TRIAL = """
import asyncio, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from seatrial.engine.interface import StartOptions
from seatrial.engine.native import NativeEngine
from seatrial.model.errors import UnsupportedError
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Limits, Mount, Service

def look(pieces):
    return b"".join(piece.data for piece in pieces).decode()

async def main():
    engine = NativeEngine()
    found = {"rootless": engine.machine().rootless}
    script = "id -u; touch /app/new /data/new /tmp/new && echo written; "
    script += "rm -r part && mkdir part && ls part; trap 'exit 4' TERM; echo ready; "
    script += "while :; do sleep 0.05; done"
    service = Service(
        "trial", sys.argv[2], Sourced(("/bin/sh", "-c", script)),
        workdir=Sourced("/app"), copies=(Copy((".",), "/app"),),
        user=Sourced("1000:1000"), limits=Limits(memory=Sourced(64 << 20)),
        mounts=(Sourced(Mount("volume", "", "/data")),),
    )
    pieces = []
    instance = await engine.start(service, StartOptions(on_output=pieces.append))
    async with instance:
        while "ready" not in look(pieces) and not instance._ended.done():
            await asyncio.sleep(0.01)
        found["user"] = instance.processes()[0].user
        found["inside"] = (await instance.execute(["sh", "-c", "id -u; cat /proc/1/comm"], timeout=20)).output.split()
        beside = await instance.spawn_beside([sys.executable, "-c", "import socket; print(socket.if_nameindex())"])
        found["beside"] = (await beside.communicate())[0].decode()
        ended, killed = await instance.stop(signal.SIGTERM, 20)
        found |= {"code": ended.code, "killed": killed, "output": look(pieces).split()}
        found |= {"enforcement": instance.enforcement, "approximations": instance.approximations}
        owned = instance.about.launch["owned"]
    found["left"] = [folder for folder in owned if os.path.exists(folder)]
    return found

try:
    print(json.dumps(asyncio.run(main())))
except UnsupportedError as error:
    print(json.dumps({"unsupported": str(error), "hint": error.hint}))
"""
ORDINARY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
FORBIDDEN = ["unshare", "--user", "--map-root-user", "sh", "-c"]
FORBID = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"'


@pytest.fixture
def readable() -> Iterator[Path]:
    """A directory that everybody can read, with the package, a trial and a project that everybody owns."""
    folder = Path(tempfile.mkdtemp(prefix="without-root-"))
    try:
        shutil.copytree(SOURCE, folder / "src" / "seatrial", ignore=shutil.ignore_patterns("__pycache__"))
        put_shim(folder)
        (folder / "trial.py").write_text(TRIAL)
        (folder / "project").mkdir()
        (folder / "project" / "part").mkdir()
        (folder / "project" / "part" / "file").write_text("x")
        if is_root:
            for path in (folder / "project").rglob("*"):
                os.chown(path, 65534, 65534)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def put_shim(folder: Path) -> None:
    """Where a copy of the package finds its shim: where a checkout has it built."""
    (folder / "native" / "build").mkdir(parents=True)
    shutil.copy(shim.find(), folder / "native" / "build" / shim.NAME)


def run_trial(readable: Path, *prefix: str) -> dict[str, Any]:
    """What the trial found out."""
    command = [*prefix, PYTHON, str(readable / "trial.py"), str(readable / "src"), str(readable / "project")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd="/", check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def forbidden(*prefix: str) -> str:
    """Why an ordinary user can't be isolated here, or ""."""
    command = [*prefix, "unshare", "--user", "--map-root-user", "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return ""
    return "this machine lets no ordinary user make user namespaces"


@pytest.mark.slow
def test_ordinary_user_runs_a_service_in_a_user_namespace(readable: Path) -> None:
    prefix = ORDINARY if is_root else []
    require(forbidden(*prefix))
    found = run_trial(readable, *prefix)
    assert found.get("rootless") is True, found
    assert (found["code"], found["killed"]) == (4, False)
    assert found["output"] == ["1000", "written", "ready"]
    assert (found["user"], found["inside"]) == (1000, ["1000", "sh"])
    assert "'lo'" in found["beside"]
    assert any("without root" in sentence for sentence in found["approximations"])
    assert len(found["enforcement"]) == 1
    assert found["left"] == []


@pytest.mark.slow
@pytest.mark.skipif(not is_root, reason="only root may mount")
@pytest.mark.parametrize("prefix", [[], ORDINARY], ids=["root", "ordinary user"])
def test_host_that_is_a_container_itself_with_files_mounted_in_etc(readable: Path, prefix: list[str]) -> None:
    require(forbidden(*prefix) if prefix else "")
    mount = 'for f in hosts passwd; do mount --bind /etc/$f /etc/$f || exit 9; done; exec "$@"'
    found = run_trial(readable, "unshare", "--mount", "sh", "-c", mount, "sh", *prefix)
    assert found.get("code") == 4, found
    assert found["left"] == []


@pytest.mark.slow
def test_machine_that_forbids_namespaces_is_told_so_with_a_hint(readable: Path) -> None:
    require("" if is_root or not forbidden() else "it is forbidden here already, and can't be forbidden twice")
    found = run_trial(readable, *FORBIDDEN, FORBID, "sh")
    assert "does not let seatrial make namespaces" in found.get("unsupported", ""), found
    assert "user.max_user_namespaces" in found["hint"]


def test_only_the_failure_to_make_namespaces_is_the_machines() -> None:
    unsupported = explained(StartError("new user namespace", "Operation not permitted"), True)
    assert isinstance(unsupported, UnsupportedError)
    assert "run seatrial as root" in unsupported.hint
    assert "privileged" in explained(StartError("new PID namespace", "Operation not permitted"), False).hint
    masked = explained(StartError("file system", "mount /proc: Operation not permitted"), True)
    assert isinstance(masked, UnsupportedError)
    assert "masked" in masked.hint
    own = StartError("working directory /x", "No such file or directory")
    assert explained(own, True) is own
