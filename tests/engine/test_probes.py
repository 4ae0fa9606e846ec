"""Probes by HTTP, by TCP and by a command."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from seatrial.engine import probes
from seatrial.engine.contract.health import Check, Kind, Result
from seatrial.engine.interface import ExecResult
from tests.requirements import missing_program, require


class Inside:
    """An instance that answers each command in the same way."""

    def __init__(self, result: ExecResult | None = None) -> None:
        self.result = result or ExecResult(0, "", 1.0, 2.0)

    async def execute(self, argv: tuple[str, ...], *, timeout: float, as_root: bool = False) -> ExecResult:
        assert (argv, timeout) == (("check",), 2.0)
        return self.result


@contextlib.contextmanager
def serving(answer: bytes, *, keep_open: bool = False, endless: bool = False) -> Iterator[int]:
    """A server for one connection; its port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ConnectionError):
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += connection.recv(4096)
            requests.append(request)
            connection.sendall(answer)
            while endless:
                connection.sendall(b"x" * 65536)
            if keep_open:
                connection.recv(1)

    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
    assert requests[0].startswith(b"GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:")


def by_http(port: int, timeout: float = 20.0) -> Check:
    return Check(Kind.HTTP, (f"http://127.0.0.1:{port}/health?deep=1",), timeout=timeout)


def ask(answer: bytes, *, timeout: float = 20.0, **more: bool) -> Result:
    with serving(answer, **more) as port:
        return asyncio.run(probes.probe(by_http(port, timeout), Inside()))


@pytest.mark.parametrize(
    ("answer", "code", "output"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nfine", 0, "HTTP/1.1 200 OK\nfine"),
        (b"HTTP/1.0 204 No Content\r\n\r\n", 0, "HTTP/1.0 204 No Content"),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", 0, "HTTP/1.1 302 Found"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\nno database", 1, "HTTP/1.1 503 Service Unavailable\nno database"),
        (b"SSH-2.0-x\r\n", 1, "no answer by HTTP: 'SSH-2.0-x'"),
        (b"", 1, "the connection was closed without an answer"),
    ],
)
def test_status_decides(answer: bytes, code: int, output: str) -> None:
    result = ask(answer)
    assert (result.code, result.output) == (code, output)
    assert result.begun <= result.ended


def test_answer_that_never_comes_is_a_timeout() -> None:
    result = ask(b"", timeout=0.05, keep_open=True)
    assert (result.code, result.output) == (-1, "Health check exceeded timeout (50ms): ")


def test_endless_answer_is_not_read_to_its_end() -> None:
    assert ask(b"HTTP/1.1 200 OK\r\n\r\n", endless=True).code == 0


def test_port_that_nobody_listens_on_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = asyncio.run(probes.probe(Check(Kind.TCP, ("127.0.0.1", str(port))), Inside()))
    assert (result.code, result.output) == (-1, "127.0.0.1: Connection refused")


def test_connection_is_enough_for_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        result = asyncio.run(probes.probe(Check(Kind.TCP, ("localhost", port)), Inside()))
    assert (result.code, result.output) == (0, f"connected to localhost:{port}")


@pytest.mark.parametrize(
    ("done", "code", "output"),
    [
        (ExecResult(0, "fine\n", 1.0, 2.0), 0, "fine\n"),
        (ExecResult(2, "bad", 1.0, 2.0), 2, "bad"),
        (ExecResult(None, "so far", 1.0, 3.0), -1, "Health check exceeded timeout (2s): so far"),
        (ExecResult(127, "", 1.0, 1.1, "check: not found"), -1, "check: not found"),
    ],
)
def test_command_inside_decides_by_its_code(done: ExecResult, code: int, output: str) -> None:
    result = asyncio.run(probes.probe(Check(Kind.EXECUTE, ("check",), timeout=2.0), Inside(done)))
    assert result == Result(1.0, done.ended, code, output)


def test_checks_are_described() -> None:
    assert probes.describe(Check(Kind.TCP, ("db", "5432"))) == "connect: db:5432, every 30s, 30s each"
    assert probes.describe(Check(Kind.EXECUTE, ("a", "b"))) == "run a command inside: a b, every 30s, 30s each"


@pytest.mark.slow
def test_socket_is_made_in_another_network_namespace() -> None:
    """In a new namespace nothing listens and the loopback device is down: the connection can't go anywhere."""
    require(missing_program("unshare"))
    if os.geteuid() != 0:
        pytest.skip("entering a namespace needs root")
    held = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; read end"], stdin=-1, stdout=-1)
    try:
        assert held.stdout is not None and held.stdout.readline() == b"ready\n"
        namespace = os.open(f"/proc/{held.pid}/ns/net", os.O_RDONLY)
        try:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                check = Check(Kind.TCP, ("127.0.0.1", str(listener.getsockname()[1])))
                assert asyncio.run(probes.probe(check, Inside())).code == 0
                there = asyncio.run(probes.probe(check, Inside(), probes.sockets_inside(namespace)))
                assert there.code == -1 and "unreachable" in there.output.lower()
        finally:
            os.close(namespace)
    finally:
        held.communicate(b"\n")
