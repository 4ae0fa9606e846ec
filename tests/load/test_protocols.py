"""Populations of other protocols, and a client that hardly reads, on servers that end them in known ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, RejectConnection, Request, TextMessage
from wsproto.utilities import LocalProtocolError

from seatrial.load.generator import Generator, request_once
from seatrial.load.interface import Plan, Result
from seatrial.model.traffic import Connection, Outcome, Population, Target

from . import servers
from .servers import OK

WITHIN = 20.0
QUIET = {"rate": 0.0, "idle": 0, "never_used": 0, "in_flight": 0, "keep_alive": 0, "lead": 0.0}
WEBSOCKETS = (Population.WEBSOCKET, Population.WEBSOCKET_BUSY)


def end(connection: socket.socket) -> None:
    """Close in good order: what the client still says is read, else the close would be a reset."""
    connection.settimeout(WITHIN)
    connection.shutdown(socket.SHUT_WR)
    servers.wait_until_gone(connection)


class WebSockets:
    """Accepts WebSockets at /ws and says back what it hears; at the curtain each is closed with the code, or cut."""

    def __init__(self, code: int | None) -> None:
        self.curtain = threading.Event()
        self.heard = 0
        self._code = code

    def __call__(self, connection: socket.socket) -> None:
        server = WSConnection(ConnectionType.SERVER)
        connection.settimeout(0.01)
        while not self.curtain.is_set():
            with contextlib.suppress(TimeoutError):
                data = connection.recv(4096)
                if not data:
                    return
                server.receive_data(data)
                for event in server.events():
                    self._take(connection, server, event)
        if self._code is not None:
            with contextlib.suppress(LocalProtocolError):
                connection.sendall(server.send(CloseConnection(code=self._code)))
        end(connection)

    def _take(self, connection: socket.socket, server: WSConnection, event: object) -> None:
        if isinstance(event, Request):
            known = event.target == "/ws"
            connection.sendall(server.send(AcceptConnection() if known else RejectConnection(status_code=404)))
        elif isinstance(event, TextMessage):
            self.heard += 1
            connection.sendall(server.send(TextMessage(event.data)))
        elif isinstance(event, CloseConnection):
            connection.sendall(server.send(event.response()))


class Http2:
    """Answers over HTTP/2, /slow at the curtain; then it says GOAWAY if it is polite, and closes."""

    def __init__(self, *, polite: bool) -> None:
        self.curtain = threading.Event()
        self._polite = polite

    def __call__(self, connection: socket.socket) -> None:
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        server.initiate_connection()
        connection.settimeout(0.01)
        slow: list[int] = []
        while not self.curtain.is_set():
            connection.sendall(server.data_to_send())
            with contextlib.suppress(TimeoutError):
                data = connection.recv(4096)
                if not data:
                    return
                for event in server.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        stream = event.stream_id or 0
                        is_slow = (":path", "/slow") in (event.headers or [])
                        slow.append(stream) if is_slow else self._answer(server, stream)
        if self._polite:
            # h2 can't answer after its own GOAWAY: this one is written by hand
            connection.sendall(b"\0\0\x08\x07\0\0\0\0\0" + (slow or [1])[-1].to_bytes(4, "big") + bytes(4))
        for stream in slow:
            self._answer(server, stream)
        connection.sendall(server.data_to_send())
        end(connection)

    def _answer(self, server: h2.connection.H2Connection, stream: int) -> None:
        server.send_headers(stream, [(":status", "200")])
        server.send_data(stream, b"hello", end_stream=True)


def plan(target: Target, **wanted: int) -> Plan:
    whole = replace(target, slow_path="/slow", websocket_path="/ws", http2=True, large_path="/large")
    return Plan(whole, **{**QUIET, **wanted})  # type: ignore[arg-type]


def drive(wanted: Plan, curtain: threading.Event, before: Callable[[], bool] = lambda: True) -> Result:
    """Aim, signal, raise the curtain, and wait until the server has ended all."""

    async def eventually(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN
        while not condition():
            assert time.monotonic() < deadline, "the condition never came to hold"
            await asyncio.sleep(0.002)

    async def run() -> Result:
        generator = Generator(wanted)
        await generator.begin()
        await generator.aim()
        await eventually(before)
        generator.signalled(time.monotonic())
        curtain.set()
        await eventually(lambda: all(client.is_over for client in generator.clients))
        return await generator.finish(WITHIN)

    return asyncio.run(run())


def of(result: Result, *populations: Population) -> list[Connection]:
    return [connection for connection in result.connections if connection.population in populations]


@pytest.mark.parametrize(
    ("code", "outcome", "announced"),
    [(1001, Outcome.COMPLETE_CLOSE, True), (1000, Outcome.COMPLETE, False), (None, Outcome.TRUNCATED, False)],
)
def test_websockets_are_told_by_how_they_were_closed(code: int | None, outcome: Outcome, announced: bool) -> None:
    stage = WebSockets(code)
    with servers.running("ipv4", stage) as server:
        result = drive(plan(server.target, websocket=2, websocket_busy=1), stage.curtain, lambda: stage.heard >= 2)
    found = of(result, *WEBSOCKETS)
    assert [c.population for c in found] == [Population.WEBSOCKET] * 2 + [Population.WEBSOCKET_BUSY]
    assert {c.exchanges[0].outcome for c in found} == {outcome}
    assert {c.exchanges[0].status for c in found} == {101}
    assert {c.announced is not None for c in found} == {announced}
    assert [c.exchanges[0].body_bytes > 0 for c in found] == [False, False, True]


@pytest.mark.parametrize(("path", "status"), [("/ws", 101), ("/other", 404)])
def test_a_websocket_is_tried_and_left(path: str, status: int) -> None:
    with servers.running("ipv4", WebSockets(None)) as server:
        exchange = asyncio.run(request_once(server.target, path, WITHIN, Population.WEBSOCKET))
    assert exchange.status == status
    assert exchange.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("polite", [True, False])
def test_http2_in_flight_finishes_and_a_goaway_is_noted_on_every_connection(polite: bool) -> None:
    stage = Http2(polite=polite)
    with servers.running("unix", stage) as server:
        result = drive(plan(server.target, http2=2, http2_idle=2), stage.curtain)
    aimed, idle = of(result, Population.HTTP2), of(result, Population.HTTP2_IDLE)
    assert (len(aimed), len(idle)) == (2, 2)
    said = Outcome.COMPLETE_CLOSE if polite else Outcome.COMPLETE
    assert {(c.exchanges[0].outcome, c.exchanges[0].status) for c in aimed} == {(said, 200)}
    assert {c.exchanges[0].outcome for c in idle} == {Outcome.COMPLETE}
    assert {c.ending for c in idle} == {Outcome.IDLE_FIN}
    assert {c.announced is not None for c in (*aimed, *idle)} == {polite}


def test_where_nothing_but_http2_is_spoken_every_population_speaks_it() -> None:
    stage = Http2(polite=True)
    with servers.running("ipv4", stage) as server:
        whole = plan(server.target, idle=1, in_flight=1)
        result = drive(replace(whole, target=replace(whole.target, http1=False)), stage.curtain)
    ends = {c.population: (c.exchanges[0].outcome, c.exchanges[0].status) for c in result.connections}
    assert ends == {
        Population.IDLE: (Outcome.COMPLETE, 200),
        Population.IN_FLIGHT: (Outcome.COMPLETE_CLOSE, 200),
    }


def test_http1_is_no_http2_and_the_other_way_round() -> None:
    with servers.running("ipv4", servers.serve) as server:
        exchange = asyncio.run(request_once(server.target, "/", WITHIN, Population.HTTP2))
    assert exchange.outcome is Outcome.MALFORMED
    with servers.running("ipv4", Http2(polite=False)) as server:
        exchange = asyncio.run(request_once(server.target, "/", WITHIN))
    assert exchange.outcome is Outcome.MALFORMED


def test_a_slow_reader_holds_up_a_server_that_waits_for_its_answer_to_leave() -> None:
    taken, curtain = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        servers.read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        connection.settimeout(0.3)
        with contextlib.suppress(OSError):
            connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n" + bytes(1_000_000))
            taken.set()

    with servers.running("ipv4", behave) as server:
        result = drive_without_waiting(plan(server.target, slow_reader=1), curtain)
    (connection,) = result.connections
    assert not taken.is_set()
    assert connection.population is Population.SLOW_READER
    assert connection.exchanges[0].first_byte is not None
    assert connection.exchanges[0].outcome in (Outcome.ABANDONED, Outcome.TRUNCATED)


def drive_without_waiting(wanted: Plan, curtain: threading.Event) -> Result:
    async def steps(generator: Generator) -> Result:
        await generator.aim()
        generator.signalled(time.monotonic())
        curtain.set()
        return await generator.finish(WITHIN)

    return with_generator(wanted, steps)


def with_generator(wanted: Plan, steps: Callable[[Generator], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        generator = Generator(wanted)
        await generator.begin()
        return await steps(generator)

    return asyncio.run(run())


def test_no_population_is_placed_for_what_the_target_does_not_speak() -> None:
    with servers.running("ipv4", servers.serve) as server:
        wanted = replace(plan(server.target, websocket=1, http2=1, http2_idle=1, slow_reader=1), target=server.target)
        result = drive_without_waiting(wanted, threading.Event())
    assert result.connections == ()


def test_a_heavy_load_comes_with_the_result_and_its_losses_among_the_connections() -> None:
    async def steps(generator: Generator) -> Result:
        await asyncio.sleep(0.05)
        generator.signalled(time.monotonic())
        return await generator.finish(WITHIN)

    with servers.running("ipv4", servers.close_at_once) as server:
        result = with_generator(replace(plan(server.target), crowd=2, crowd_rate=100.0), steps)
    assert {bulk.population for bulk in result.bulk} == {Population.KEEP_ALIVE, Population.OPEN_LOOP}
    assert sum(bulk.lost for bulk in result.bulk) == len(result.connections) > 0
