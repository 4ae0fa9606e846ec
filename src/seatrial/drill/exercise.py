"""One instance under one scenario: started, made ready, loaded, stopped. `record.py` makes a run's values of what it
saw; it rules nothing.

The end of the process, the end of its output and the end of the load are three events, each waited for on its own and
each with a limit. `close` leaves nothing behind, whatever happened before.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from seatrial.drill.asking import Asking
from seatrial.drill.logs import LogBook
from seatrial.drill.options import DrillOptions, Progress, Stage
from seatrial.drill.orphan import make_orphan
from seatrial.drill.outside import OutsideError, OutsideLoad
from seatrial.drill.readiness import Waiting, wait_ready
from seatrial.drill.scenarios import RECIPES, SECOND_AFTER, Recipe, plan
from seatrial.drill.secrets import redactor_of
from seatrial.drill.surroundings import Surroundings
from seatrial.drill.watch import Watcher
from seatrial.engine.interface import Ended, Engine, Instance, StartOptions
from seatrial.load.interface import LoadError, Result
from seatrial.load.remote import WORKER, Load
from seatrial.model.recording import (
    Charged,
    Event,
    EventKind,
    FileGrown,
    Probe,
    Readiness,
    Scenario,
    Usage,
)
from seatrial.model.service import Service, signal_name, signal_number
from seatrial.model.traffic import Asked, Target

OUTPUT_LIMIT = 2.0
"""Seconds after PID 1's end for which the rest of the output is waited for: a stray process may hold the pipe."""
KILL_LIMIT = 30.0
LOAD_LIMIT = 1.0
CLIENT_LIMIT = 30.0
ASK_PACE, ASK_LIMIT = 0.05, 1.0
"""How often the readiness path is asked during a stop, and how long for an answer is waited, in seconds."""
ENDED_ON_PURPOSE = frozenset(
    {
        Scenario.LOAD,
        Scenario.MEMORY,
        Scenario.MORE_MEMORY,
        Scenario.CRASH,
        Scenario.EXCEPTION,
        Scenario.REJECTION,
        Scenario.PORT_TAKEN,
        Scenario.NO_SETTINGS,
        Scenario.NO_DEPENDENCY,
    }
)
"""Where an end, and a code that is not 0, is what the drill set out to bring about."""
CALM_AFTER = 1.0
"""Seconds after the last signal in which most is decided: who reacts, what is refused, what is cut."""


