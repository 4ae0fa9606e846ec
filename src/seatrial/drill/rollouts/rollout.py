"""Rollout on a distributed engine: load through the service's own front while the engine replaces its replicas.

It begins with load and nothing else, so that what fails by itself is told from what the replacement costs; then each
replacement is asked for in turn and watched to its end, and the load goes on for a while. The engine does it all; this
asks and looks on. However it ends the load ends with it; the service is left as the engine has it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seatrial.drill.options import Progress, Stage
from seatrial.drill.record import LAG_LIMIT, relative
from seatrial.drill.rollouts.target import HINT, target_of
from seatrial.drill.scenarios import ONE_BY_ONE, Recipe, plan
from seatrial.drill.secrets import redactor_of_rollout, shown_without, told_without
from seatrial.engine.distributed import Described, Distributed, since
from seatrial.load.interface import LoadError, Result
from seatrial.load.remote import Load, start_local
from seatrial.model.errors import InputError
from seatrial.model.recording import Event, EventKind, Readiness, Recording, Run, Scenario, Subject
from seatrial.model.redaction import secrets_of
from seatrial.model.traffic import COMPLETE, Target

RATE = 50.0
LIMIT = 600.0
AROUND = 2.0
"""Seconds of load before the first replacement, and after each."""
TIMEOUT = 10.0
"""The client's own limit for one request."""
LOOK = 0.05
AIM_PAUSE = 0.1
ANSWERS_WITHIN = 5.0
BUSY = Recipe(part=1.0, idle=0, keep_alive=3, lead=0.0)
SLOW = Recipe(part=1.0, idle=0, open_ones=3, streams=1, keep_alive=3, lead=0.0)


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """How to drill a replacement. `url` "" takes what the engine publishes, and `quick_path` "" the URL's own path;
    `limit` is how many seconds one replacement may take."""

    url: str = ""
    rate: float = RATE
    quick_path: str = ""
    slow_path: str = ""
    stream_path: str = ""
    limit: float = LIMIT
    tool: str = "seatrial"


async def rollout(
    service: Distributed, options: RolloutOptions, progress: Callable[[Progress], None] = lambda _step: None
) -> Recording:
    """Have a service replaced under load and give everything that was seen.

    Raises InputError (there is no such service, or it is not reached), UnsupportedError (no such engine) and
    LoadError; what the service and the engine make of it is never an exception.
    """
    if options.rate > ONE_BY_ONE:
        raise InputError(
            f"--rate {options.rate:g}: each request is recorded here, which ends at {ONE_BY_ONE:g} a second",
            hint=f"--rate {ONE_BY_ONE:g}",
        )
    recorded_at = datetime.now(UTC).isoformat(timespec="seconds")
    async with service:
        described = service.described()
        redactor = redactor_of_rollout(described)
        with told_without(redactor):
            target = await _target(described, options)
            run = await _Rollout(service, described, options, shown_without(redactor, progress)).run(
                target, recorded_at
            )
    recording = Recording(options.tool, recorded_at, _subject(described), described.machine, (run,))
    return redactor_of_rollout(described, secrets_of(recording)).value(recording)


async def _target(described: Described, options: RolloutOptions) -> Target:
    if not options.url and not described.address:
        raise InputError(f"service {described.name} publishes no port that could be asked", hint=HINT)
    url = options.url or f"http://{described.address}/"
    by = "--url" if options.url else "published by the engine"
    target = await target_of(url, by)
    return replace(
        target,
        quick_path=options.quick_path or target.quick_path,
        quick_by="--path" if options.quick_path else by,
        slow_path=options.slow_path,
        slow_by="--slow-path" if options.slow_path else "",
        stream_path=options.stream_path,
    )


def _subject(described: Described) -> Subject:
    return Subject(name=described.name, argv=described.argv, stop_signal=described.stop_signal, grace=described.grace)


