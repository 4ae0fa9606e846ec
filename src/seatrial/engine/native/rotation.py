"""Has rotated log files packed, which the shim leaves to its owner: whenever it says that it rotated, in a thread.

A file that can't be packed (a full disk) stays as it is until the next time, and never keeps an instance from its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from seatrial.engine.logs.compression import compress_rotated


class Compressor:
    """Packs the rotated files of one log, one turn after the other. `on_trouble` gets a line where that failed."""

    def __init__(self, folder: str, name: str, on_trouble: Callable[[str], None]) -> None:
        self._folder = Path(folder)
        self._name = name
        self._on_trouble = on_trouble
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something was rotated."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._again:
            self._again = False
            try:
                await asyncio.to_thread(compress_rotated, self._folder, self._name)
            except OSError as error:
                self._on_trouble(f"log-not-compressed {error}")

    async def finish(self) -> None:
        """Wait until nothing is left to do."""
        if self._task:
            await asyncio.shield(self._task)
