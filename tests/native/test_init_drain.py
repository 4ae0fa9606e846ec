"""--drain: a stop is held while a connection waits for its answer. Real servers that handle no signal."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.native.native_programs import WITHIN, children_of, eventually
from tests.requirements import missing_program, require

HERE = Path(__file__).parent
SERVERS = {"node": ["node", str(HERE / "serve.js")], "python": [sys.executable, "-S", str(HERE / "serve.py")]}
REQUEST = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("needs_pid_1")]


class Service:
    """A server on a free port of the loopback, under an init that looks at this port's connections alone."""

    def __init__(self, start, kind: str, *options: str, init: list[str] | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        server = [*SERVERS[kind], str(self.port)]
        if init:
            self.process = subprocess.Popen(
                [*init, *server], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=start.environment()
            )
            self.program = None
        else:
            self.program = start("-s", "--drain-port", str(self.port), *options, *server)
            self.process = self.program.process
        self.connections: list[socket.socket] = []
        eventually(self.answers)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), WITHIN) as connection:
                return b"complete" in self.ask(connection, b"/")
        except OSError:
            return False

    def connect(self) -> socket.socket:
        self.connections.append(socket.create_connection(("127.0.0.1", self.port), WITHIN))
        return self.connections[-1]

    @staticmethod
    def ask(connection: socket.socket, path: bytes) -> bytes:
        connection.sendall(REQUEST % path)
        return Service.answer(connection)

    @staticmethod
    def answer(connection: socket.socket) -> bytes:
        received = b""
        try:
            while b"complete" not in received and (part := connection.recv(65536)):
                received += part
        except ConnectionResetError:
            pass
        return received


@pytest.fixture(params=SERVERS)
def service(request, start) -> Iterator:
    require(missing_program(SERVERS[request.param][0]))
    started = []

    def begin(*options: str, init: list[str] | None = None) -> Service:
        started.append(Service(start, request.param, *options, init=init))
        return started[-1]

    yield begin
    for one in started:
        for connection in one.connections:
            connection.close()
        if one.program is None:
            for pid in [*children_of(one.process.pid), one.process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            one.process.communicate(timeout=WITHIN)


def in_flight(service: Service, count: int) -> list[socket.socket]:
    """Connections with one answered request behind them, on which the slow path is under way."""
    connections = [service.connect() for _ in range(count)]
    for connection in connections:
        assert b"complete" in Service.ask(connection, b"/")
        connection.sendall(REQUEST % b"/slow")
    return connections


def test_requests_in_flight_are_lost_under_another_init(service):
    require(missing_program("tini"))
    running = service(init=["tini", "-s", "--"])
    connections = in_flight(running, 5)
    running.process.send_signal(signal.SIGTERM)
    assert sum(b"complete" in Service.answer(connection) for connection in connections) == 0
    assert running.process.wait(WITHIN) == 143


def test_no_request_in_flight_is_lost_while_draining(service):
    running = service("--drain", "60s")
    for _ in range(2):
        running.connect()  # never used
    used = running.connect()
    assert b"complete" in Service.ask(used, b"/")
    connections = in_flight(running, 5)
    running.process.send_signal(signal.SIGTERM)
    assert sum(b"complete" in Service.answer(connection) for connection in connections) == 5
    running.program.wait_line("all connections are quiet")
    assert running.program.code() == 143


def test_a_drained_stop_can_be_mapped_and_one_cut_short_cannot(service):
    drained = service("--drain", "60s", "-e", "143=0")
    drained.process.send_signal(signal.SIGTERM)
    assert drained.program.code() == 0
    cut = service("--drain", "60s", "-e", "143=0")
    connection = cut.connect()
    connection.sendall(b"GET / HTTP/1.1\r\n")
    cut.process.send_signal(signal.SIGTERM)
    cut.program.wait_line("held until connections are quiet")
    cut.process.send_signal(signal.SIGTERM)
    cut.program.wait_line("second SIGTERM")
    assert cut.program.code() == 143


def test_the_drain_is_capped(service):
    running = service("--drain", "300ms")
    connection = running.connect()
    connection.sendall(b"GET / HTTP/1.1\r\n")
    running.process.send_signal(signal.SIGTERM)
    assert "1 connections still busy after 0.300s" in running.program.wait_line("busy")
    assert running.program.code() == 143


def test_where_connections_cannot_be_seen_the_stop_is_passed_on_at_once(start):
    """An emulator or a sandbox without sock_diag: simulated by taking all descriptors away."""
    program = start("-s", "--drain", "1h", start.speaker, "15=0")
    program.ready()
    subprocess.run(["prlimit", "--pid", str(program.pid), "--nofile=3:3"], check=True)
    program.send(signal.SIGTERM)
    assert "can't be seen" in program.wait_line("drain:")
    program.expect(15)
    assert program.code() == 0
