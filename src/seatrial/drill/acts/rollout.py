"""Rollout: the instance is replaced by a new one under load, as a supervisor or an orchestrator would do it.

The load goes to one address, the path of a Unix socket that leads to one instance or the other: what a balancer's list
of backends is. A new instance is started and ready; the address leads to it; then the old one is asked to stop. With a
lag it is asked first, and the balancer learns of it so many seconds later.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from seatrial.drill.acts.interface import Act, Known, takes_requests
from seatrial.drill.exercise import Exercise
from seatrial.drill.scenarios import Recipe
from seatrial.drill.surroundings import RELAY
from seatrial.engine.native import leftovers
from seatrial.model.recording import Event, EventKind
from seatrial.model.service import Service
from seatrial.model.traffic import Connection, Population, Target

RECIPE = Recipe(part=1.0, idle=2, open_ones=3, keep_alive=3, lead=0.5, after=0.5)
LISTENS_WITHIN = 10.0
LATE = 0.1
"""A switch this much later than it should be is our own fault, and not the service's."""
PREFIX = "rollout-"
_numbers = itertools.count(1)
NOTHING = "it speaks no HTTP, so there is nothing to lose that can be counted"


def why_not(_service: Service, known: Known) -> str:
    """Why it can't be replaced under load, or ""."""
    return NOTHING if known.target is not None and not known.is_http else ""


class Front:
    """One address for two instances."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._number = 0

    @property
    def address(self) -> str:
        """Where clients connect."""
        return str(self._folder / "front")

    async def lead_to(self, exercise: Exercise) -> bool:
        """Have a relay beside an instance, and the address lead there from now on, at once for all new connections."""
        assert exercise.instance is not None and exercise.target is not None
        self._number += 1
        path = self._folder / f"{self._number}"
        target = exercise.target
        to = target.address if target.family == "unix" else [target.address, target.port]
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            relay = await exercise.instance.spawn_beside((*RELAY, json.dumps([[str(path), to]])))
            assert relay.stdout is not None
            if await asyncio.wait_for(relay.stdout.readline(), LISTENS_WITHIN) == b"ok\n":
                self._ready = path
                return True
        return False

    def switch(self) -> None:
        """Lead to the instance that was named last."""
        link = self._folder / "next"
        link.symlink_to(self._ready)
        link.replace(self.address)


def sweep() -> None:
    """Remove the directories of sockets that those left who were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if leftovers.is_orphaned(folder.name.removeprefix(PREFIX)):
            shutil.rmtree(folder, ignore_errors=True)


async def perform(exercise: Exercise, known: Known) -> None:
    """Start the new one, and replace the old one by it."""
    if exercise.target is None or known.target is None or not known.is_http:
        exercise.why_not = NOTHING
        return
    folder = f"{tempfile.gettempdir()}/{PREFIX}{leftovers.name(next(_numbers))}"
    Path(folder).mkdir(mode=0o700)
    new = exercise.twin()
    try:
        assert exercise.engine is not None
        await new.prepare(exercise.engine)
        if not new.readiness.ready or new.target is None:
            exercise.disturbed = f"the new instance did not get ready: {new.readiness.detail}"
            return
        exercise.events.append(Event(time.monotonic(), EventKind.REPLACED, "new ready"))
        await _replace(exercise, new, Front(folder), known.target)
    finally:
        try:
            await new.close()
        finally:  # at once: whoever is cancelled here a second time would not come back from another thread
            shutil.rmtree(folder, ignore_errors=True)


async def _replace(old: Exercise, new: Exercise, front: Front, found: Target) -> None:
    if not await front.lead_to(old):
        old.disturbed = "the front before the instances did not listen"
        return
    front.switch()
    if not await front.lead_to(new):
        old.disturbed = "the front before the instances did not listen"
        return
    switching: list[asyncio.Task[None]] = []

    async def switch(after: float) -> None:
        due = time.monotonic() + after
        await asyncio.sleep(after)
        front.switch()
        now = time.monotonic()
        old.events.append(Event(now, EventKind.REPLACED, "switched"))
        if after and now - due > LATE:
            old.disturbed = f"this machine was busy: the balancer learned of it {now - due:.2f} s later than it should"

    async def before() -> None:
        lag = old.options.lag
        if lag:
            switching.append(asyncio.create_task(switch(lag)))
        else:
            await switch(0.0)

    try:
        target = replace(found, family="unix", address=front.address, port=0, loopback_only=False)
        await old.stop(target, RECIPE, before=before)
        if old.signals and is_over_before(old.result.connections, old.signals[0]):
            old.disturbed = old.disturbed or "this machine was busy: the requests in flight were over before the signal"
    finally:
        for task in switching:
            task.cancel()


def is_over_before(connections: Iterable[Connection], signalled: float) -> bool:
    """Whether the signal met none of the requests that were to be in flight then: what becomes of them is not seen."""
    aimed = [each for one in connections if one.population is Population.IN_FLIGHT for each in one.exchanges]
    return bool(aimed) and all(each.ended is not None and each.ended < signalled for each in aimed)


ACT = Act(perform, why_not, idles=True, wanted=takes_requests)
