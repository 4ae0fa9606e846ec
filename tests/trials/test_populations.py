"""WebSockets, HTTP/2 and Unix sockets on real servers: the drill sees what clients of other makes see of the same stop.

A drill that is not as the row says is run again, at most twice: see test_servers.py.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.service import Mount, Service
from seatrial.model.traffic import Outcome, Population
from seatrial.model.verdict import Ruling
from tests.requirements import missing_module, missing_program, require

from .conftest import SERVERS

TRIES = 3
SOURCES, LIBRARY = Path(__file__).parents[2] / "src", "/opt/seatrial"
UVICORN = (sys.executable, "-m", "uvicorn", "websocket_asgi:app", "--port", "3000")
DRAIN = (sys.executable, "-m", "seatrial.drain", "--", "uvicorn", "websocket_asgi:app", "--port", "3000")
HYPERCORN = (sys.executable, "-m", "hypercorn", "asgi:app", "-b", "127.0.0.1:3000")
WEBSOCKETS = {
    "ws, left alone": (("node", "websocket.js"), 1006),
    "ws, closed with 1001": (("node", "websocket.js", "1001"), 1001),
    "ws, terminated": (("node", "websocket.js", "terminate"), 1006),
    "uvicorn": (UVICORN, 1012),
    "uvicorn under seatrial.drain": (DRAIN, 1012),
}
"""The close code that a client is left with; 1006 is none."""
HTTP2 = {
    "node, sessions left alone": (("node", "http2.js", "nothing"), False, True),
    "node, sessions closed": (("node", "http2.js", "goaway"), True, True),
    "node, sessions destroyed": (("node", "http2.js", "destroy"), True, False),
    "node, HTTP/2 alone": (("node", "http2_only.js"), True, True),
}
"""Whether an idle connection gets GOAWAY, and whether a request in flight is answered."""


def needed(argv: tuple[str, ...]) -> None:
    """Skip where a part is missing."""
    require(missing_program(argv[0]))
    if "websocket.js" in argv:
        require("" if (SERVERS / "node_modules" / "ws").is_dir() else "the npm package ws is not installed")
    for module in ("uvicorn", "hypercorn"):
        require(missing_module(module) if module in argv else "")


def record(
    argv: tuple[str, ...], *, websocket: str = "", grace: float = 1.6, scenario: Scenario = Scenario.STOP
) -> Recording:
    """One drill of a server."""
    environment = {"PORT": "3000", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": LIBRARY}
    subject = Service(
        name="populations",
        context=str(SERVERS),
        argv=Sourced(argv),
        workdir=Sourced("/srv/trial"),
        environment={key: Sourced(value) for key, value in environment.items()},
        stop_grace=Sourced(grace),
        mounts=(Sourced(Mount("bind", str(SOURCES), LIBRARY, read_only=True)),),
    )
    quick = (Candidate("/", "tests"), Candidate("/large", "tests"))
    known = Candidates(quick=quick, slow=(Candidate("/slow", "tests"),))
    options = DrillOptions(candidates=known, websocket_path=websocket, only=frozenset({scenario}))
    return asyncio.run(drill(subject, NativeEngine(), options))


def ends(run: Run, *populations: Population) -> list[tuple[bool, Outcome]]:
    """Of each connection whether its close was announced, and what became of its request."""
    return [
        (connection.announced is not None, connection.exchanges[0].outcome)
        for connection in run.connections
        if connection.population in populations and connection.exchanges
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", WEBSOCKETS)
def test_websockets_are_closed_as_their_server_closes_them(name: str) -> None:
    argv, code = WEBSOCKETS[name]
    needed(argv)
    wanted = (code != 1006, Outcome.COMPLETE_CLOSE if code != 1006 else Outcome.TRUNCATED)
    for _ in range(TRIES):
        recording = record(argv, websocket="/ws")
        found = ends(recording.runs[0], Population.WEBSOCKET, Population.WEBSOCKET_BUSY)
        if found == [wanted] * 4:
            break
    assert found == [wanted] * 4
    (verdict,) = (each for each in judge(recording) if each.requirement == "announces-close")
    assert ("WebSockets closed without" in verdict.summary) == (code == 1006)


@contextmanager
def alone(argv: tuple[str, ...]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server outside of any drill, on a port of its own; killed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(port) if word == "3000" else word.replace(":3000", f":{port}") for word in argv]
    process = subprocess.Popen(command, cwd=SERVERS, env={**os.environ, "PORT": str(port)})
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.02)
        yield port, process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("name", WEBSOCKETS)
def test_another_client_sees_the_same_close_code(name: str) -> None:
    require(missing_module("websockets"))
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    argv, code = WEBSOCKETS[name]
    needed(argv)
    with alone(argv) as (port, process), connect(f"ws://127.0.0.1:{port}/ws", close_timeout=1) as client:
        client.send("hello")
        assert client.recv(10) in ("hello", b"hello")
        process.send_signal(signal.SIGTERM)
        if name == "ws, left alone":
            with pytest.raises(TimeoutError):
                client.recv(0.5)  # nobody closes it: only SIGKILL will
            process.kill()
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(10)
    assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code


@pytest.mark.slow
@pytest.mark.parametrize("name", HTTP2)
def test_http2_connections_are_ended_as_their_server_ends_them(name: str) -> None:
    argv, told, answered = HTTP2[name]
    needed(argv)
    whole = Outcome.COMPLETE_CLOSE if told else Outcome.COMPLETE
    wanted = [(told, whole if answered else Outcome.TRUNCATED)] * 2 + [(told, Outcome.COMPLETE)] * 2
    for _ in range(TRIES):
        recording = record(argv)
        found = [*ends(recording.runs[0], Population.HTTP2), *ends(recording.runs[0], Population.HTTP2_IDLE)]
        if found == wanted:
            break
    assert found == wanted
    verdicts = {each.requirement: each for each in judge(recording)}
    assert (verdicts["in-flight-finish"].ruling is Ruling.PASS) == answered
    assert ("closed without GOAWAY" in verdicts["announces-close"].summary) == (not told)


@pytest.mark.slow
@pytest.mark.parametrize("name", HTTP2)
def test_another_client_sees_the_same_goaway(name: str) -> None:
    import h2.config
    import h2.connection
    import h2.events

    argv, told, _ = HTTP2[name]
    needed(argv)
    with alone(argv) as (port, process), socket.create_connection(("127.0.0.1", port), 10) as wire:
        client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        client.initiate_connection()
        path = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/")]
        client.send_headers(1, path, end_stream=True)
        wire.sendall(client.data_to_send())
        seen: set[type] = set()
        while h2.events.StreamEnded not in seen:
            seen |= {type(event) for event in client.receive_data(wire.recv(65536))}
            wire.sendall(client.data_to_send())
        process.send_signal(signal.SIGTERM)
        wire.settimeout(0.6)
        try:
            while data := wire.recv(65536):
                seen |= {type(event) for event in client.receive_data(data)}
        except TimeoutError:
            assert not told
    assert (h2.events.ConnectionTerminated in seen) == told


@pytest.mark.slow
def test_hypercorn_says_goaway_to_what_is_in_flight_and_not_to_what_is_idle() -> None:
    needed(HYPERCORN)
    for _ in range(TRIES):
        run = record(HYPERCORN).runs[0]
        found = ends(run, Population.HTTP2), ends(run, Population.HTTP2_IDLE)
        if found == ([(True, Outcome.COMPLETE)] * 2, [(False, Outcome.COMPLETE)] * 2):
            return
    pytest.fail(f"{found}")


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "ruling"), [((), Ruling.FAIL), (("1",), Ruling.PASS)], ids=["unbounded", "bounded"])
def test_a_client_that_hardly_reads_holds_up_a_server_without_a_limit(limit: tuple[str, ...], ruling: Ruling) -> None:
    needed(UVICORN)
    bound = ("--timeout-graceful-shutdown", *limit) if limit else ()
    for _ in range(TRIES):
        recording = record((*UVICORN, *bound), grace=4.0, scenario=Scenario.SLOW_CLIENTS)
        (verdict,) = (each for each in judge(recording) if each.requirement == "slow-clients-bounded")
        if verdict.ruling is ruling:
            break
    assert verdict.ruling is ruling, verdict
    assert "1 slow reader" in verdict.summary


@pytest.mark.slow
@pytest.mark.parametrize(
    "argv",
    [
        ("node", "unix.js"),
        (sys.executable, "-m", "uvicorn", "asgi:app", "--uds", "/tmp/uvicorn.sock"),
        (sys.executable, "-m", "gunicorn", "wsgi:app", "-b", "unix:/tmp/gunicorn.sock", "-w", "8"),
    ],
    ids=["node", "uvicorn", "gunicorn"],
)
def test_a_unix_socket_is_drilled_like_any_port(argv: tuple[str, ...]) -> None:
    needed(argv)
    require(missing_module("gunicorn") if "gunicorn" in argv else "")
    good = ("handles-sigterm", "stops-in-time", "in-flight-finish", "keep-alive-drained", "refuses-late-connections")
    for _ in range(TRIES):
        recording = record(argv, grace=4.0)
        found = {each.requirement: each for each in judge(recording)}
        if all(found[name].ruling is Ruling.PASS for name in good):
            break
    target = recording.runs[0].target
    assert target is not None
    assert target.family == "unix"
    assert {name: found[name] for name in good if found[name].ruling is not Ruling.PASS} == {}
