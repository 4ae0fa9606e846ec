"""Asks the paths that tell how a service is, again and again, while something else is done to it. It rules nothing.

Each request is on a connection of its own and begun by the clock, so that one which hangs holds up no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from seatrial.load.interface import LoadError
from seatrial.load.remote import Load
from seatrial.model.traffic import Asked, Target

MOST = 400
"""Requests that are taken down of one asking."""


class Asking:
    """Asks one or more paths of a service, by purpose, every `pace` seconds; each request has `limit` seconds.

    What holds while it asks is said by `became`. What came of the requests is in `asked`, with absolute times: each has
    the situation in which it was begun, by the clock of who sent it, however late anybody here was.
    """

    def __init__(self, load: Load, target: Target, paths: Mapping[str, str], *, pace: float, limit: float) -> None:
        self._load = load
        self._target = target
        self._paths = {purpose: path for purpose, path in paths.items() if path}
        self._pace = pace
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self._since: list[tuple[float, str, str]] = []
        self.asked: list[Asked] = []

    def became(self, situation: str, dependency: str = "") -> float:
        """From now on this holds; the moment."""
        moment = time.monotonic()
        self._since.append((moment, situation, dependency))
        return moment

    def start(self, situation: str) -> None:
        """Begin to ask, where there is something to ask."""
        self.became(situation)
        if self._paths:
            self._loop = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Ask no more; what is under way has its limit to end."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait({self._loop})
            self._loop = None
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=self._limit)
            for task in left:
                task.cancel()
        self.asked.sort(key=lambda one: one.exchange.begun)

    async def _go_on(self) -> None:
        while len(self.asked) < MOST:
            for purpose, path in self._paths.items():
                task = asyncio.create_task(self._once(purpose, path))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(self._pace)

    async def _once(self, purpose: str, path: str) -> None:
        try:
            exchange = await self._load.request(self._target, path, self._limit)
        except LoadError:
            return  # the generator ended with the run: that says nothing
        held = [each for each in self._since if each[0] <= exchange.begun]
        _, situation, dependency = held[-1]
        self.asked.append(Asked(purpose, situation, exchange, dependency))
