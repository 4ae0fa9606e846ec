"""What is slow is told from what a busy machine made late."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from seatrial.drill import paths
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.load.remote import Load
from seatrial.model.traffic import Exchange, Outcome, Target

TARGET = Target("ipv4", "127.0.0.1", 3000, "/", "default")
OPTIONS = DrillOptions(candidates=Candidates(slow=(Candidate("/slow", "tests"),)))


class Answering:
    """Answers each path after its time, as another process measures it; the answer goes through some hands."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds

    async def request(self, _target: Target, path: str, *_: Any) -> Exchange:
        begun, takes = time.monotonic(), self.seconds[path[1:] or "root"]
        await asyncio.sleep(takes)
        done = Exchange(path, Outcome.COMPLETE, begun, begun, begun, begun + takes, 200)
        for _step in range(5):
            await asyncio.sleep(0)
        return done


async def found(load: Answering, *, blocked: float) -> str:
    """The slow path that is found, where our own event loop stands still for a while."""
    asyncio.get_running_loop().call_later(0.01, time.sleep, blocked)
    told = await paths.find(cast("Load", load), TARGET, OPTIONS, (), 1.0)
    await told.close()
    return told.target.slow_path


@pytest.mark.parametrize(("slow", "path"), [(0.03, ""), (0.6, "/slow")])
def test_a_quick_answer_is_not_slow_because_nobody_looked(
    slow: float, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "SLOW", 0.1)
    monkeypatch.setattr(paths, "LOOK", 0.12)
    assert asyncio.run(found(Answering(root=0.02, slow=slow), blocked=0.2)) == path


@pytest.mark.parametrize("probe", [("CMD", "curl", "http://localhost:3000/ready"), ()])
def test_a_health_check_that_asks_for_readiness_does_not_hide_the_liveness_path(probe: tuple[str, ...]) -> None:
    """The readiness path answers first, and well; what is named like liveness comes after it."""
    ready, alive = Candidate("/ready", "server.js:1", health=True), Candidate("/healthz", "server.js:2", health=True)
    options = DrillOptions(candidates=Candidates(liveness=(ready, alive), readiness=(ready,)))

    async def tried() -> tuple[str, str]:
        load = cast("Load", Answering(root=0.0, ready=0.0, healthz=0.0))
        told = await paths.find(load, TARGET, options, probe, 1.0)
        await told.close()
        return told.liveness, told.readiness

    assert asyncio.run(tried()) == ("/healthz", "/ready")
