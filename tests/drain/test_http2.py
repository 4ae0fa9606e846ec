"""HTTP/2 under hypercorn: the request in flight finishes, and the client is told to go away, idle or not."""

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
from tests.trials.conftest import require

CODE = """
import sys
from asgi_app import app
from hypercorn.config import Config
from seatrial.drain import serve
config = Config()
config.bind = ["127.0.0.1:" + sys.argv[1]]
serve.hypercorn(app, config=config)
"""


def request(path: str) -> list[tuple[str, str]]:
    return [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "localhost")]


def connected(port: int, process: subprocess.Popen[bytes]) -> socket.socket:
    limit = time.monotonic() + 30
    while True:
        assert process.poll() is None, "the server ended by itself"
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            assert time.monotonic() < limit
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/slow", "/"], ids=["in flight", "idle"])
def test_a_request_finishes_and_the_client_gets_a_goaway(path: str) -> None:
    require("" if find_spec("hypercorn") and find_spec("h2") else "hypercorn is not installed")
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import ConnectionTerminated, DataReceived, ResponseReceived, StreamEnded

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(APPS), "SEATRIAL_GRACE": "20"}
    process = subprocess.Popen([sys.executable, "-c", CODE, str(port)], env=environment)
    seen: list[object] = []
    try:
        with connected(port, process) as connection:
            client = H2Connection(H2Configuration(client_side=True))
            client.initiate_connection()
            client.send_headers(1, request(path), end_stream=True)
            connection.sendall(client.data_to_send())
            if path == "/slow":
                time.sleep(0.3)  # the request takes 0.8 s: by then it is in flight
            while path == "/" and not any(isinstance(event, StreamEnded) for event in seen):
                seen += client.receive_data(connection.recv(65536))
            process.send_signal(signal.SIGTERM)
            while data := connection.recv(65536):
                seen += client.receive_data(data)
                if any(isinstance(event, ConnectionTerminated) for event in seen):
                    break
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    for kind in (ResponseReceived, DataReceived, StreamEnded, ConnectionTerminated):
        assert any(isinstance(event, kind) for event in seen), (kind, seen)
