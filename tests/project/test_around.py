"""What belongs to services besides their processes: files that stay, limits, logs that go elsewhere, other users."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.engine.native import shim
from seatrial.model import codec
from seatrial.model.deployment import Deployment, Fleet
from seatrial.model.place import Sourced
from seatrial.model.service import Service
from seatrial.project.client import Client
from tests.engine.native.conftest import PYTHON
from tests.engine.native.test_without_root import ORDINARY, forbidden
from tests.project.conftest import Harness, free_port, server, shell
from tests.requirements import require

pytestmark = pytest.mark.slow
is_root = os.geteuid() == 0


def test_volumes_and_binds_stay_and_volumes_are_removed_on_request(project: Harness) -> None:
    line = "echo once >>/state/notes; echo once >>/shared/notes; cat /state/notes; exec sleep 999"
    mounts = "    volumes: ['state:/state', './shared:/shared']\n"
    project.write("services:\n" + shell("web", line, mounts) + "volumes: {state: {}}\n")
    project.run("up", "-d")
    project.run("down", "-t", "0")
    project.run("up", "-d")
    project.eventually(lambda: project.run("logs", "--no-log-prefix") == "once\nonce\n")
    assert (project.directory / "shared" / "notes").read_text() == "once\nonce\n"
    project.run("down", "-t", "0", "-v")
    project.run("up", "-d")
    project.eventually(lambda: project.run("logs", "--no-log-prefix") == "once\n")


def test_the_limits_in_force_are_always_said(project: Harness) -> None:
    eat = "import time; b = bytearray(256 << 20); b[::4096] = b'x' * len(b[::4096]); time.sleep(999)"
    own = json.dumps(["python3", "-c", eat])
    limits = "    mem_limit: 48m\n    memswap_limit: 48m\n    cpus: 0.5\n    ulimits: {nofile: 123}\n"
    project.write(f"services:\n  web:\n    image: python\n    x-seatrial: {{command: {own}}}\n{limits}")
    with project.start("up", "-d") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    said = next(line for line in err.splitlines() if line.startswith(" Service web  Limits: memory 48 MiB"))
    assert "cpus 0.5" in said and "ulimit nofile 123:123 (rlimit)" in said
    project.eventually(lambda: project.rows()["web"]["State"] == "exited")
    state = project.inspect("web")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (137, True)


def test_a_log_driver_gets_all_lines_although_supervisor_and_service_are_replaced(project: Harness) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        address = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        logging = f"    logging: {{driver: syslog, options: {{syslog-address: '{address}', syslog-format: rfc5424}}}}\n"
        line = "echo begins; sleep 999"
        project.write("services:\n" + shell("web", line, logging + "    restart: always\n"))
        project.run("up", "-d")
        assert receiver.recv(9999).endswith(b"begins")
        os.kill(project.supervisor(), signal.SIGKILL)
        os.kill(project.inspect("web")["State"]["Pid"], signal.SIGKILL)
        assert receiver.recv(9999).endswith(b"begins")
        assert project.inspect("web")["Seatrial"]["Log"]["Dropped"] == 0


def test_a_paused_service_does_nothing_until_it_goes_on(project: Harness) -> None:
    project.write("services:\n" + shell("web", "while :; do echo tick; sleep 0.05; done"))
    project.run("up", "-d")
    project.run("pause")
    assert project.rows()["web"]["State"] == "paused"
    log = Path(project.inspect("web")["LogPath"])
    project.eventually(lambda: (size := log.stat().st_size) == (_later(log) or size))
    project.run("unpause")
    size = log.stat().st_size
    project.eventually(lambda: log.stat().st_size > size)


def _later(log: Path) -> int:
    """The size a while later: several of its lines would have come."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["sleep", "9"], timeout=0.4, check=False)
    return log.stat().st_size


