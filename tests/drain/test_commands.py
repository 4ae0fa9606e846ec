"""`python -m seatrial.drain -- SERVER …` end to end, with the command as its users have it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from seatrial.drain import serve, workers
from tests.drain.brokers import free_port
from tests.drain.servers import APPS
from tests.requirements import missing_module, require

DJANGO = """
import time
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="for this test alone")
django.setup()

def slow(request):
    time.sleep(0.8)
    return HttpResponse("done\\n")

urlpatterns = [path("", lambda request: HttpResponse("done\\n")), path("slow", slow)]
application = get_wsgi_application()
"""
COMMANDS = {
    "waitress-serve": ("waitress-serve", "--unix-socket=s", "--threads=8", "wsgi_app:app"),
    "waitress-serve, a factory": ("waitress-serve", "--unix-socket=s", "--threads=8", "--call", "made:app"),
    "uvicorn": ("uvicorn", "--uds", "s", "--log-level", "warning", "asgi_app:app"),
    "uvicorn, workers": ("uvicorn", "--uds", "s", "--log-level", "warning", "--workers", "2", "asgi_app:app"),
    "uvicorn, a factory": ("uvicorn", "--uds", "s", "--log-level", "warning", "--factory", "made:asgi"),
    "gunicorn, Django": (
        "gunicorn",
        "-b",
        "127.0.0.1:PORT",
        "--threads",
        "8",
        "--log-level",
        "warning",
        "project:application",
    ),
    "python -m gunicorn": ("python", "-m", "gunicorn", "-b", "127.0.0.1:PORT", "-w", "3", "wsgi_app:app"),
}
MADE = "import asgi_app, wsgi_app\n\ndef app():\n    return wsgi_app.app\n\ndef asgi():\n    return asgi_app.app\n"
NEEDS = {"Django": "django", "waitress": "waitress", "uvicorn": "uvicorn", "gunicorn": "gunicorn"}


@contextmanager
def running(command: tuple[str, ...], folder: Path, *, lag: float, grace: float) -> Iterator[subprocess.Popen[str]]:
    """A server behind drain."""
    argv = [sys.executable, "-m", "seatrial.drain", "--lag", f"{lag}", "--grace", f"{grace}", "--", *command]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{APPS}", "SEATRIAL_READY": "/ready"}
    with subprocess.Popen(
        argv, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


Address = str | tuple[str, int]


def asked(server: Address, path: str) -> socket.socket:
    """A connection that has sent its request."""
    connection = socket.socket(socket.AF_UNIX if isinstance(server, str) else socket.AF_INET)
    connection.settimeout(30)
    try:
        connection.connect(server)
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    except OSError:
        connection.close()
        raise
    return connection


def answered(connection: socket.socket) -> str:
    """The response, in small letters: head and body."""
    got = b""
    with connection:
        while not got.endswith((b"done\n", b"done\n\r\n0\r\n\r\n")):
            more = connection.recv(4096)
            if not more:
                break
            got += more
    return got.decode().lower()


def until_it_serves(server: Address, process: subprocess.Popen[str]) -> None:
    limit = time.monotonic() + 60
    while True:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < limit
        try:
            if answered(asked(server, "/")):
                assert "http/1.1 503" not in answered(asked(server, "/ready"))  # the application's
                return
        except OSError:
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(COMMANDS))
def test_an_unchanged_command_serves_in_the_lag_and_finishes_what_is_in_flight(name: str, tmp_path: Path) -> None:
    for word, module in NEEDS.items():
        require(missing_module(module) if word in name else "")
    (tmp_path / "project.py").write_text(DJANGO)
    (tmp_path / "made.py").write_text(MADE)
    port = free_port()
    command = tuple(word.replace("PORT", str(port)) for word in COMMANDS[name])
    # gunicorn removes a Unix socket at the signal
    server: Address = ("127.0.0.1", port) if command != COMMANDS[name] else str(tmp_path / "s")
    with running(command, tmp_path, lag=20, grace=40) as process:  # only a second signal ends it in time
        until_it_serves(server, process)
        process.send_signal(signal.SIGTERM)
        limit = time.monotonic() + 15
        while "connection: close" not in answered(asked(server, "/")):
            assert time.monotonic() < limit, "no close was announced"
        while not answered(asked(server, "/ready")).startswith("http/1.1 503"):
            assert time.monotonic() < limit, "still ready"
        slow = asked(server, "/slow")
        time.sleep(0.2)  # by then it is in flight, or in the queue
        process.send_signal(signal.SIGTERM)
        head = answered(slow)
        assert head.startswith("http/1.1 200")
        assert "connection: close" in head
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out


@pytest.mark.slow
def test_a_worker_of_uvicorn_that_is_late_makes_the_exit_code_124(tmp_path: Path) -> None:
    require(missing_module("uvicorn"))
    (tmp_path / "stuck.py").write_text(
        "import asyncio\nfrom asgi_app import app as quick\n"
        "async def app(scope, receive, send):\n"
        "    await (asyncio.sleep(600) if scope.get('path') == '/stuck' else quick(scope, receive, send))\n"
    )
    command = ("uvicorn", "--uds", "s", "--log-level", "warning", "--workers", "2", "stuck:app")
    with running(command, tmp_path, lag=0, grace=2) as process:
        until_it_serves(str(tmp_path / "s"), process)
        with asked(str(tmp_path / "s"), "/stuck"):
            time.sleep(0.3)  # by then a worker has it
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 124, out
        assert "not done in time: GET /stuck" in out


@pytest.mark.parametrize(
    ("codes", "code"), [([0, -15], 0), ([-15, 124], 124), ([-2, None], 0), ([-9, -15], 137), ([3, 3], 3), ([], 0)]
)
def test_the_exit_code_of_workers_is_that_of_the_worst(codes: list[int | None], code: int) -> None:
    assert workers.worst(codes) == code


def test_workers_are_counted_as_uvicorn_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    assert (workers.wanted({"workers": None}), workers.wanted({"workers": 3})) == (1, 3)
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert (workers.wanted({"workers": None}), workers.wanted({"workers": 2})) == (4, 2)


class Several:
    """As much of hypercorn's configuration as is looked at."""

    workers = 2


@pytest.mark.slow
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "granian"])
def test_workers_are_refused_where_they_would_lose_something(server: str) -> None:
    require(missing_module(server))
    options = {"config": Several()} if server == "hypercorn" else {"workers": 2}
    with pytest.raises(ValueError, match=r"runs one process[^\0]*hint: .*python -m seatrial.drain -- uvicorn"):
        getattr(serve, server)(None, **options)


@pytest.mark.slow
def test_the_parent_of_uvicorns_workers_closes_its_listener_and_hands_each_signal_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require(missing_module("uvicorn"))
    told: list[object] = []
    monkeypatch.setattr(os, "kill", lambda *what: told.append(what))
    kind = workers._parent()
    parent = kind.__new__(kind)  # not made: that would take the signals of the tests
    listener = SimpleNamespace(close=lambda: told.append("closed"))
    late = SimpleNamespace(pid=8, terminate=lambda: told.append("the late one"))
    parent.told, parent.signal_queue, parent.sockets = set(), [], [listener]
    parent.processes = [SimpleNamespace(pid=7)]
    parent.stop(signal.SIGTERM, None)
    parent.processes.append(late)
    parent.terminate_all()
    assert told == ["closed", (7, signal.SIGTERM), "closed", "the late one"]
    parent.stop(signal.SIGINT, None)
    assert told[-2:] == [(7, signal.SIGTERM), (8, signal.SIGTERM)]
