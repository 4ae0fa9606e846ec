"""How the connections of each population behave: one coroutine each, from its opening to the end of its sending.

They only say when to connect and to send; what became of it is the client's record. None of them waits for another, so
that a service that is slow to one population is not spared by the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.load.client import WITHHELD, Client
from seatrial.load.interface import Plan
from seatrial.model.recording import Population

RECONNECT_PAUSE = 0.1
"""How long a busy keep-alive client waits before it connects again after a connection that served nothing."""
MAX_REQUESTS = 20_000
"""After so many requests a busy connection only watches: a record must not grow without end."""
SLOW_PACE = 1.0
"""Seconds between two bytes of a slow sender."""
QUIET = (Population.IDLE, Population.NEVER_USED)
AIMED = (Population.IN_FLIGHT, Population.HELD, Population.STREAM, Population.SLOW_SENDER)


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
    return {
        Population.IDLE: plan.idle,
        Population.NEVER_USED: plan.never_used,
        Population.IN_FLIGHT: plan.in_flight if plan.target.slow_path else 0,
        Population.HELD: plan.held,
        Population.STREAM: plan.stream if plan.target.stream_path else 0,
        Population.KEEP_ALIVE: plan.keep_alive,
        Population.SLOW_SENDER: plan.slow_sender,
    }.get(population, 0)


def path_of(plan: Plan, population: Population) -> str:
    """What a population asks for."""
    target = plan.target
    if population is Population.IN_FLIGHT:
        return target.slow_path
    if population is Population.STREAM:
        return target.stream_path
    return target.quick_path


def limit_of(plan: Plan, population: Population) -> float | None:
    """The time limit of one request; a slow sender's never ends, so it has none."""
    return None if population is Population.SLOW_SENDER else plan.timeout


def is_in_position(client: Client) -> bool:
    """Whether a connection is as the signal should find it."""
    attempt = client.current
    match client.population:
        case Population.IDLE:
            return client.is_reusable
        case Population.NEVER_USED:
            return client.is_open
        case Population.IN_FLIGHT:
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
    else:
        client.request(path)
    return client


async def trickle(client: Client) -> None:
    """One byte a second, for as long as the connection lasts."""
    await client.until(lambda: client.is_open or client.is_over)
    while not client.is_over and client.current is not None:
        client.release_one()
        await asyncio.sleep(SLOW_PACE)


async def one_request(scene: Scene, population: Population) -> None:
    """One request on a connection of its own, closed when the response came."""
    client = scene.connect(population) if scene.phase.sending else None
    if client is None:
        return
    attempt = client.request(path_of(scene.plan, population))
    await client.until(lambda: attempt.outcome is not None)
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
        await client.until(lambda attempt=attempt: attempt.outcome is not None)  # type: ignore[misc]
        await asyncio.sleep(scene.plan.keep_alive_pause)
        if len(client.attempts) >= MAX_REQUESTS:
            await client.until(lambda: client.is_over)
        if client.is_over:
            return
        if not client.is_reusable:
            client.finish_politely()
            return
