"""Runs a trial so that an interrupt ends it in good order: the work is cancelled, cleans up, and then we end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818 — what happened, not an error
    """The work was stopped by this signal, and has cleaned up; `left` says what it left."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.left = "everything was cleaned up"


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. Raises Interrupted after a signal.

    A second signal ends us at once, by the signal itself: instances clean up after a supervisor that died.
    """
    stopped: list[int] = []
    logging.getLogger("asyncio").addFilter(_is_worth_telling)
    try:
        return asyncio.run(_guarded(work, stopped))
    except asyncio.CancelledError:
        if stopped:
            raise Interrupted(stopped[0]) from None
        raise
    except KeyboardInterrupt:
        raise Interrupted(signal.SIGINT) from None


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Not so is that a child was reaped by its transport, which is closed when the work is cancelled, before
    the watcher's own wait: nobody asks for its exit code any more."""
    return not record.getMessage().startswith("Unknown child process pid")


async def _guarded(work: Coroutine[Any, Any, T], stopped: list[int]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    installed = []

    def stop(number: int) -> None:
        if stopped:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stopped.append(number)
        task.cancel()

    for number in STOPPING:
        # What our caller ignores stays ignored (nohup; a shell's background job).
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop, number)
            installed.append(number)
    try:
        return await task
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
