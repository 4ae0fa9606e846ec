"""Takes the logs of instances to where their `logging` says, each by a thread of its own that follows the log file.

Only services with a driver that is elsewhere have one. A supervisor that dies loses nothing: the place in the log is
kept beside it, and the next one goes on from there.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from seatrial.engine.logs.planning import LogPlan, plan_logging
from seatrial.project.harbour import logging_of, subject_of

if TYPE_CHECKING:
    from seatrial.engine.logs.pump import Pump
    from seatrial.project.replica import Replica

AT_THE_END = 10.0
"""Seconds that the last lines of an instance that is removed have to arrive."""


def plan_of(replica: Replica) -> LogPlan:
    """How an instance logs. Raises InputError."""
    return plan_logging(logging_of(replica.deployment), subject_of(replica.deployment, replica.berth))


class Shipping:
    """The pumps of one project."""

    def __init__(self) -> None:
        self._pumps: dict[str, tuple[Pump, threading.Thread]] = {}

    def begin(self, replica: Replica) -> None:
        """Follow the log of an instance, where it goes elsewhere and isn't followed yet. Raises InputError, and
        UnsupportedError where a client library is missing."""
        if replica.name in self._pumps or logging_of(replica.deployment) is None:
            return
        planned = plan_of(replica)
        if not planned.driver:
            return
        from seatrial.engine.logs.drivers import open_driver
        from seatrial.engine.logs.pump import Pump

        driver = open_driver(planned.driver, planned.options, subject_of(replica.deployment, replica.berth))
        loop = asyncio.get_running_loop()
        pump = Pump(
            replica.berth.log,
            driver,
            replica.berth.directory / "position",
            buffer=planned.buffer,
            report=lambda text: _in_loop(loop, replica, text),
        )
        replica.shipped = pump.state
        thread = threading.Thread(target=pump.run, name=f"log of {replica.name}", daemon=True)
        thread.start()
        self._pumps[replica.name] = pump, thread

    async def finish(self, replica: Replica) -> None:
        """Nothing more is written: send what is left."""
        found = self._pumps.pop(replica.name, None)
        if found is None:
            return
        pump, thread = found
        pump.finish()
        await asyncio.to_thread(thread.join, AT_THE_END)
        if thread.is_alive():
            replica.report(f"its last lines did not get to the log driver's receiver within {AT_THE_END:g} s")
            pump.stop()

    async def close(self) -> None:
        """Stop all; what was not sent is sent by the next supervisor."""
        for pump, _ in self._pumps.values():
            pump.stop()
        for _, thread in self._pumps.values():
            await asyncio.to_thread(thread.join, AT_THE_END)
        self._pumps.clear()


def _in_loop(loop: asyncio.AbstractEventLoop, replica: Replica, text: str) -> None:
    try:
        loop.call_soon_threadsafe(replica.report, text)
    except RuntimeError:
        return  # the loop has ended, and so has everybody who would read it
