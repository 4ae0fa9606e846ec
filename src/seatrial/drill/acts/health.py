"""The service's own health check, run while something is wrong on purpose. It probes; whether that is failure enough
is the contract's business, and a judge's.

All probes of one situation see the same, because it does not change: so they are begun `PACE` apart and may overlap,
where an engine would wait an interval from the end of each to the next. Each has the check's own timeout, but no more
than `LONGEST`: what hangs that long against a service that does not move will hang. What passes may yet tell by the
time that has gone by (the age of a file that the service touches), so it is asked again when the intervals are over.
"""

from __future__ import annotations

import asyncio
import time

from seatrial.drill.exercise import Exercise
from seatrial.drill.judge.health_judges import MOST
from seatrial.drill.judge.view import no_check
from seatrial.engine.contract import health
from seatrial.engine.interface import Instance
from seatrial.model.recording import Probe
from seatrial.model.service import Service

PACE = 0.25
LONGEST = 5.0
PATIENCE = 30.0
"""Seconds until it is asked again at most: a whole drill takes no longer, and Docker's defaults would make it 90."""


def check_of(service: Service) -> health.Check | None:
    """The check of a service, by the contract; None where it has none that could be carried out."""
    try:
        return health.of_service(service)
    except ValueError:
        return None


def why_not(service: Service, _known: object) -> str:
    """Why no health check can be run, or ""."""
    if check_of(service) is not None:
        return ""
    return f"{no_check(service.workload.value if service.workload else '')}, so nothing can find it unhealthy"


def wanted(_service: Service, _known: object) -> bool:
    """A health check is asked of every service: that there is none to run does not make it needless."""
    return True


async def probe(exercise: Exercise, situation: str, times: int) -> tuple[Probe, ...]:
    """Run the check this many times in this situation; what came of it is recorded and returned."""
    check = check_of(exercise.service)
    assert check is not None and exercise.instance is not None
    jobs = [_once(exercise.instance, check, situation, PACE * index) for index in range(min(times, MOST))]
    done = await asyncio.gather(*jobs)
    found = tuple(one for one in done if one is not None)
    exercise.probes.extend(found)
    return found


async def probe_in_time(exercise: Exercise, situation: str, check: health.Check) -> None:
    """Probe as often as makes it unhealthy; where it passed, once more when an engine would have come to that."""
    found = await probe(exercise, situation, check.retries)
    waited = check.interval * check.retries
    if any(one.code == 0 for one in found) and waited <= PATIENCE:
        await exercise.ends_within(waited)
        await probe(exercise, situation, check.retries)


async def _once(instance: Instance, check: health.Check, situation: str, after: float) -> Probe | None:
    await asyncio.sleep(after)
    limit = min(check.timeout, LONGEST)
    begun = time.monotonic()
    result = await instance.execute(check.argv, timeout=limit)
    if result.error and result.code is None:
        return None  # the instance has ended, or the check could not be started: nothing was proved by it
    return Probe(situation, begun, result.ended, result.code, limit, result.error or result.output)
