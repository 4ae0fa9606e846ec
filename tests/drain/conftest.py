"""Lives that can be ended without ending the tests."""

from __future__ import annotations

import asyncio
from typing import Any

from seatrial.drain import aio, threads


class Ended(BaseException):
    """What `os._exit` would have done."""


class AsyncLife(aio.Life):
    """A life in an event loop of the tests: no signals, no last resort."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ends: list[int] = []

    def _arm(self, seconds: float) -> None:
        self.armed = seconds

    def _end(self, code: int) -> None:
        self.ends.append(code)

    async def finish(self) -> None:
        """Bring a stop that a story left behind to its end: the loop must not be closed in the middle of it."""
        await asyncio.sleep(0)
        for key in list(self.open):
            self.leave(key)
        if self.stopping:
            await self.stopped()

    async def stopped(self) -> int:
        """Wait for the end, with a limit; the exit code."""
        await asyncio.wait_for(self.ended.wait(), 10)
        return self.code


class ThreadLife(threads.Life):
    """A life with a thread of its own: no signals, no last resort."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ends: list[int] = []
        self.attach(signals=False)

    def _arm(self, seconds: float) -> None:
        self.armed = seconds

    def _end(self, code: int) -> None:
        self.ends.append(code)

    def stopped(self) -> int:
        """Wait for the end, with a limit; the exit code."""
        assert self.ended.wait(10), f"not ended: {self.phase}"
        return self.code
