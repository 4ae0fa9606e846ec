"""Reads pipes in the event loop: each piece with its moment, then the end. Never blocks, never decides."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

CHUNK = 65536


class Reader:
    """One pipe. `ended` gets the moment at which its last writer let go of it."""

    def __init__(self, descriptor: int, on_data: Callable[[float, bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._on_data = on_data
        self.ended: asyncio.Future[float] = self._loop.create_future()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        moment = time.monotonic()
        if not data:
            self._finish(moment)
        self._on_data(moment, data)

    def _finish(self, moment: float) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self.ended.set_result(moment)

    def drop(self) -> None:
        """Read no more, and tell nobody."""
        if not self.ended.done():
            self._finish(time.monotonic())

    async def stop(self, within: float) -> None:
        """Read what is there until the end, but no longer than `within` seconds."""
        await asyncio.wait([self.ended], timeout=within)
        if not self.ended.done():
            moment = time.monotonic()
            self._finish(moment)
            self._on_data(moment, b"")
