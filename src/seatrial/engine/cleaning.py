"""Cleaning up under way: what was begun to be taken away is taken away whole, whoever cancels meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_the_end(job: Coroutine[Any, Any, None]) -> None:
    """Finish a clean-up although we are cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.create_task(job)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