class Exercise:
    """Drives one instance. `prepare`, then `make_orphan` and/or `stop`, or an act (`drill/acts`), then `record.record`;
    `close` at any time. An act adds to `events` and `probes`, whose times are absolute, or says in `why_not` that it
    found nothing to do."""

    def __init__(
        self,
        service: Service,
        options: DrillOptions,
        scenario: Scenario,
        progress: Callable[[Progress], None],
    ) -> None:
        self.service = service
        self.scenario = scenario
        self.readiness = Readiness(False, None, limit=options.ready_timeout, detail="it was not started")
        self.target: Target | None = None
        self.instance: Instance | None = None
        self.load: Load | None = None
        self.ended: Ended | None = None
        self.disturbed = ""
        self.why_not = ""
        self.restart = ""
        self.well = False
        self.orphan: tuple[Event | None, str] | None = None
        self.options = options
        self._progress = progress
        self._redactor = redactor_of(service, options)
        self.book = LogBook(self._redactor)
        self.watcher: Watcher | None = None
        self._orphaning: asyncio.Task[tuple[Event | None, str]] | None = None
        self._waiting_end: asyncio.Task[Ended] | None = None
        self.events: list[Event] = []
        self.probes: list[Probe] = []
        self.files: tuple[FileGrown, ...] = ()
        self.usage: list[Usage] = []
        self.charged: Charged | None = None
        self.asked: list[Asked] = []
        self.nofile = (0, 0)
        self.engine: Engine | None = None
        self.around = Surroundings(
            options.dependencies,
            relayed=scenario is Scenario.DEPENDENCY,
            absent=scenario is Scenario.NO_DEPENDENCY,
            clean=self.clean,
        )
        self.recipe = RECIPES.get(scenario)
        self.signals: list[float] = []
        self.killed = False
        self._waits_for_end = False
        self._asking: Asking | None = None
        self._loaded = False
        self.outside: OutsideLoad | None = None
        self.rate = 0.0
        self.result = Result((), 0.0)
        self.started_at = ""
        self._begun = 0.0

    @property
    def clean(self) -> Callable[[str], str]:
        """Takes secrets out of a text that is cut before it is recorded: half a secret would not be found."""
        return self._redactor.text

    @property
    def longest_secret(self) -> int:
        """The characters of the longest one."""
        return self._redactor.longest

    @property
    def grace(self) -> float:
        """Seconds from the signal to SIGKILL."""
        return self.service.effective_grace if self.options.grace is None else self.options.grace

    @property
    def is_over(self) -> bool:
        """Whether PID 1 ended."""
        return self._waiting_end is not None and self._waiting_end.done()

    @property
    def is_calm(self) -> bool:
        """Whether nothing is measured on it any more that another instance's start could disturb: it has ended, was
        never ready or never asked to stop, or has had its last signal a while ago."""
        if self.is_over or not self.readiness.ready or self.scenario is Scenario.ORPHAN:
            return True
        return self._waits_for_end and time.monotonic() - self.signals[-1] > CALM_AFTER

    def argvs(self) -> frozenset[tuple[str, ...]]:
        """The commands of the processes that were seen so far."""
        return self.watcher.argvs() if self.watcher is not None else frozenset()

    def _tell(self, stage: Stage, text: str = "") -> None:
        self._progress(Progress(time.monotonic(), self.scenario, stage, text))

    # --- the steps ---

    async def prepare(self, engine: Engine, *, waits: bool = True) -> None:
        """Start the instance and its load generator; wait until the service is ready, has ended or takes too long.
        Where nothing is waited for, there is no load generator either."""
        self._tell(Stage.STARTING)
        self.engine = engine
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        hosts = self.around.hosts
        start = StartOptions(
            environment=self.options.environment, on_output=self.book.feed, hosts=hosts, restart=self.restart
        )
        self.instance = await engine.start(self.around.awaited(self.service), start)
        self._waiting_end = asyncio.create_task(self.instance.wait())
        self.watcher = Watcher(self.instance, self.clean, self.around.ports)
        self.watcher.start()
        await self.around.start(self.instance)
        self._begun = time.monotonic() if self.around.found else self.instance.started
        if not waits:
            self.readiness = Readiness(True, 0.0, "not waited for", detail="the service itself was not started")
            return
        with contextlib.suppress(ProcessLookupError):
            self.load = Load(await self.instance.spawn_beside(WORKER))
        self._tell(Stage.WAITING)
        if self.load is not None:
            await self._wait_ready(self.load)
        if self.is_over or not self.readiness.ready:
            await self.note_end()

    def _waiting(self, load: Load, limit: float, well: bool) -> Waiting:
        assert self.instance is not None and self.watcher is not None
        return Waiting(
            service=self.service,
            instance=self.instance,
            watcher=self.watcher,
            load=load,
            limit=limit,
            options=self.options,
            is_over=lambda: self.is_over,
            begun=self._begun,
            well=well,
        )

    async def _wait_ready(self, load: Load) -> None:
        try:
            self.readiness, self.target = await wait_ready(self._waiting(load, self.options.ready_timeout, self.well))
        except (LoadError, OSError, ProcessLookupError) as error:
            if not await self.ends_within(OUTPUT_LIMIT):
                raise
            self.readiness = replace(self.readiness, detail=f"it ended while it was asked: {error}")
        if self.readiness.ready:
            self._tell(Stage.READY, f"after {self.readiness.time:.2f} s by {self.readiness.by}")

    async def wait_again(self, limit: float) -> bool:
        """Wait until the service is ready once more, by a READY event, within this many seconds from now: where it
        answered without an error the first time, until it does again."""
        assert self.instance is not None and self.load is not None
        age = time.monotonic() - self._begun
        with contextlib.suppress(LoadError, OSError, ProcessLookupError):  # it ended meanwhile: not ready
            found, _ = await wait_ready(self._waiting(self.load, age + limit, self.readiness.is_well))
            return found.ready
        return False

    def twin(self) -> Exercise:
        """Another instance of the same service, for the same scenario; nobody is told of its progress."""
        return Exercise(self.service, self.options, self.scenario, lambda _step: None)

    async def renew_load(self) -> None:
        """A new load generator, where the instance was started again in a network of its own."""
        assert self.instance is not None
        if self.load is not None:
            await self.load.close()
        with contextlib.suppress(ProcessLookupError):
            self.load = Load(await self.instance.spawn_beside(WORKER))

    def done(self) -> None:
        """Tell that nothing more is done to this instance."""
        self._tell(Stage.DONE)

    async def serve(self, target: Target, rate: float, seconds: float) -> frozenset[str]:
        """Have it answer requests at this rate for a while; the ids of the requests that were sent. What became of each
        is in the recording."""
        if self.load is None:
            return frozenset()
        self.target, self.rate = target, rate
        recipe = Recipe(part=1.0, idle=0, lead=seconds)
        try:
            await self.load.begin(plan(recipe, target, rate, CLIENT_LIMIT))
            self._tell(Stage.LOADING)
            await self.load.aim()
            await self.load.stop_sending()
            self.result = await self.load.finish(LOAD_LIMIT)
        except LoadError as error:
            self.disturbed = f"the load generator failed: {error.message.splitlines()[0]}"
        sent = (exchange for connection in self.result.connections for exchange in connection.exchanges)
        return frozenset(exchange.mark for exchange in sent if exchange.mark)

    def begin_orphan(self) -> None:
        """Begin to make an orphan under PID 1, while others are still getting ready."""
        assert self.instance is not None
        self._orphaning = asyncio.create_task(make_orphan(self.instance, lambda: self.is_over, self.clean))

    async def wait_orphan(self) -> None:
        """Wait for what becomes of the orphan, if there is one, or why that could not be told."""
        if self._orphaning is not None:
            self.orphan = await self._orphaning

    async def stop(
        self,
        target: Target | None,
        recipe: Recipe | None = None,
        readiness: str = "",
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Load the service as the scenario says, send the signal, wait for the end, and see what became of all. Its
        readiness path is asked meanwhile, where one is given; `before` is called between the load and the signal."""
        recipe = recipe or RECIPES[self.scenario]
        self.recipe, self.target = recipe, target
        try:
            await self._begin_load(recipe, readiness)
            if before is not None:
                await before()
            await self._signal_and_wait(recipe)
        except LoadError as error:
            # Without its load the run shows nothing: no signal counts as sent, so that nothing is judged by it.
            whose = "" if isinstance(error, OutsideError) else "the load generator failed: "
            self.disturbed = whose + error.message.splitlines()[0]
            await self.kill()
            self.signals.clear()
        await self._asked_enough()
        await self.note_end()

    async def _asked_enough(self) -> None:
        if self._asking is not None:
            await self._asking.stop()
            self.asked += self._asking.asked
            self._asking = None

    async def _begin_load(self, recipe: Recipe, readiness: str) -> None:
        if self.load is None or self.target is None or self.is_over:
            return
        if self.options.load_from and recipe is RECIPES[Scenario.STOP] and self.instance is not None:
            self.outside = OutsideLoad(self.load, self.instance, self.options.load_from)
            await self.outside.begin(self.target)
            self._loaded = True
            self.events.append(Event(time.monotonic(), EventKind.LOAD, "begun", self.options.load_from[0]))
            return
        if readiness:
            paths = {"readiness": readiness}
            self._asking = Asking(self.load, self.target, paths, pace=ASK_PACE, limit=ASK_LIMIT)
            self._asking.start("stopping")
        self.rate = self.options.rate * recipe.part
        self._loaded = True
        timeout = max(CLIENT_LIMIT, self.grace + 5.0)
        crowd = self.options.connections if recipe.part == 1.0 else 0
        await self.load.begin(plan(recipe, self.target, self.options.rate, timeout, crowd))
        self.events.append(Event(time.monotonic(), EventKind.LOAD, "begun"))
        self._tell(Stage.LOADING)
        self.events.append(Event(await self.load.aim(), EventKind.LOAD, "aimed"))

    async def _signal_and_wait(self, recipe: Recipe) -> None:
        number = signal_number(recipe.signal or self.service.effective_stop_signal)
        load = self.load if self._loaded else None
        if await self._send(number):
            # With two signals a held request stays open until the second was sent: it has to be in flight then.
            if load is not None and not recipe.again:
                await load.signalled(self.signals[0])
            if recipe.again and not await self.ends_within(SECOND_AFTER):
                await self._send(number)
            if load is not None and recipe.again:
                await load.signalled(self.signals[0])
            self._waits_for_end = True
            left = self.signals[0] + self.grace - time.monotonic()
            if not await self.ends_within(max(0.0, left)):
                await self.kill()
            if load is not None and recipe.part == 1.0:  # a balancer goes on, whether anybody is there or not
                await asyncio.sleep(max(recipe.after, self.signals[0] + self.options.lag - time.monotonic()))
        if self.outside is not None:
            await self.outside.end()
        elif load is not None:
            self.result = await load.finish(LOAD_LIMIT)
        if load is not None:
            self.events.append(Event(time.monotonic(), EventKind.LOAD, "ended"))

    async def _send(self, number: int) -> bool:
        """Send a signal to PID 1; False if it has ended."""
        assert self.instance is not None
        try:
            moment = await self.instance.signal(number)
        except ProcessLookupError:
            return False
        self.signals.append(moment)
        self.events.append(Event(moment, EventKind.SIGNAL, signal_name(number)))
        self._tell(Stage.SIGNALLED, signal_name(number))
        return True

    async def kill(self, stage: Stage = Stage.KILLED) -> None:
        """SIGKILL, at the end of the grace period or of our patience, and the end that follows."""
        assert self.instance is not None
        if self.is_over:
            return
        with contextlib.suppress(ProcessLookupError):
            moment = await self.instance.signal(signal.SIGKILL)
            self.killed = True
            self.events.append(Event(moment, EventKind.SIGNAL, "SIGKILL"))
            self._tell(stage)
        await self.ends_within(KILL_LIMIT)

    async def ends_within(self, seconds: float) -> bool:
        assert self._waiting_end is not None
        await asyncio.wait({self._waiting_end}, timeout=seconds)
        return self._waiting_end.done()

    async def note_end(self) -> None:
        """Take down how it ended, if it did, and the rest of its output."""
        assert self.instance is not None and self._waiting_end is not None
        if not self._waiting_end.done():
            return
        self.ended = self._waiting_end.result()
        on_purpose = ", brought about by the drill" if self.scenario in ENDED_ON_PURPOSE else ""
        self._tell(Stage.EXITED, f"exit code {self.ended.code}{on_purpose}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.instance.wait_output(), OUTPUT_LIMIT)

    async def close(self) -> None:
        """End everything that belongs to this instance. Idempotent."""
        if self.watcher is not None:
            await self.watcher.stop()
        await self._asked_enough()
        if self.outside is not None:
            await self.outside.close()
        for task in (self._orphaning, self._waiting_end):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
        if self.load is not None:
            await self.load.close()
        await self.around.close()
        if self.instance is not None:
            await self.instance.close()
