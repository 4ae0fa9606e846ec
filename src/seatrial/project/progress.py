"""What a command reports while it works, and several jobs side by side whose reports come as one stream."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

Tell = Callable[["Step"], None]
Progress = AsyncIterator[dict[str, Any]]
"""The steps of some work, as JSON's values."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what (an instance or a service) is in which state ("Starting", "Started", "Healthy", "Error" …)."""

    what: str
    status: str
    text: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON."""
        return {"what": self.what, "status": self.status, "text": self.text}


def note(text: str) -> None:
    """A line for people who read the supervisor's log. Where that lies on a full disk the line is lost, and nothing
    else: what was going on goes on."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


async def stream(work: Callable[[Tell], Coroutine[Any, Any, None]]) -> Progress:
    """The steps of some work as they come, then its error, if it fails. Work goes on when nobody listens any more."""
    queue: asyncio.Queue[Step | None] = asyncio.Queue()
    task = asyncio.create_task(work(queue.put_nowait))
    task.add_done_callback(lambda _task: queue.put_nowait(None))
    _WORKING.add(task)
    task.add_done_callback(_WORKING.discard)
    while (told := await queue.get()) is not None:
        yield told.plain()
    await task


_WORKING: set[asyncio.Task[None]] = set()
"""Keeps tasks alive whose asker has gone."""


async def side_by_side(jobs: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end, although some fail; then raise the first failure."""
    results = await asyncio.gather(*jobs, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
