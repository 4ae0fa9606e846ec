"""Each answer belongs to the time at which its question was sent, not to that at which somebody here looked."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from seatrial.drill.asking import Asking
from seatrial.load.remote import Load
from seatrial.model.traffic import Exchange, Outcome, Target

TARGET = Target("ipv4", "127.0.0.1", 3000)


class Lagging:
    """A generator that sends a question when it is told to, long after it was asked to."""

    def __init__(self) -> None:
        self.may_send = asyncio.Event()
        self.asked = asyncio.Event()

    async def request(self, _target: Target, path: str, _limit: float) -> Exchange:
        self.asked.set()
        await self.may_send.wait()
        begun = time.monotonic()
        return Exchange(path, Outcome.COMPLETE, begun, begun, begun, begun, 503)


def test_a_question_that_was_sent_late_is_one_of_the_time_when_it_was_sent() -> None:
    async def asked() -> list[Any]:
        load = Lagging()
        asking = Asking(cast("Load", load), TARGET, {"readiness": "/ready", "liveness": ""}, pace=9.0, limit=1.0)
        asking.start("well")
        await load.asked.wait()
        begun = asking.became("cut", "db:5432")
        load.may_send.set()
        await asking.stop()
        assert begun <= asking.asked[0].exchange.begun
        return [(one.purpose, one.situation, one.dependency) for one in asking.asked]

    assert asyncio.run(asked()) == [("readiness", "cut", "db:5432")]
