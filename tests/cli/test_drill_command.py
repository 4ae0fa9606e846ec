"""`seatrial drill -- COMMAND`, whole: real processes, real signals, exit codes, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.requirements import require

pytestmark = pytest.mark.slow

SERVER = """\
import http.server, signal, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler)
server.daemon_threads = True
if "--handler" in sys.argv:
    stop = lambda *_: threading.Thread(target=server.shutdown).start()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
server.serve_forever()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "server.py").write_text(SERVER)
    return folder


def seatrial(project: Path, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "seatrial", "drill", *words, "--", "/usr/bin/python3", "server.py"]
    return subprocess.Popen(argv, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(pid: int) -> set[int]:
    """The processes below this one, by /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        more = {each for each, above in parents.items() if above == parent} - found
        found |= more
        waiting += more
    return found


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def eventually(check: object, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def test_a_server_without_a_handler_fails_and_the_reports_say_why(project: Path, tmp_path: Path) -> None:
    page, saved = tmp_path / "out.html", tmp_path / "trial.json"
    drill = seatrial(project, "--only=stop", "--grace=2", "--json", f"--report={page}", f"--save={saved}")
    out, err = drill.communicate(timeout=100)
    require(err if drill.returncode == 4 else "")
    document = json.loads(out)
    rulings = {each["requirement"]: each["ruling"] for each in document["verdicts"]}
    assert drill.returncode == 1, err
    assert rulings["handles-sigterm"] == "fail"
    assert document["runs"][0]["exit"]["code"] == 137
    assert "handles-sigterm" in page.read_text(encoding="utf-8")
    again = subprocess.run(
        [sys.executable, "-m", "seatrial", "drill", f"--replay={saved}", "--only=stop", "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert again.returncode == 1
    assert json.loads(again.stdout)["verdicts"] == document["verdicts"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_drill_cleans_up_and_says_so(project: Path, number: signal.Signals) -> None:
    drill = seatrial(project, "--only=stop", "--grace=60")
    assert drill.stderr is not None
    below: set[int] = set()
    try:
        # Plain progress: a line a step. Once the signal is sent, this service ignores it for a minute.
        while "signal sent" not in (line := drill.stderr.readline()):
            if not line:
                assert drill.wait(30) == 4, "it ended by itself"
                require("this machine cannot")
        below = children(drill.pid)
        assert below, "an instance is running"
        drill.send_signal(number)
        _, err = drill.communicate(timeout=60)
        assert drill.returncode == 128 + number
        assert f"interrupted by {number.name}; everything was cleaned up" in err
        eventually(lambda: not any(is_alive(pid) for pid in below))
    finally:
        if drill.poll() is None:
            drill.kill()
            drill.wait()


def test_a_service_that_never_gets_ready_ends_with_its_own_output(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "seatrial", "drill", str(tmp_path), "--ready-timeout=20", "--", "/bin/sh", "-c"]
    told = subprocess.run(
        [*argv, "echo no luck; exit 3"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )
    require(told.stderr if told.returncode == 4 else "")
    assert told.returncode == 1
    assert "no luck" in told.stdout
    assert "exit code 3" in told.stdout
