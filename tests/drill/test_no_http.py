"""A program that takes no HTTP is told from one that is only slow: requests to it would say nothing about it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from seatrial.drill.options import Candidate
from seatrial.drill.paths import Found, Trial
from seatrial.model.traffic import Exchange, Outcome, Target

HERE = Target("ipv4", "127.0.0.1", 5432)


def found(outcomes: Sequence[Outcome]) -> bool:
    async def whole() -> bool:
        async def answer(outcome: Outcome) -> Exchange:
            return Exchange("/", outcome, 0.0)

        trials = [Trial(Candidate("/", "test"), 0.0, asyncio.create_task(answer(outcome))) for outcome in outcomes]
        await asyncio.wait({trial.task for trial in trials})
        return Found(HERE, trials[:1], others=trials[1:]).speaks_no_http()

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("outcomes", "no_http"),
    [
        ((Outcome.FIN, Outcome.RST), True),
        ((Outcome.MALFORMED, Outcome.FIN), True),
        ((Outcome.COMPLETE, Outcome.MALFORMED), False),
        ((Outcome.MALFORMED, Outcome.COMPLETE), False),
        ((Outcome.TIMED_OUT, Outcome.FIN), False),
    ],
)
def test_only_what_hangs_up_on_every_request_takes_none(outcomes: Sequence[Outcome], no_http: bool) -> None:
    assert found(outcomes) is no_http
