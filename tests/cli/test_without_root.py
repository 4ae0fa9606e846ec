"""`seatrial drill` as an ordinary user: it works with user namespaces, and where those are forbidden it says so.

Run as root, the command becomes an ordinary user (65534) in a process of its own; else it is one already. Everything
it needs is in a directory that everybody can read, because an ordinary user may not look into root's home.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.engine.native import shim
from tests.engine.native.conftest import PYTHON
from tests.engine.native.test_without_root import FORBID, FORBIDDEN, ORDINARY, SOURCE, forbidden
from tests.requirements import require, too_busy

from .test_drill_command import SERVER

pytestmark = pytest.mark.slow

IS_ROOT = os.geteuid() == 0
DOCKERFILE = """\
FROM python:3.12-slim
WORKDIR /srv/trial
COPY server.py .
EXPOSE 8080
CMD ["/usr/bin/env", "python3", "server.py", "--handler"]
"""

ON_A_SOCKET = """\
import http.server, os, signal, socketserver, threading, time

busy = []

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        busy.append(self)
        time.sleep(0.8 if self.path == "/slow" else 0)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
        busy.remove(self)
    def address_string(self):
        return "somebody"
    def log_message(self, *words):
        pass

server = socketserver.ThreadingUnixStreamServer("/tmp/app.sock", Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
os.close(server.fileno())
while busy:
    time.sleep(0.02)
os._exit(0)
"""
TRIES = 4


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody can read, with the package and what it depends on, and a project that nobody owns."""
    folder = Path(tempfile.mkdtemp(prefix="drill-without-root-"))
    try:
        shutil.copytree(SOURCE, folder / "packages" / "seatrial", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "bin").mkdir()
        shutil.copy(shim.find(), folder / "bin" / shim.NAME)
        for name in (
            "rich",
            "pygments",
            "markdown_it",
            "mdurl",
            "h11",
            "hpack",
            "hyperframe",
            "wsproto",
            "yaml",
            "_yaml",
        ):
            for packages in site.getsitepackages():
                if (Path(packages) / name).is_dir():
                    shutil.copytree(Path(packages) / name, folder / "packages" / name)
        (folder / "project").mkdir()
        (folder / "project" / "server.py").write_text(SERVER)
        (folder / "project" / "Dockerfile").write_text(DOCKERFILE)
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def drill(
    place: Path, *prefix: str, only: str = "handles-sigterm", words: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [*prefix, PYTHON, "-m", "seatrial", "drill", str(place / "project"), f"--only={only}", *words]
    environment = {
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(place / "packages"),
        "HOME": "/nonexistent",
    }
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd="/", env=environment)


def test_an_ordinary_user_drills_a_service(place: Path) -> None:
    prefix = ORDINARY if IS_ROOT else []
    require(forbidden(*prefix))
    told = drill(place, *prefix, words=("--json",))
    assert told.returncode == 0, told.stdout + told.stderr
    document = json.loads(told.stdout)
    assert document["machine"]["rootless"] is True
    assert {each["requirement"]: each["ruling"] for each in document["verdicts"]} == {"handles-sigterm": "pass"}


def test_an_ordinary_user_drills_what_listens_on_a_unix_socket(place: Path) -> None:
    """Its socket is reached through /proc, as somebody who has no rights outside of the instance's user namespace."""
    prefix = ORDINARY if IS_ROOT else []
    require(forbidden(*prefix))
    (place / "project" / "server.py").write_text(ON_A_SOCKET)
    for _ in range(TRIES):
        told = drill(place, *prefix, only="in-flight-finish", words=("--slow-path=/slow", "--json"))
        assert told.returncode in (0, 1), told.stdout + told.stderr
        document = json.loads(told.stdout)
        ((run,), (verdict,)) = document["runs"], document["verdicts"]
        assert document["machine"]["rootless"] is True
        assert run["target"]["address"].endswith("/root/tmp/app.sock")
        if not run["disturbed"]:
            break
    else:
        too_busy(run["disturbed"])
    assert verdict["ruling"] == "pass", verdict
    assert verdict["figures"]["in_flight"] == 3.0


def test_where_namespaces_are_forbidden_the_exit_code_is_four_and_a_hint_says_what_to_do(place: Path) -> None:
    require("" if IS_ROOT or not forbidden() else "it is forbidden here already, and can't be forbidden twice")
    told = drill(place, *FORBIDDEN, FORBID, "sh")
    assert told.returncode == 4, told.stdout + told.stderr
    assert "does not let seatrial make namespaces" in told.stderr
    assert "hint: " in told.stderr
    assert "user.max_user_namespaces" in told.stderr
    assert "Traceback" not in told.stderr
