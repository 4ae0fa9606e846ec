"""The aarch64 programs under qemu-user-static, as far as it goes: no subreaper, no PID namespace."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.requirements import require

from .native_programs import ROOT, WITHIN

pytestmark = pytest.mark.slow
QEMU = shutil.which("qemu-aarch64-static")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory):
    if not QEMU or not importlib.util.find_spec("ziglang"):
        require("needs qemu-user-static and ziglang. hint: apt install qemu-user-static; pip install ziglang")
    build = tmp_path_factory.mktemp("aarch64")
    programs = [str(build / "aarch64" / name) for name in ("seatrial-init", "seatrial-probe")]
    make = ["make", "-s", "-C", str(ROOT / "native"), f"PYTHON={sys.executable}", f"BUILD={build}", "ARCHES=aarch64"]
    made = subprocess.run([*make, *programs], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr

    def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [QEMU, str(build / "aarch64" / f"seatrial-{name}"), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN)

    run.init = [QEMU, str(build / "aarch64" / "seatrial-init")]
    return run


def test_the_exit_code_is_the_commands(emulated):
    assert emulated("init", "-s", "sh", "-c", "exit 42").returncode == 42
    assert emulated("init", "-s", "sh", "-c", "kill -TERM $$").returncode == 143
    assert emulated("init", "-s", "-e", "3=4", "sh", "-c", "exit 3").returncode == 4


def test_a_command_that_cannot_be_run(emulated):
    assert emulated("init", "-s", "/does/not/exist").returncode == 127
    assert emulated("init", "-s", "/etc").returncode == 126


@pytest.mark.parametrize(
    ("options", "code"), [([], 15), (["-g"], 15), (["-r", "TERM:HUP"], 1), (["--stop-delay=30ms"], 15)]
)
def test_a_stop_is_passed_on(emulated, speaker: Path, options, code):
    command = [*emulated.init, "-s", *options, str(speaker), f"{code}=5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline().startswith(b"ready")
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.readline() == b"%d\n" % code
        assert process.wait(WITHIN) == 5


def test_who_outlives_its_time_is_killed(emulated, speaker: Path):
    with subprocess.Popen(
        [*emulated.init, "--kill-after=50ms", str(speaker)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().startswith(b"ready")
        os.kill(process.pid, signal.SIGTERM)
        assert b"still alive" in process.stderr.read()
        assert process.wait(WITHIN) == 137


def test_the_probe_asks_by_http(emulated):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for status in (b"200", b"503"):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 " + status + b" X\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert [emulated("probe", url).returncode, emulated("probe", url).returncode] == [0, 1]
        thread.join(WITHIN)


def test_the_probe_runs_a_command(emulated):
    assert emulated("probe", "exec", "--", "true").returncode == 0
    assert emulated("probe", "exec", "--", "false").returncode == 1
    assert emulated("probe", "--timeout=100ms", "exec", "--", "sleep", "100").returncode == 1
