"""A heavy load is counted exactly: what the server counts is what the client counts, and no loss goes unkept."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable

import pytest

from seatrial.load import crowd as crowds
from seatrial.load.crowd import Crowd
from seatrial.model.traffic import Bulk, Connection, Outcome, Population, Target

from . import servers
from .servers import OK

WITHIN = 20.0


class Counted:
    """Answers each request with the same bytes, and counts: the other side's books."""

    def __init__(self, data: bytes = OK + b"Content-Length: 2\r\n\r\nok", *, last: bool = False) -> None:
        self._data, self._last = data, last
        self._lock = threading.Lock()
        self.answered = self.connections = 0

    def __call__(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
        while b"\r\n\r\n" in servers.read_request(connection):
            with self._lock:
                self.answered += 1
            connection.sendall(self._data)
            if self._last:
                return


Steps = Callable[[Crowd], Awaitable[None]]


def drive(
    target: Target, steps: Steps, *, connections: int = 0, rate: float = 0.0, most: int = 500, patience: float = 60.0
) -> tuple[list[Bulk], list[Connection], Crowd]:
    async def run() -> tuple[list[Bulk], list[Connection], Crowd]:
        crowd = Crowd(target, connections, rate, (most, patience))
        try:
            crowd.begin()
            await steps(crowd)
            bulks = await crowd.finish(asyncio.get_running_loop().time() + WITHIN)
        finally:
            crowd.close()
        return bulks, list(crowd.kept), crowd

    return asyncio.run(run())


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, "the condition never came to hold"
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("family", ["ipv4", "unix"])
def test_busy_connections_are_counted_as_the_server_counts_them(family: str) -> None:
    books = Counted()
    with servers.running(family, books) as server:
        bulks, kept, _ = drive(server.target, lambda _: eventually(lambda: books.answered > 200), connections=8)
    (bulk,) = bulks
    assert (bulk.population, bulk.after, bulk.connections) == (Population.KEEP_ALIVE, False, 8)
    assert bulk.requests == bulk.answered == books.answered
    assert (bulk.lost, bulk.refused, bulk.abandoned, kept) == (0, 0, 0, [])
    assert 0 < bulk.latencies[0] <= bulk.latencies[-1] <= bulk.longest


@pytest.mark.parametrize(
    "data",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 None\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
        OK + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000,
    ],
    ids=["chunked", "no content", "interim", "long"],
)
def test_answers_that_are_not_plain_are_counted_likewise(data: bytes) -> None:
    books = Counted(data)
    with servers.running("ipv4", books) as server:
        (bulk,), _, _ = drive(server.target, lambda _: eventually(lambda: books.answered > 20), connections=2)
    assert bulk.requests == bulk.answered == books.answered
    assert bulk.lost == 0


@pytest.mark.parametrize("head", [b"Connection: close\r\nContent-Length: 2\r\n", b"Connection: close\r\n"])
def test_a_connection_that_the_server_ends_has_a_successor_before_the_signal(head: bytes) -> None:
    books = Counted(OK + head + b"\r\nok", last=True)
    with servers.running("ipv4", books) as server:
        (bulk,), kept, _ = drive(server.target, lambda _: eventually(lambda: books.answered > 20), connections=2)
    assert bulk.answered == bulk.announced == bulk.requests == books.answered
    assert bulk.connections >= books.answered
    assert kept == []


def test_new_connections_come_at_their_rate_and_are_counted_on_both_sides() -> None:
    books = Counted()
    with servers.running("ipv4", books) as server:
        (bulk,), _, _ = drive(server.target, lambda _: eventually(lambda: books.answered > 50), rate=500.0)
    assert bulk.population is Population.OPEN_LOOP
    assert bulk.requests == bulk.answered == books.answered
    assert bulk.connections >= bulk.requests


def test_what_is_in_flight_at_the_signal_is_kept_and_what_comes_after_it_counted_apart() -> None:
    books, stage = Counted(), threading.Event()

    def behave(connection: socket.socket) -> None:
        while b"\r\n\r\n" in servers.read_request(connection):
            books.answered += 1
            stage.wait(WITHIN)
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")

    async def steps(crowd: Crowd) -> None:
        await eventually(lambda: books.answered == 1)
        crowd.signalled(time.monotonic())
        stage.set()
        await eventually(lambda: books.answered > 5)

    with servers.running("ipv4", behave) as server:
        bulks, kept, _ = drive(server.target, steps, connections=1)
    before, after = bulks
    assert (before.after, before.requests, before.answered) == (False, 1, 1)
    assert (after.after, after.requests) == (True, after.answered)
    assert before.requests + after.requests == books.answered
    (connection,) = kept
    assert connection.exchanges[0].outcome is Outcome.COMPLETE
    assert connection.exchanges[0].status == 200


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        (servers.close_at_once, Outcome.FIN),
        (servers.reset_after(b""), Outcome.RST),
        (servers.answer(OK[:9], stay=False), Outcome.TRUNCATED),
        (servers.answer(OK + b"Content-Length: 9\r\n\r\nok", stay=False), Outcome.TRUNCATED),
        (servers.answer(b"220 mail ready\r\n\r\n"), Outcome.MALFORMED),
    ],
)
def test_each_loss_is_counted_and_kept_by_its_name(behave: servers.Behaviour, outcome: Outcome) -> None:
    async def steps(crowd: Crowd) -> None:
        await eventually(lambda: len(crowd.kept) >= 3)

    with servers.running("ipv4", behave) as server:
        (bulk,), kept, _ = drive(server.target, steps, rate=200.0)
    lost = [connection for connection in kept if connection.ending is outcome]
    assert len(lost) >= 3
    assert bulk.lost >= len(lost)
    assert bulk.answered == 0
    assert all(connection.exchanges[0].sent is not None for connection in lost)


def test_a_refusal_is_counted_and_not_kept() -> None:
    async def steps(crowd: Crowd) -> None:
        await eventually(lambda: crowd._tallies[Population.OPEN_LOOP].outcomes[Outcome.REFUSED] > 5)

    with servers.bound("ipv4") as listener:
        (bulk,), kept, _ = drive(servers.target_of(listener), steps, rate=500.0)
    assert 5 < bulk.refused <= bulk.connections
    assert (bulk.requests, bulk.lost, kept) == (0, 0, [])


def test_what_takes_too_long_is_given_up_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "SWEEP", 0.02)

    async def steps(crowd: Crowd) -> None:
        await eventually(lambda: len(crowd.kept) >= 2)

    with servers.running("ipv4", servers.never_answer) as server:
        (bulk,), kept, _ = drive(server.target, steps, rate=100.0, patience=0.05)
    assert Outcome.TIMED_OUT in {connection.ending for connection in kept}
    assert bulk.lost >= 2


def test_open_connections_are_bounded_and_the_missing_ones_counted() -> None:
    async def steps(crowd: Crowd) -> None:
        await eventually(lambda: crowd.skipped > 5)
        assert len(crowd._members) == 4
        crowd.signalled(time.monotonic())
        await crowd.finish(0.0)

    with servers.running("ipv4", servers.never_answer) as server:
        _, kept, crowd = drive(server.target, steps, rate=1000.0, most=4)
    assert crowd.skipped > 5
    assert {connection.ending for connection in kept} == {Outcome.ABANDONED}
