"""A WebSocket that is open at the stop is closed with 1012 (or the server's own 1001), and holds nothing up."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from tests.drain.servers import APPS
from tests.drain.test_examples import free_port
from tests.trials.conftest import require

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ENDED = 0
"""The connection ended without a close frame."""
CODES = {"granian": (ENDED, 1001, 1012)}
"""granian sends its close frame only when it has received something once more: its clients see the connection end."""
CLOSE_ANSWER = bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xF4])
"""A client's close frame with 1012, masked with zeros."""


def opened(port: int, process: subprocess.Popen[str]) -> socket.socket:
    """A connection after its handshake."""
    limit = time.monotonic() + 30
    while True:
        assert process.poll() is None, "the server ended by itself"
        try:
            connection = socket.create_connection(("127.0.0.1", port), 10)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < limit
            time.sleep(0.05)
    connection.sendall(HANDSHAKE)
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(4096)
    assert got.startswith(b"HTTP/1.1 101"), got
    return connection


def close_code(connection: socket.socket) -> int:
    """The code of the close frame that comes next; pings before it are passed over."""
    stream = connection.makefile("rb")
    while True:
        head = stream.read(2)
        if len(head) < 2:
            return ENDED
        first, length = head
        body = stream.read(length & 0x7F)
        if first & 0x0F == 8:
            return int.from_bytes(body[:2], "big")


@pytest.mark.slow
@pytest.mark.parametrize("server", ["uvicorn", "hypercorn", "granian", "aiohttp"])
def test_an_open_websocket_is_closed_with_a_code_that_says_come_back(server: str) -> None:
    require("" if find_spec(server) else f"{server} is not installed")
    require(
        "" if server != "uvicorn" or find_spec("wsproto") or find_spec("websockets") else "wsproto is not installed"
    )
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "websocket_app.py", server, str(port)],
        cwd=APPS,
        env={**os.environ, "SEATRIAL_GRACE": "20"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        with opened(port, process) as connection:
            connection.settimeout(15)
            process.send_signal(signal.SIGTERM)
            code = close_code(connection)
            assert code in CODES.get(server, (1001, 1012))
            if code != ENDED:
                connection.sendall(CLOSE_ANSWER)
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, "disconnect" in out) == (0, True)
    finally:
        process.kill()
        process.communicate()
