"""What became of each connection is told exactly: every known misbehaviour, every time, over each family."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter

import pytest

from seatrial.load.client import Client
from seatrial.load.record import record
from seatrial.model.traffic import Connection, Outcome, Population, Target
from tests.requirements import require

from . import servers
from .servers import CASES, FAMILIES, Case

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")
TOGETHER = 50
Seen = tuple[Outcome, Outcome, int | None, int]


async def one(target: Target, case: Case, number: int) -> Connection:
    """A request, and then the connection watched to its end where the server ends it."""
    client = Client(target, Population.IDLE, number, case.patience)
    attempt = client.request("/")
    await client.until(lambda: attempt.outcome is not None)
    if case.ending in (Outcome.IDLE_FIN, Outcome.IDLE_RST):
        await client.until(lambda: client.is_over)
    client.abandon()
    return record(client, None)


async def many(target: Target, case: Case, count: int) -> list[Connection]:
    """So many of them, some at a time."""
    room = asyncio.Semaphore(TOGETHER)

    async def in_turn(number: int) -> Connection:
        async with room:
            return await one(target, case, number)

    return await asyncio.gather(*(in_turn(number) for number in range(count)))


def seen(connection: Connection, certain: bool) -> Seen:
    exchange = connection.exchanges[0]
    if not certain:
        return exchange.outcome, connection.ending, None, 0
    return exchange.outcome, connection.ending, exchange.status, exchange.body_bytes


def assert_all(case: Case, family: str, count: int) -> None:
    require("" if servers.is_available(family) else f"no {family} here")
    with servers.running(family, case.behave) as server:
        connections = asyncio.run(many(server.target, case, count))
    told = Counter(seen(connection, case.certain) for connection in connections)
    assert told == {(case.outcome, case.ending, case.status, case.body_bytes): count}
    for connection in connections:
        assert_in_order(connection)


def assert_in_order(connection: Connection) -> None:
    """The moments of a connection follow each other."""
    exchange = connection.exchanges[0]
    moments = [exchange.begun, connection.opened, exchange.sent, exchange.first_byte, exchange.ended, connection.closed]
    known = [moment for moment in moments if moment is not None]
    assert known == sorted(known)
    assert exchange.ended is not None
    assert connection.closed is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_misbehaviour_has_its_own_name(case: Case) -> None:
    assert_all(case, "ipv4", 20)


@pytest.mark.parametrize("family", ["ipv6", "unix"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_family_of_the_socket_makes_no_difference(case: Case, family: str) -> None:
    assert_all(case, family, 3)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_thousand_of_a_thousand_are_named_right(case: Case, family: str) -> None:
    assert_all(case, family, 1000)


def outcome_of(target: Target, limit: float = 60.0) -> Connection:
    async def run() -> Connection:
        client = Client(target, Population.OPEN_LOOP, 0, limit)
        attempt = client.request("/")
        await client.until(lambda: attempt.outcome is not None)
        client.finish_politely()
        return record(client, None)

    return asyncio.run(run())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_socket_that_does_not_listen_refuses(family: str) -> None:
    require("" if servers.is_available(family) else f"no {family} here")
    with servers.bound(family) as listener:
        connection = outcome_of(servers.target_of(listener))
    assert (connection.ending, connection.opened) == (Outcome.REFUSED, None)
    assert connection.exchanges[0].outcome is Outcome.REFUSED
    assert "ECONNREFUSED" in connection.detail


def test_a_unix_socket_that_does_not_exist_refuses() -> None:
    connection = outcome_of(Target("unix", "/nowhere/at/all.sock", 0))
    assert connection.ending is Outcome.REFUSED
    assert "ENOENT" in connection.detail


def test_an_address_that_is_none_is_our_own_fault_and_never_an_exception() -> None:
    assert outcome_of(Target("unix", "/" + "x" * 300, 0)).ending is Outcome.ABANDONED


@pytest.mark.parametrize("family", FAMILIES)
def test_what_only_the_kernel_accepts_is_open_and_times_out(family: str) -> None:
    require("" if servers.is_available(family) else f"no {family} here")
    with servers.bound(family, 16) as listener:
        connection = outcome_of(servers.target_of(listener), limit=0.05)
    assert connection.opened is not None
    assert connection.exchanges[0].sent is not None
    assert connection.exchanges[0].outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize("family", FAMILIES)
def test_a_full_backlog_is_neither_accepted_nor_refused(family: str) -> None:
    require("" if servers.is_available(family) else f"no {family} here")
    with servers.bound(family, 0) as listener:
        target = servers.target_of(listener)
        filler = socket.socket(listener.family)
        with filler:
            filler.connect(listener.getsockname())
            # a backlog of 0 holds one connection (listen(2)); the next one waits
            connection = outcome_of(target, limit=0.05)
    assert connection.opened is None
    assert connection.exchanges[0].outcome is Outcome.CONNECT_TIMED_OUT


@pytest.mark.parametrize(("data", "unframed"), [(b"\r\nhello", True), (b"Content-Length: 5\r\n\r\nhello", False)])
def test_a_body_that_ends_with_its_connection_is_known_as_such(data: bytes, unframed: bool) -> None:
    case = Case("", servers.answer(servers.OK + data, stay=False), Outcome.COMPLETE_CLOSE, Outcome.COMPLETE_CLOSE)
    with servers.running("ipv4", case.behave) as server:
        told = asyncio.run(one(server.target, case, 0))
    assert (told.exchanges[0].unframed, told.exchanges[0].body_bytes) == (unframed, 5)


def test_bytes_after_the_response_leave_it_complete_and_the_connection_unusable() -> None:
    case = servers.unpredictable()

    async def run(target: Target) -> Connection:
        client = Client(target, Population.KEEP_ALIVE, 0, 60.0)
        attempt = client.request("/")
        await client.until(lambda: attempt.outcome is not None)
        deadline = time.monotonic() + 30
        while not client.stray and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
        assert not client.is_reusable
        client.finish_politely()
        return record(client, None)

    with servers.running("ipv4", case.behave) as server:
        connection = asyncio.run(run(server.target))
    assert connection.exchanges[0].outcome is Outcome.COMPLETE
    assert connection.ending is Outcome.MALFORMED
    assert "garbage" in connection.detail


def test_a_connection_reset_while_it_is_written_to_keeps_the_answer_that_came_before() -> None:
    """The write fails first (the kernel gives the error once); what was received is still to be read."""

    async def run(target: Target) -> Connection:
        client = Client(target, Population.HELD, 0, 60.0)
        attempt = client.request("/", withhold=2)
        await client.until(lambda: client.is_open)
        gone.wait(30)  # blocks the loop on purpose: the client must not read before it writes
        client.release()
        await client.until(lambda: client.is_over)
        assert attempt.outcome is not None
        return record(client, None)

    gone = threading.Event()

    def answer_early_and_reset(connection: socket.socket) -> None:
        connection.recv(1)  # the rest stays unread, so that closing resets
        connection.sendall(servers.OK + b"Content-Length: 2\r\n\r\nok")
        connection.close()
        gone.set()

    with servers.running("ipv4", answer_early_and_reset) as server:
        connection = asyncio.run(run(server.target))
    assert connection.exchanges[0].outcome is Outcome.COMPLETE
    assert connection.ending is Outcome.IDLE_RST