class _Rollout:
    """One rollout under way."""

    def __init__(
        self,
        service: Distributed,
        described: Described,
        options: RolloutOptions,
        progress: Callable[[Progress], None],
    ) -> None:
        self._service = service
        self._described = described
        self._options = options
        self._progress = progress
        self._events: list[Event] = []
        self._zero = time.monotonic()
        self._asked: float | None = None
        self._disturbed = ""

    async def run(self, target: Target, recorded_at: str) -> Run:
        load = await start_local()
        try:
            await self._try(load, target)
            result = await self._loaded(load, target)
        finally:
            await load.close()
        late = f"the load generator was {result.lag:.2f} s late" if result.lag > LAG_LIMIT else ""
        return Run(
            scenario=Scenario.ROLLOUT,
            started_at=recorded_at,
            readiness=Readiness(True, 0.0, "HTTP", ANSWERS_WITHIN),
            target=target,
            signal=self._described.stop_signal,
            grace=self._described.grace,
            signalled=self._asked,
            exit=None,
            events=tuple(self._events),
            connections=tuple(relative(connection, self._zero) for connection in result.connections),
            rate=self._options.rate,
            load_lag=result.lag,
            disturbed=self._disturbed or late,
            replicas=tuple(since(replica, self._zero) for replica in self._service.replicas()),
        )

    def _tell(self, stage: Stage, text: str) -> None:
        self._progress(Progress(time.monotonic(), Scenario.ROLLOUT, stage, text))

    def _note(self, name: str, detail: str) -> float:
        moment = round(time.monotonic() - self._zero, 6)
        self._events.append(Event(moment, EventKind.REPLACED, name, detail))
        return moment

    async def _try(self, load: Load, target: Target) -> None:
        """One good answer, so that nothing is replaced in vain."""
        deadline = time.monotonic() + ANSWERS_WITHIN
        while True:
            answer = await load.request(target, target.quick_path, ANSWERS_WITHIN)
            good = answer.outcome in COMPLETE and (answer.status or 500) < 500
            if good:
                return
            if time.monotonic() > deadline:
                said = f"status {answer.status}" if answer.status else answer.outcome.value
                where = f"{target.host}{target.quick_path}"
                raise InputError(f"{where} does not answer well before anything is replaced: {said}", hint=HINT)
            await asyncio.sleep(LOOK)

    async def _loaded(self, load: Load, target: Target) -> Result:
        """The replacements, between the begin and the end of the load."""
        self._zero = time.monotonic()
        recipe = SLOW if target.slow_path or target.stream_path else BUSY
        await load.begin(plan(recipe, target, self._options.rate, TIMEOUT))
        self._tell(Stage.LOADING, f"{target.host}, nothing is replaced yet")
        aiming = asyncio.create_task(self._aim(load))
        try:
            await asyncio.sleep(AROUND)
            for step in self._service.steps:
                if not await self._replace(step):
                    break
                await asyncio.sleep(AROUND)
        finally:
            aiming.cancel()
            await asyncio.wait({aiming})
        try:
            return await load.finish(TIMEOUT)
        except LoadError as error:
            self._disturbed = f"the load generator failed: {error.message.splitlines()[0]}"
            return Result((), 0.0)
        finally:
            self._tell(Stage.DONE, "")

    async def _aim(self, load: Load) -> None:
        """Keep requests of the slow and the streaming path in flight, until cancelled."""
        with contextlib.suppress(LoadError):  # told by `finish`
            while True:
                await load.aim()
                await asyncio.sleep(AIM_PAUSE)

    async def _replace(self, step: str) -> bool:
        """One replacement, from the asking to its end; whether it came to a good one."""
        asked = self._note("asked", step)
        self._asked = asked if self._asked is None else self._asked
        self._tell(Stage.SIGNALLED, step)
        await self._service.perform(step)
        deadline = time.monotonic() + self._options.limit
        while (why := self._service.settled()) is None and time.monotonic() < deadline:
            await asyncio.sleep(LOOK)
        if why == "":
            self._note("settled", step)
            return True
        why = why or f"the {step} was not over after {self._options.limit:g} s"
        self._note("unsettled", step)
        self._disturbed = why
        self._tell(Stage.ENOUGH, why)
        return False
