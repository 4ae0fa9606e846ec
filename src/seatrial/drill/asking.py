"""Asks the paths that tell how a service is, again and again, while something else is done to it. It rules nothing.

Each request is on a connection of its own and begun by the clock, so that one which hangs holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from seatrial.load.interface import LoadError
from seatrial.load.remote import Load
from seatrial.model.traffic import Asked, Exchange, Outcome, Target

MOST = 400
"""Requests that are taken down of one asking."""


class Asking:
    """Asks one or more paths of a service, by purpose, every `pace` seconds; each request has `limit` seconds.

    `situation` and `dependency` are those of the requests that are begun from now on. What came of them is in `asked`,
    with absolute times.
    """

    def __init__(self, load: Load, target: Target, paths: Mapping[str, str], *, pace: float, limit: float) -> None:
        self._load = load
        self._target = target
        self._paths = {purpose: path for purpose, path in paths.items() if path}
        self._pace = pace
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self.situation = ""
        self.dependency = ""
        self.asked: list[Asked] = []

    def start(self, situation: str) -> None:
        """Begin to ask, where there is something to ask."""
        self.situation = situation
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
                task = asyncio.create_task(self._once(Asked(purpose, self.situation, _NOTHING, self.dependency), path))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(self._pace)

    async def _once(self, asked: Asked, path: str) -> None:
        try:
            exchange = await self._load.request(self._target, path, self._limit)
        except LoadError:
            return  # the generator ended with the run: that says nothing
        self.asked.append(replace(asked, exchange=exchange))


_NOTHING = Exchange("", Outcome.ABANDONED, 0.0)
