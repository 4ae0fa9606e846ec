"""Each example of docs/drain.md runs as it stands: it answers, stops, and exits with 0."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.trials.conftest import require

PAGE = (Path(__file__).parents[2] / "docs" / "drain.md").read_text(encoding="utf-8")
EXAMPLES = {
    name: (how, code)
    for name, how, code in re.findall(r"<!-- example: (\S+)(?: ([^>]*?))? -->\n```python\n(.*?)```", PAGE, re.DOTALL)
}
PACKAGES = ("starlette", "fastapi", "uvicorn", "flask", "waitress", "django", "aiohttp", "celery")


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) >= 7


def missing(code: str) -> str:
    lost = [
        name for name in PACKAGES if re.search(rf"(from|import|serve\.) ?{name}\b", code) and find_spec(name) is None
    ]
    return f"{', '.join(lost)} not installed" if lost else ""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def answered(port: int, path: str, process: subprocess.Popen[str]) -> bytes:
    """The body, as soon as the program answers."""
    limit = time.monotonic() + 30
    while True:
        assert process.poll() is None, "the example ended by itself"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
                body: bytes = response.read()
                return body
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < limit
            time.sleep(0.05)


def connected(port: int) -> None:
    """Wait for a program that listens but speaks no HTTP."""
    limit = time.monotonic() + 30
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as connection:
                connection.sendall(b"hello\n")
                assert connection.recv(100) == b"hello\n"
                return
        except ConnectionRefusedError:
            assert time.monotonic() < limit
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_runs_and_stops(name: str, tmp_path: Path) -> None:
    how, code = EXAMPLES[name]
    require(missing(code))
    port = free_port()
    file = tmp_path / name
    file.write_text(code.replace("8000", str(port)), encoding="utf-8")
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "SEATRIAL_GRACE": "30"}
    if how == "import":
        subprocess.run([sys.executable, str(file)], check=True, cwd=tmp_path, timeout=60)
        return
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(file)], cwd=tmp_path, env=environment, stdout=output, stderr=output, text=True
        )
    try:
        if how:
            assert answered(port, how.split()[1], process) == b"hello\n"
        elif name == "echo.py":
            connected(port)
        else:
            limit = time.monotonic() + 30
            while "done 1" not in log.read_text() and time.monotonic() < limit:
                time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    for hook in re.findall(r'print\("(pool closed)"', code):
        assert hook in log.read_text()
