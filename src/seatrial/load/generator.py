"""One load, from its opening to its record: opens the populations, keeps the rate, watches its own punctuality.

The open loop follows the clock alone: a late answer delays no later request (no coordinated omission). What it opens is
bounded; whatever a server does, neither descriptors nor memory grow without end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from seatrial.load.client import Client
from seatrial.load.crowd import Crowd
from seatrial.load.interface import Plan, Result
from seatrial.load.populations import (
    AIMED,
    COMPANIONS,
    ENDLESS,
    QUIET,
    Phase,
    Scene,
    is_in_position,
    keep_busy,
    limit_of,
    one_request,
    place,
    size,
)
from seatrial.load.record import record
from seatrial.model.traffic import Exchange, Outcome, Population, Target

MAX_OPEN = 4096
MAX_RECORDED = 200_000
OPENING_LIMIT = 5.0
"""How long the opening of a group, or one round of aiming, may take before the run goes on without it."""
AIM_ROUNDS = 3
APART = 0.05
"""How long at most the opening of one connection holds up that of the next."""
SETTLE = 0.1
"""How long requests must have been under way before they count as in flight: the server must have accepted them."""
BEAT = 0.01
LAST_LOOK = 0.02


async def request_once(
    target: Target, path: str, timeout: float, population: Population = Population.OPEN_LOOP
) -> Exchange:
    """One request on a connection of its own, in the protocol of a population; a WebSocket is left as soon as it is
    accepted. Never raises for what the server does."""
    client = Client(target, population, 0, timeout)
    attempt = client.request(path)
    await client.until(lambda: attempt.outcome is not None or is_in_position(client))
    client.leave()
    await client.until_over(attempt)
    client.finish_politely()
    return attempt.exchange()


def _is_kept(client: Client) -> bool:
    """Whether a connection needs no successor: it is where it should be, or on its way, or the server keeps none."""
    if client.is_over:
        return client.population in QUIET and client.ending is Outcome.COMPLETE_CLOSE
    return client.current is not None or is_in_position(client)


def _is_done(client: Client) -> bool:
    """Whether waiting for its position is in vain: it ended, or its request did."""
    return client.is_over or bool(client.attempts and client.current is None)


async def _all(clients: Iterable[Client], deadline: float, condition: Callable[[Client], bool]) -> bool:
    """Wait until the condition holds for each; False if the deadline came first."""
    try:
        async with asyncio.timeout_at(deadline):
            for client in clients:
                await client.until(partial(condition, client))
    except TimeoutError:
        return False
    return True


class Generator:
    """The load of one plan: `begin`, `aim`, `signalled`, `stop_sending`, `finish`, in this order."""

    def __init__(self, plan: Plan, max_open: int = MAX_OPEN) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._max_open = max_open
        self._phase = Phase()
        self._scene = Scene(plan, self._phase, self._connect)
        self.clients: list[Client] = []
        self._open: set[Client] = set()
        self.skipped = 0
        self._placed: dict[Population, list[Client]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._crowd: Crowd | None = None
        self._begun = 0.0
        self._lag = 0.0
        self._ticking: asyncio.TimerHandle | None = None
        self._due = 0.0

    # --- the steps ---

    async def begin(self) -> None:
        """Open the quiet and the busy connections, then start the open loop."""
        self._spawn(self._watch_lag())
        await self._fill(Population.IDLE)
        await self._positioned(self._placed[Population.IDLE])
        await self._fill(Population.NEVER_USED)
        busy: list[Client] = []
        for _ in range(self._plan.keep_alive):
            self._spawn(keep_busy(self._scene, busy.append))
        await asyncio.sleep(0)
        await self._positioned([*self._placed[Population.NEVER_USED], *busy])
        self._begun = time.monotonic()
        if self._plan.rate > 0:
            self._due = self._begun
            self._tick()
        if (self._plan.crowd or self._plan.crowd_rate) and self._plan.target.http1:
            limits = (self._max_open, self._plan.timeout)
            self._crowd = Crowd(self._plan.target, self._plan.crowd, self._plan.crowd_rate, limits)
            self._crowd.begin()

    async def aim(self) -> float:
        """Bring what is to be in flight into position; gives the moment at which all were, or were given up on."""
        await asyncio.sleep(max(0.0, self._begun + self._plan.lead - time.monotonic()))
        for _ in range(AIM_ROUNDS):
            fresh = [client for population in (*QUIET, *AIMED) for client in await self._fill(population)]
            aimed = [client for population in AIMED for client in self._placed[population]]
            if not await self._positioned(fresh):
                break
            if aimed:
                await asyncio.sleep(self._settle())
            if all(is_in_position(client) for client in aimed):
                break
        return time.monotonic()

    def signalled(self, when: float) -> None:
        """The stop signal was sent: what was withheld goes out now."""
        if self._phase.signalled is None:
            self._phase.signalled = when
        if self._crowd is not None:
            self._crowd.signalled(when)
        for client in self._placed.get(Population.HELD, ()):
            client.release()

    def stop_sending(self) -> None:
        """No new connections and no new requests from now on."""
        self._phase.sending = False
        if self._crowd is not None:
            self._crowd.stop_sending()
        if self._ticking is not None:
            self._ticking.cancel()

    async def finish(self, within: float) -> Result:
        """Wait for open requests to end, at most `within` seconds; then close all and give the record."""
        self.stop_sending()
        deadline = self._loop.time() + within
        waited = [client for client in self._open if client.current is not None and not self._never_ends(client)]
        await _all(waited, deadline, lambda client: client.current is None)
        bulk = await self._crowd.finish(deadline) if self._crowd is not None else []
        if self._open and within > 0:
            await asyncio.sleep(LAST_LOOK)
        for client in tuple(self._open):
            client.drain()
            client.abandon()
        tasks = tuple(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connections = [record(client, self._phase.signalled) for client in self.clients]
        if self._crowd is not None:
            connections += self._crowd.kept
            self._lag = max(self._lag, self._crowd.lag)
            self.skipped += self._crowd.skipped
        return Result(tuple(connections), round(self._lag, 6), self.skipped, tuple(bulk))

    def cancel(self) -> None:
        """End everything at once."""
        self.stop_sending()
        for task in self._tasks:
            task.cancel()
        for client in tuple(self._open):
            client.abandon()
        if self._crowd is not None:
            self._crowd.close()

    # --- inside ---

    def _never_ends(self, client: Client) -> bool:
        """Whether waiting for its request makes no sense: it is this side that does not finish it."""
        return client.population in ENDLESS or bool(client.held)

    def _settle(self) -> float:
        """Time for the server to take up what was sent, and still well before a slow request ends."""
        known = self._plan.target.slow_seconds
        return min(SETTLE, known / 4) if known > 0 else SETTLE

    def _connect(self, population: Population) -> Client | None:
        if len(self._open) >= self._max_open or len(self.clients) >= MAX_RECORDED:
            self.skipped += 1
            return None
        limit = limit_of(self._plan, population)
        client = Client(self._plan.target, population, len(self.clients), limit, self._open.discard)
        self.clients.append(client)
        self._open.add(client)
        return client

    async def _fill(self, population: Population) -> list[Client]:
        """Open as many as are missing of a population, one after the other: a burst would overflow the short backlog
        of a small server, and the kernel tries again only after a second. Gives the new ones."""
        before = self._placed.get(population, [])
        kept = [client for client in before if _is_kept(client)]
        for client in before:
            if client not in kept and not client.is_over:
                client.finish_politely()  # answered too early: a fresh one takes its place
        self._placed[population] = kept
        new: list[Client] = []
        for _ in range(size(self._plan, population) - len(kept)):
            made = place(self._scene, population)
            if made is None:
                break
            kept.append(made)
            new.append(made)
            if population in COMPANIONS:
                self._spawn(COMPANIONS[population](made))
            await self._wait([made], APART)
            await asyncio.sleep(0.001)
        return new

    async def _positioned(self, clients: Iterable[Client]) -> bool:
        """Wait until each is in position or over; False if that took too long."""
        return await self._wait(clients, min(OPENING_LIMIT, self._plan.timeout))

    async def _wait(self, clients: Iterable[Client], limit: float) -> bool:
        deadline = self._loop.time() + limit
        return await _all(clients, deadline, lambda client: is_in_position(client) or _is_done(client))

    def _tick(self) -> None:
        """Start every request that is due; the next one is due by the schedule, whatever became of this one."""
        now = self._loop.time()
        self._lag = max(self._lag, now - self._due)
        while self._due <= now:
            self._spawn(one_request(self._scene, Population.OPEN_LOOP))
            self._due += 1.0 / self._plan.rate
        self._ticking = self._loop.call_at(self._due, self._tick)

    async def _watch_lag(self) -> None:
        while True:
            due = self._loop.time() + BEAT
            await asyncio.sleep(BEAT)
            self._lag = max(self._lag, self._loop.time() - due)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler(
                {"message": "the load generator failed", "exception": error, "task": task}
            )
