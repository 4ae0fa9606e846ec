"""How the connections of each population behave: one coroutine each, from its opening to the end of its sending.

They only say when to connect and to send; what became of it is the client's record. None of them waits for another, so
that a service that is slow to one population is not spared by the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.load.client import SLOW_PACE, WITHHELD, Client
from seatrial.load.interface import Plan
from seatrial.model.traffic import Population

RECONNECT_PAUSE = 0.1
"""How long a busy keep-alive client waits before it connects again after a connection that served nothing."""
MAX_REQUESTS = 20_000
"""After so many requests a busy connection only watches: a record must not grow without end."""
TALK_PACE = 0.1
"""Seconds between two messages on a busy WebSocket."""
SWITCHED = 101
"""The status with which a server accepts a WebSocket."""
WEBSOCKETS = (Population.WEBSOCKET, Population.WEBSOCKET_BUSY)
QUIET = (Population.IDLE, Population.NEVER_USED, Population.HTTP2_IDLE, *WEBSOCKETS)
AIMED = (
    Population.IN_FLIGHT,
    Population.HTTP2,
    Population.HELD,
    Population.STREAM,
    Population.SLOW_SENDER,
    Population.SLOW_READER,
    Population.UNFINISHED,
)
ENDLESS = frozenset({Population.SLOW_SENDER, Population.SLOW_READER, Population.UNFINISHED, *WEBSOCKETS})
"""Whose exchange does not end by itself: no time limit, and nothing to wait for."""


@dataclass(slots=True)
class Phase:
    """How far the run is: what every population looks at before it sends."""

    sending: bool = True
    signalled: float | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What the populations share. `connect` makes a new client of a population and records it (None: no room)."""

    plan: Plan
    phase: Phase
    connect: Callable[[Population], Client | None]


def size(plan: Plan, population: Population) -> int:
    """How many connections of a population the plan wants at a time; none where no path is known that would do."""
    target = plan.target
    return {
        Population.IDLE: plan.idle,
        Population.NEVER_USED: plan.never_used,
        Population.IN_FLIGHT: plan.in_flight if target.slow_path else 0,
        Population.HELD: plan.held,
        Population.STREAM: plan.stream if target.stream_path else 0,
        Population.KEEP_ALIVE: plan.keep_alive,
        Population.SLOW_SENDER: plan.slow_sender,
        Population.SLOW_READER: plan.slow_reader if target.large_path else 0,
        Population.UNFINISHED: plan.unfinished if target.http1 else 0,
        Population.WEBSOCKET: plan.websocket if target.websocket_path else 0,
        Population.WEBSOCKET_BUSY: plan.websocket_busy if target.websocket_path else 0,
        Population.HTTP2: plan.http2 if target.http2 and target.slow_path else 0,
        Population.HTTP2_IDLE: plan.http2_idle if target.http2 else 0,
    }.get(population, 0)


def path_of(plan: Plan, population: Population) -> str:
    """What a population asks for."""
    target = plan.target
    return {
        Population.IN_FLIGHT: target.slow_path,
        Population.HTTP2: target.slow_path,
        Population.STREAM: target.stream_path,
        Population.WEBSOCKET: target.websocket_path,
        Population.WEBSOCKET_BUSY: target.websocket_path,
        Population.SLOW_READER: target.large_path,
    }.get(population, target.quick_path)


def limit_of(plan: Plan, population: Population) -> float | None:
    """The time limit of one request; one that never ends has none."""
    return None if population in ENDLESS else plan.timeout


def is_in_position(client: Client) -> bool:
    """Whether a connection is as the signal should find it."""
    attempt = client.current
    match client.population:
        case Population.IDLE | Population.HTTP2_IDLE:
            return client.is_reusable
        case Population.WEBSOCKET | Population.WEBSOCKET_BUSY:
            return attempt is not None and attempt.status == SWITCHED
        case Population.SLOW_READER:
            return attempt is not None and attempt.first_byte is not None
        case Population.NEVER_USED:
            return client.is_open
        case Population.IN_FLIGHT | Population.HTTP2 | Population.UNFINISHED:
            return attempt is not None and attempt.sent is not None
        case Population.STREAM:
            return attempt is not None and attempt.body_bytes > 0
        case Population.HELD | Population.SLOW_SENDER:
            return client.is_open and attempt is not None
        case _:
            return client.is_over or bool(client.attempts and client.attempts[0].outcome is not None)


def place(scene: Scene, population: Population) -> Client | None:
    """Open one connection of a population that is brought into position and left there."""
    client = scene.connect(population)
    if client is None:
        return None
    path = path_of(scene.plan, population)
    if population is Population.NEVER_USED:
        client.connect()
    elif population is Population.HELD:
        client.request(path, withhold=WITHHELD)
    elif population is Population.SLOW_SENDER:
        client.request(path, trickle=True)
    elif population is Population.UNFINISHED:
        client.request(path, unfinished=True)
    else:
        client.request(path)
    return client


async def trickle(client: Client) -> None:
    """One byte a second, for as long as the connection lasts."""
    await client.until(lambda: client.is_open or client.is_over)
    while not client.is_over and client.current is not None:
        client.release_one()
        await asyncio.sleep(SLOW_PACE)


async def talk(client: Client) -> None:
    """Message after message on a WebSocket, for as long as it lasts."""
    await client.until(lambda: client.is_over or is_in_position(client))
    while not client.is_over and client.current is not None:
        client.talk()
        await asyncio.sleep(TALK_PACE)


COMPANIONS = {Population.SLOW_SENDER: trickle, Population.WEBSOCKET_BUSY: talk}
"""What goes on beside a connection that was placed."""


async def one_request(scene: Scene, population: Population) -> None:
    """One request on a connection of its own, closed when the response came."""
    client = scene.connect(population) if scene.phase.sending else None
    if client is None:
        return
    attempt = client.request(path_of(scene.plan, population))
    await client.until_over(attempt)
    client.finish_politely()


async def keep_busy(scene: Scene, opened: Callable[[Client], None]) -> None:
    """Request after request on one connection; a new one for each that closed before the signal, none after it."""
    while scene.phase.sending and scene.phase.signalled is None:
        client = scene.connect(Population.KEEP_ALIVE)
        if client is None:
            return
        opened(client)
        await _use(scene, client)
        served = any(attempt.status is not None for attempt in client.attempts)
        await asyncio.sleep(scene.plan.keep_alive_pause if served else RECONNECT_PAUSE)


async def _use(scene: Scene, client: Client) -> None:
    while scene.phase.sending:
        attempt = client.request(path_of(scene.plan, Population.KEEP_ALIVE))
        await client.until_over(attempt)
        await asyncio.sleep(scene.plan.keep_alive_pause)
        if len(client.attempts) >= MAX_REQUESTS:
            await client.until(lambda: client.is_over)
        if client.is_over:
            return
        if not client.is_reusable:
            client.finish_politely()
            return
