"""Calls that may block, in threads that nobody waits for at exit. A pool would join its threads, however they hang."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any


def start(call: Callable[[], Any], done: Callable[[Any, Exception | None], None], name: str) -> threading.Thread:
    """Call something in a thread; `done` gets its value or its exception there."""
    context = contextvars.copy_context()

    def work() -> None:
        try:
            value = context.run(call)
        except Exception as error:
            done(None, error)
        else:
            done(value, None)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    return thread


async def awaited(call: Callable[[], Any], name: str, note: Callable[[threading.Thread], None] | None = None) -> Any:
    """Call something in a thread and await it. Cancelled, the thread is left to itself. `note` gets the thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def done(value: Any, error: Exception | None) -> None:
        if not loop.is_closed():  # else nobody is left who waits
            loop.call_soon_threadsafe(settle, value, error)

    thread = start(call, done, name)
    if note is not None:
        note(thread)
    return await future
