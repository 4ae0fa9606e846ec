"""A supervisor with its lock and control socket, for as long as it is needed: in a terminal, or on its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any

from seatrial.model import codec
from seatrial.model.deployment import Fleet
from seatrial.model.errors import UnsupportedError
from seatrial.project.api import Api
from seatrial.project.control import serve
from seatrial.project.events import Events
from seatrial.project.harbour import NativeHarbour
from seatrial.project.layout import Layout, read_json
from seatrial.project.supervisor import Supervisor

IDLE = 5.0
"""Seconds after which a supervisor without a terminal ends when nothing runs: all that matters is in files."""


class SupervisedError(UnsupportedError):
    """Another supervisor has the project."""


@dataclass(frozen=True, slots=True)
class Helm:
    """A supervisor that runs, and what is asked of it."""

    supervisor: Supervisor
    api: Api


@contextlib.asynccontextmanager
async def supervised(layout: Layout, fleet: Fleet) -> AsyncIterator[Helm]:
    """Be the project's supervisor. What an earlier one left is taken over first.

    Raises SupervisedError where another one lives, and UnsupportedError where the state can't be kept.
    """
    layout.make()
    try:
        lock = layout.lock()
    except BlockingIOError:
        raise SupervisedError(
            f"the project {fleet.name} is supervised already", hint="seatrial ps, or seatrial down first"
        ) from None
    try:
        harbour = NativeHarbour(layout.volumes)
        supervisor = Supervisor(fleet, layout, harbour, Events(layout.events))
        await supervisor.adopt()
        api = Api(supervisor)
        server = await serve(layout.socket, api)
        try:
            yield Helm(supervisor, api)
        finally:
            server.close()
            layout.socket.unlink(missing_ok=True)
            await supervisor.close()
    finally:
        os.close(lock)


def known_fleet(layout: Layout, name: str) -> Fleet:
    """The project as it was last brought up; an empty one if it never was."""
    try:
        found = codec.decode(Fleet, read_json(layout.fleet))
    except codec.WrongError:
        return Fleet(name, "/", ())
    return found if isinstance(found, Fleet) else Fleet(name, "/", ())


async def until_idle(helm: Helm) -> None:
    """Wait until somebody asks for the end, or nothing has run for a while."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    while not helm.api.shutdown.is_set():
        if not helm.supervisor.is_idle() or helm.api.is_asked:
            since = loop.time()
            await _either(helm.api.shutdown.wait(), helm.supervisor.wait_changed(), helm.api.wait_answered())
        elif (left := since + IDLE - loop.time()) <= 0:
            return
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await _either(helm.api.shutdown.wait(), helm.api.wait_answered())


async def _either(*events: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.create_task(event) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
