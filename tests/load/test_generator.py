"""The populations do what their names say, before and after the signal; the open loop keeps its own time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from seatrial.load.generator import Generator, request_once
from seatrial.load.interface import Plan, Result
from seatrial.load.record import classify
from seatrial.model.traffic import Connection, Exchange, Outcome, Population, Target

from . import servers
from .servers import Server

QUIET = {"rate": 0.0, "idle": 0, "never_used": 0, "in_flight": 0, "keep_alive": 0, "lead": 0.0}
WITHIN = 30.0
TINY = 1e-6
"""Recorded moments are rounded to the microsecond."""


def plan(target: Target, **wanted: float) -> Plan:
    """A plan of nothing but what is wanted, with every path known."""
    whole = replace(target, slow_path="/slow", stream_path="/stream")
    return Plan(whole, **{**QUIET, **wanted})  # type: ignore[arg-type]


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, "the condition never came to hold"
        await asyncio.sleep(0.002)


def drive(steps: Callable[[Generator], Awaitable[Result]], wanted: Plan, max_open: int = 4096) -> Result:
    async def run() -> Result:
        generator = Generator(wanted, max_open)
        await generator.begin()
        return await steps(generator)

    return asyncio.run(run())


def of(result: Result, population: Population) -> list[Connection]:
    return [connection for connection in result.connections if connection.population is population]


def test_what_is_aimed_at_is_in_flight_at_the_signal_and_ends_after_it() -> None:
    stage = servers.Stage()
    moments: list[float] = []

    async def steps(generator: Generator) -> Result:
        moments.append(await generator.aim())
        moments.append(time.monotonic())
        generator.signalled(moments[1])
        stage.curtain.set()
        return await generator.finish(WITHIN)

    with servers.running("ipv4", stage) as server:
        result = drive(steps, plan(server.target, in_flight=2, held=2, stream=2, slow_sender=1))
    aimed, when = moments
    for connection in of(result, Population.IN_FLIGHT):
        exchange = connection.exchanges[0]
        assert exchange.outcome is Outcome.COMPLETE
        assert exchange.sent is not None
        assert exchange.first_byte is not None
        assert exchange.sent <= aimed <= when <= exchange.first_byte
        assert connection.ending is Outcome.IDLE_OPEN
    for connection in of(result, Population.HELD):
        exchange = connection.exchanges[0]
        assert exchange.outcome is Outcome.COMPLETE
        assert exchange.sent is not None
        assert exchange.begun <= aimed <= when <= exchange.sent + TINY
    for connection in of(result, Population.STREAM):
        exchange = connection.exchanges[0]
        assert (exchange.outcome, exchange.body_bytes) == (Outcome.COMPLETE, 5)
        assert exchange.first_byte is not None
        assert exchange.ended is not None
        assert exchange.first_byte <= aimed <= when <= exchange.ended
    (slow,) = of(result, Population.SLOW_SENDER)
    assert slow.ending is Outcome.ABANDONED
    assert slow.exchanges[0].sent is None
    assert len(result.connections) == 7


def test_a_slow_request_answered_before_the_signal_is_renewed() -> None:
    stage = servers.Stage(early=1)

    async def steps(generator: Generator) -> Result:
        await generator.aim()
        await eventually(lambda: any(client.current is None for client in generator.clients))
        await generator.aim()
        generator.signalled(time.monotonic())
        stage.curtain.set()
        return await generator.finish(WITHIN)

    with servers.running("ipv4", stage) as server:
        result = drive(steps, plan(server.target, in_flight=2))
    endings = [connection.ending for connection in result.connections]
    assert Outcome.COMPLETE in endings
    assert endings.count(Outcome.IDLE_OPEN) == 2


def test_aiming_ends_even_if_nothing_can_be_brought_into_position() -> None:
    async def steps(generator: Generator) -> Result:
        await generator.aim()
        return await generator.finish(0)

    with servers.running("ipv4", servers.close_at_once) as server:
        result = drive(steps, plan(server.target, in_flight=1, held=1, stream=1, idle=1, never_used=1))
    endings = {connection.ending for connection in of(result, Population.IN_FLIGHT)}
    assert endings == {Outcome.FIN}


def test_a_request_without_a_path_for_it_is_not_made() -> None:
    async def steps(generator: Generator) -> Result:
        await generator.aim()
        return await generator.finish(0)

    with servers.running("ipv4", servers.serve) as server:
        wanted = plan(server.target, in_flight=2, stream=2)
        result = drive(steps, replace(wanted, target=server.target))
    assert result.connections == ()


def test_idle_and_never_used_connections_are_watched_and_left_alone() -> None:
    async def steps(generator: Generator) -> Result:
        await generator.aim()
        return await generator.finish(0)

    with servers.running("ipv4", servers.serve) as server:
        result = drive(steps, plan(server.target, idle=3, never_used=2))
    assert [len(c.exchanges) for c in of(result, Population.IDLE)] == [1, 1, 1]
    assert [len(c.exchanges) for c in of(result, Population.NEVER_USED)] == [0, 0]
    assert {c.ending for c in result.connections} == {Outcome.IDLE_OPEN}


def test_idle_connections_that_the_server_closes_end_with_its_fin() -> None:
    async def steps(generator: Generator) -> Result:
        running[0].close()
        return await generator.finish(WITHIN)

    running: list[Server] = []
    with servers.running("unix", servers.serve) as server:
        running.append(server)
        result = drive(steps, plan(server.target, idle=3, never_used=2))
    assert [c.ending for c in result.connections] == [Outcome.IDLE_FIN] * 5


def test_busy_keep_alive_goes_on_after_the_signal_on_its_one_connection() -> None:
    moments: list[float] = []

    async def steps(generator: Generator) -> Result:
        moments.append(time.monotonic())
        generator.signalled(moments[0])
        client = generator.clients[0]
        before = len(client.attempts)
        await eventually(lambda: len(client.attempts) > before + 3)
        generator.stop_sending()
        moments.append(time.monotonic())
        return await generator.finish(WITHIN)

    with servers.running("ipv4", servers.serve) as server:
        result = drive(steps, plan(server.target, keep_alive=1, keep_alive_pause=0.001))
    (connection,) = result.connections
    assert connection.ending is Outcome.IDLE_OPEN
    assert not connection.exchanges[0].reused
    assert all(exchange.reused for exchange in connection.exchanges[1:])
    assert {exchange.outcome for exchange in connection.exchanges} == {Outcome.COMPLETE}
    assert sum(exchange.begun >= moments[0] for exchange in connection.exchanges) >= 3
    assert not any(exchange.begun > moments[1] + TINY for exchange in connection.exchanges)
    assert len({exchange.mark for exchange in connection.exchanges}) == len(connection.exchanges)


def test_busy_keep_alive_connects_again_before_the_signal_and_not_after_it() -> None:
    async def steps(generator: Generator) -> Result:
        await eventually(lambda: len(generator.clients) >= 4)
        when = time.monotonic()
        generator.signalled(when)
        await eventually(lambda: all(client.is_over for client in generator.clients))
        count = len(generator.clients)
        result = await generator.finish(WITHIN)
        assert len(result.connections) == count
        assert all(connection.begun <= when + TINY for connection in result.connections)
        return result

    with servers.running("ipv4", servers.Stage(announce=True)) as server:
        result = drive(steps, plan(server.target, keep_alive=1, keep_alive_pause=0.001))
    assert {connection.ending for connection in result.connections} == {Outcome.COMPLETE_CLOSE}
    assert {len(connection.exchanges) for connection in result.connections} == {1}


def test_the_open_loop_goes_on_through_the_signal_until_it_is_told_to_stop() -> None:
    stopped: list[float] = []

    async def steps(generator: Generator) -> Result:
        await eventually(lambda: len(generator.clients) > 5)
        generator.signalled(time.monotonic())
        await eventually(lambda: len(generator.clients) > 10 and all(one.is_over for one in generator.clients[:6]))
        running[0].stop_listening()
        refused = len(generator.clients)
        await eventually(lambda: len(generator.clients) > refused + 5)
        generator.stop_sending()
        stopped.append(time.monotonic())
        await asyncio.sleep(0.05)
        return await generator.finish(WITHIN)

    running: list[Server] = []
    with servers.running("ipv4", servers.serve) as server:
        running.append(server)
        result = drive(steps, plan(server.target, rate=500.0))
    endings = [connection.ending for connection in result.connections]
    assert set(endings[:6]) == {Outcome.COMPLETE}
    assert endings[-1] is Outcome.REFUSED
    assert all(len(connection.exchanges) == 1 for connection in result.connections)
    assert not any(connection.begun > stopped[0] + TINY for connection in result.connections)


def test_late_answers_delay_no_later_request() -> None:
    async def steps(generator: Generator) -> Result:
        await eventually(lambda: sum(client.current is not None for client in generator.clients) >= 20)
        return await generator.finish(0)

    with servers.running("ipv4", servers.never_answer) as server:
        result = drive(steps, plan(server.target, rate=500.0))
    assert len(result.connections) >= 20
    assert {connection.ending for connection in result.connections} == {Outcome.ABANDONED}


def test_open_connections_are_bounded_and_the_missing_ones_counted() -> None:
    async def steps(generator: Generator) -> Result:
        await eventually(lambda: generator.skipped > 5)
        assert sum(not client.is_over for client in generator.clients) == 8
        return await generator.finish(0)

    with servers.running("ipv4", servers.never_answer) as server:
        result = drive(steps, plan(server.target, rate=1000.0), max_open=8)
    assert len(result.connections) == 8
    assert result.skipped > 5


def test_what_is_accepted_after_the_signal_and_never_answered_was_not_served() -> None:
    mute = servers.Mute()
    moments: list[float] = []

    async def steps(generator: Generator) -> Result:
        await eventually(lambda: any(client.is_over for client in generator.clients))
        mute.silent.set()
        moments.append(time.monotonic())
        generator.signalled(moments[0])
        await eventually(lambda: any(c.opened is not None and c.opened >= moments[0] for c in generator.clients))
        await asyncio.sleep(0.02)
        return await generator.finish(0)

    with servers.running("ipv4", mute) as server:
        result = drive(steps, plan(server.target, rate=200.0))
    late = [c for c in result.connections if c.opened is not None and c.opened >= moments[0]]
    assert late
    assert {c.ending for c in late} == {Outcome.NOT_SERVED}
    assert {c.exchanges[0].outcome for c in late} == {Outcome.NOT_SERVED}
    assert all(Outcome.ABANDONED.value in c.exchanges[0].detail for c in late)
    assert Outcome.NOT_SERVED not in {c.ending for c in result.connections if c not in late}


def test_the_generator_reports_its_own_lateness() -> None:
    async def steps(generator: Generator) -> Result:
        await asyncio.sleep(0.03)
        time.sleep(0.1)  # the fault to be noticed: nothing else of this loop runs meanwhile
        await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        return await generator.finish(0)

    with servers.running("ipv4", servers.serve) as server:
        result = drive(steps, plan(server.target))
    assert result.lag >= 0.08


def test_one_request_alone_is_told_as_any_other() -> None:
    with servers.running("ipv6" if servers.is_available("ipv6") else "ipv4", servers.serve) as server:
        exchange = asyncio.run(request_once(server.target, "/health", WITHIN))
    assert (exchange.path, exchange.outcome, exchange.status) == ("/health", Outcome.COMPLETE, 200)


def exchange(outcome: Outcome, **values: float) -> Exchange:
    return Exchange("/", outcome, 1.0, **values)  # type: ignore[arg-type]


def connection(opened: float | None, *exchanges: Exchange) -> Connection:
    return Connection(Population.OPEN_LOOP, 0, 1.0, opened, 9.0, exchanges[-1].outcome, exchanges)


@pytest.mark.parametrize("outcome", [Outcome.FIN, Outcome.RST, Outcome.TIMED_OUT, Outcome.ABANDONED])
def test_each_end_without_a_byte_on_a_late_connection_means_not_served(outcome: Outcome) -> None:
    told = classify(connection(5.0, exchange(outcome)), 5.0)
    assert told.ending is Outcome.NOT_SERVED
    assert told.exchanges[0].outcome is Outcome.NOT_SERVED
    assert told.exchanges[0].detail == outcome.value


@pytest.mark.parametrize(
    ("opened", "signalled", "seen"),
    [
        (4.9, 5.0, exchange(Outcome.RST)),
        (5.0, None, exchange(Outcome.RST)),
        (None, 5.0, exchange(Outcome.REFUSED)),
        (None, 5.0, exchange(Outcome.CONNECT_TIMED_OUT)),
        (5.1, 5.0, exchange(Outcome.COMPLETE, first_byte=6.0)),
        (5.1, 5.0, exchange(Outcome.ABANDONED, first_byte=6.0)),
        (5.1, 5.0, exchange(Outcome.TRUNCATED, first_byte=6.0)),
    ],
)
def test_every_other_end_keeps_its_name(opened: float | None, signalled: float | None, seen: Exchange) -> None:
    before = connection(opened, seen)
    assert classify(before, signalled) == before


def test_a_reused_late_connection_that_was_served_once_keeps_its_names() -> None:
    before = connection(5.1, exchange(Outcome.COMPLETE, first_byte=6.0), exchange(Outcome.FIN))
    assert classify(before, 5.0) == before