def test_a_changed_file_restarts_its_service(project: Harness) -> None:
    (project.directory / "app").mkdir()
    (project.directory / "app" / "text").write_text("first")
    more = "    volumes: ['./app:/app']\n    develop: {watch: [{path: ./app, action: sync+restart}]}\n"
    project.write("services:\n" + shell("web", "cat /app/text; echo; exec sleep 999", more))
    with project.start("up", "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "first" in process.stdout.readline()
        while "Watch enabled" not in process.stderr.readline():
            pass
        (project.directory / "app" / "text").write_text("second")
        assert "second" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_changed_file_runs_a_command_inside_and_what_is_rebuilt_is_shown_on(project: Harness) -> None:
    for name in ("text", "code"):
        (project.directory / name).mkdir()
        (project.directory / name / "file").write_text("first")
    hook = "{command: [sh, -c, 'echo $$WHO read $$(cat /app/text/file)'], environment: {WHO: hook}}"
    rules = f"[{{path: ./text, action: sync+exec, exec: {hook}}}, {{path: ./code, action: rebuild}}]"
    more = f"    volumes: ['.:/app']\n    develop: {{watch: {rules}}}\n"
    project.write("services:\n" + shell("web", "echo begins; exec sleep 999", more))
    with project.start("up", "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "begins" in process.stdout.readline()
        while "Watch enabled" not in process.stderr.readline():
            pass
        first = project.inspect("web")["Id"]
        (project.directory / "text" / "file").write_text("second")
        assert process.stdout.readline() == "hook read second\n"
        (project.directory / "code" / "file").write_text("second")
        assert "begins" in process.stdout.readline()
        assert project.inspect("web")["Id"] != first
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_after_a_boot_resume_brings_back_what_the_policy_says(project: Harness) -> None:
    project.write(
        "services:\n"
        + shell("always", "exec sleep 999", "    restart: always\n")
        + shell("once", "exec sleep 999", "    restart: 'no'\n")
    )
    project.run("up", "-d")
    os.kill(project.supervisor(), signal.SIGKILL)
    for record in project.state.glob("*/instances/*/kept/instance.json"):
        saved = json.loads(record.read_text())
        os.kill(saved["shim"][0], signal.SIGKILL)
        record.write_text(json.dumps({**saved, "boot": "earlier"}))
    for state in project.state.glob("*/instances/*/state.json"):
        saved = json.loads(state.read_text())
        saved["about"]["boot"] = "earlier"
        state.write_text(json.dumps(saved))
    assert project.run("resume") == "shop\n"
    project.eventually(lambda: project.rows()["always"]["State"] == "running")
    assert (project.rows()["once"]["State"], project.rows()["once"]["ExitCode"]) == ("exited", 255)


def test_a_new_up_replaces_what_changed_and_keeps_the_rest(project: Harness) -> None:
    steady = server("steady", free_port())
    project.write("services:\n" + steady + shell("web", "echo one; exec sleep 999"))
    project.run("up", "-d")
    before = project.inspect("steady")["State"]["Pid"]
    project.write("services:\n" + steady + shell("web", "echo two; exec sleep 999"))
    project.run("up", "-d")
    assert project.inspect("steady")["State"]["Pid"] == before
    project.eventually(lambda: project.run("logs", "--no-log-prefix", "web") == "two\n")


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """A directory that everybody can read, with the package and its shim, and one for the state."""
    source = Path(__file__).parents[2] / "src" / "seatrial"
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(source, folder / "src" / "seatrial", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "native" / "build").mkdir(parents=True)
        shutil.copy(shim.find(), folder / "native" / "build" / shim.NAME)
        for part in ("state", "project"):
            (folder / part).mkdir(mode=0o700)
            if is_root:
                os.chown(folder / part, 65534, 65534)
        yield folder


def test_an_ordinary_user_has_projects_too(anybodys: Path) -> None:
    prefix = ORDINARY if is_root else []
    require(forbidden(*prefix))
    environment = {**os.environ, "SEATRIAL_STATE": str(anybodys / "state"), "PYTHONPATH": str(anybodys / "src")}
    argv = [*prefix, PYTHON, "-m", "seatrial.project.daemon", "shop"]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, cwd="/") as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == b"ready\n"
        client = Client(anybodys / "state" / "shop.sock")
        line = "echo begins; id -u; exec sleep 999"
        service = Service("web", str(anybodys / "project"), Sourced(("/bin/sh", "-c", line)))
        fleet = Fleet("shop", str(anybodys / "project"), (Deployment(service),))
        steps = list(client.post("up", values={"fleet": codec.encode(fleet), "wait": True}))
        assert steps[-1]["status"] == "Running"
        (found,) = client.get("instances", "web")
        assert found["State"]["Running"]
        while "begins" not in Path(found["LogPath"]).read_text():
            pass
        steps = list(client.post("down", values={"timeout": 0}))
        assert steps[-1]["status"] == "Removed"
        client.post("shutdown")
        assert daemon.wait(30) == 0
