"""The whole trial of a service: every scenario on an instance of its own, side by side where calm allows.

All instances are ready before any is loaded, so that the start of one can't disturb the measuring of another. Whatever
ends the trial (an error, Ctrl-C), every instance is closed before it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from seatrial.drill.acts.interface import Known
from seatrial.drill.acts.rollout import sweep
from seatrial.drill.acts.table import ACTS
from seatrial.drill.dependencies import dependencies_of
from seatrial.drill.exercise import Exercise
from seatrial.drill.in_front import why_failed
from seatrial.drill.options import DrillOptions, Progress, Stage
from seatrial.drill.paths import Found, find
from seatrial.drill.readiness import probe_argv
from seatrial.drill.record import record, record_orphan
from seatrial.drill.scenarios import RECIPES
from seatrial.drill.secrets import redactor_of, shown_without, told_without
from seatrial.drill.spoiled import spoiled_runs
from seatrial.drill.standing import standing
from seatrial.drill.subject import subject_of
from seatrial.engine.cleaning import to_the_end
from seatrial.engine.interface import Engine
from seatrial.load.interface import LoadError
from seatrial.load.remote import Load
from seatrial.model.errors import InputError
from seatrial.model.recording import Machine, Recording, Run, Scenario, Skipped
from seatrial.model.redaction import secrets_of
from seatrial.model.service import Service, signal_number
from seatrial.model.traffic import COMPLETE, Exchange, Population, Target

RETRIES = 2
"""How often a run is repeated whose load generator was too late."""
LEAST_PLACES = 3
"""Acts that run at once at least: most of the time an instance waits."""
CALM_LOOK = 0.05
TRIAL_LIMIT = 10.0
STATUS_LIMIT = 5.0
"""Seconds for which the slow path's answer is waited for before its instance is told to stop."""


async def drill(
    service: Service,
    engine: Engine,
    options: DrillOptions,
    progress: Callable[[Progress], None] = lambda _step: None,
) -> Recording:
    """Drill a service and give everything that was seen.

    Raises InputError (the service can't be started as its files say), UnsupportedError (this machine cannot),
    StartError (the set-up of an instance failed) and LoadError; what the service does is never an exception.
    """
    _check(service, options)
    redactor = redactor_of(service, options)
    with told_without(redactor):
        recording = await _Trial(service, engine, options, shown_without(redactor, progress)).run()
    return _without_secrets(recording, service, options)


def _check(service: Service, options: DrillOptions) -> None:
    if service.argv is None or not service.argv.value:
        raise InputError(
            f"service {service.name} has no command to run", hint="write a CMD, or: seatrial drill -- COMMAND"
        )
    try:
        signal_number(service.effective_stop_signal)
    except ValueError as error:
        place = service.stop_signal.place if service.stop_signal else None
        raise InputError(f"the stop signal {error}", place=place, hint="STOPSIGNAL SIGTERM") from None
    if not options.scenarios():
        raise InputError("no scenario is left to run", hint="leave out --only or --skip")


async def together(jobs: Sequence[Coroutine[Any, Any, Any]]) -> None:
    """Run all; if one fails or we are cancelled, end the others and wait for them, then raise the first failure."""
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Trial:
    """One trial under way."""

    def __init__(
        self, service: Service, engine: Engine, options: DrillOptions, progress: Callable[[Progress], None]
    ) -> None:
        self._service = service
        self._engine = engine
        self._machine = _joined(engine.machine(), (), options.approximations)
        self._options = options
        self._unknown: tuple[str, ...] = ()
        self._problems: dict[str, str] = {}
        self._progress = progress
        self._paths: Found | None = None
        self._scout: Exercise | None = None
        self._slow: Exchange | None = None
        self._init = ""
        self._has_learned = False
        self._runs: dict[Scenario, Run] = {}
        self._skipped: list[Skipped] = []
        self._now: Sequence[Exercise] = ()
        self._calm = asyncio.Event()

    async def run(self) -> Recording:
        recorded_at = datetime.now(UTC).isoformat(timespec="seconds")
        await asyncio.to_thread(sweep)
        service, options = self._service, self._options
        found, self._unknown = dependencies_of(service, options.environment, options.others)
        if not self._engine.enters:
            self._unknown = tuple(f"{one.name} ({one.by}): as its files say, and not cut off" for one in found)
            found = ()
        clean = redactor_of(service, options).text
        async with standing(found, self._engine.neighbours, clean) as stand_ins:
            self._options = replace(options, dependencies=stand_ins)
            await self._run()
            self._machine = _joined(self._machine, (), self._dependencies())
            return self._recording(recorded_at)

    def _dependencies(self) -> tuple[str, ...]:
        """What stood in for each, for a report."""
        known = self._options.dependencies
        return (*(self._problems.get(one.dependency.name, one.described) for one in known), *self._unknown)

    async def _run(self) -> None:
        scenarios = self._options.scenarios()
        stops = [scenario for scenario in scenarios if scenario in RECIPES or scenario is Scenario.ORPHAN]
        acts = [scenario for scenario in scenarios if scenario in ACTS]
        *groups, last = _groups(stops, self._options.parallel) or [[]]
        for group in groups:
            await self._run_group(group, orphan=Scenario.ORPHAN in scenarios)
            if self._failed():
                last = []
                break
        await together([self._run_group(last, orphan=Scenario.ORPHAN in scenarios), self._act(acts)])
        await self._repeat()
        self._fill_in(stops)

    def _failed(self) -> bool:
        """Whether some instance of the service as it is never got ready."""
        return not all(run.readiness.ready for run in self._runs.values() if run.scenario not in ACTS)

    async def _act(self, scenarios: Sequence[Scenario]) -> None:
        """Run the acts that apply, once the stops can't be disturbed by them any more: with no more processes at work
        than there are cores for."""
        await self._calm.wait()
        if self._failed() or not all(exercise.readiness.ready for exercise in self._now):
            self._skipped += [Skipped(scenario, "the service was never ready") for scenario in scenarios]
            return
        later = {scenario for each in scenarios for scenario in self._then(each)}
        applying = {scenario for scenario in scenarios if scenario not in later and self._applies(scenario)}
        left = [scenario for scenario in ACTS if scenario in applying]
        places = asyncio.Semaphore(self._options.parallel or max(LEAST_PLACES, self._machine.cores))
        if self._paths is None and left:  # the first one finds the paths for the others, as no stop has
            await self._act_in_turn(left.pop(0))
        await together([self._act_at_a_place(scenario, places) for scenario in left])

    async def _act_at_a_place(self, scenario: Scenario, places: asyncio.Semaphore) -> None:
        async with places if not ACTS[scenario].idles else contextlib.nullcontext():
            await self._act_in_turn(scenario)

    async def _act_in_turn(self, scenario: Scenario) -> None:
        """An act, and after it those that build on what it found."""
        await self._act_alone(scenario)
        for later in self._then(scenario):
            if scenario in self._runs and self._applies(later):
                await self._act_in_turn(later)

    def _then(self, scenario: Scenario) -> tuple[Scenario, ...]:
        chosen = self._options.scenarios()
        return tuple(later for later in ACTS[scenario].then if later in chosen)

    def _applies(self, scenario: Scenario) -> bool:
        """Whether an act can be done, by what is known now; else it is skipped."""
        known = self._known()
        why = ACTS[scenario].why_not(self._service, known)
        self._skip(scenario, why, known)
        return not why

    def _skip(self, scenario: Scenario, why: str, known: Known) -> None:
        """Skip an act, and with it what would have come after it."""
        if why:
            self._skipped.append(Skipped(scenario, why, ACTS[scenario].wanted(self._service, known)))
            for later in self._then(scenario):
                self._skip(later, why, known)

    async def _act_alone(self, scenario: Scenario) -> None:
        act = ACTS[scenario]
        exercise = self._actor(scenario, self._known())
        try:
            await self._prepare([exercise], None)
            if act.waits and exercise.readiness.ready:
                self._learn([exercise])
            if exercise.readiness.ready:
                await act.perform(exercise, self._known())
            exercise.disturbed = why_failed(self._service, exercise.service, exercise.ended) or exercise.disturbed
            exercise.done()
        finally:
            await to_the_end(self._close([exercise]))
        self._skip(scenario, exercise.why_not, self._known())
        if not exercise.why_not:
            self._runs[scenario] = record(exercise)

    def _actor(self, scenario: Scenario, known: Known) -> Exercise:
        act = ACTS[scenario]
        limit = act.limit(known) if act.limit is not None else self._options.ready_timeout
        environment = act.environment(self._options.environment)
        listened = known.target is not None
        options = replace(self._options, environment=environment, ready_timeout=limit, has_listened=listened)
        exercise = Exercise(act.changed(self._service, known), options, scenario, self._progress)
        if act.restart and known.restarts:
            exercise.restart = _policy(self._service) or act.restart
        exercise.well = act.well and known.is_well
        return exercise

    def _known(self) -> Known:
        ready = [exercise for exercise in self._now if exercise.readiness.ready]
        runs = [run for run in self._runs.values() if run.readiness.ready and run.scenario not in ACTS]
        started = [*(exercise.readiness for exercise in ready), *(run.readiness for run in runs)]
        times = [readiness.time or 0.0 for readiness in started]
        argvs = {argv for exercise in ready for argv in exercise.argvs()}
        argvs |= {process.argv for run in runs for process in run.processes}
        known = Known(
            ready_seconds=max(times, default=0.0),
            is_well=bool(started) and all(readiness.is_well for readiness in started),
            argvs=frozenset(argvs),
            dependencies=self._options.dependencies,
            why_alone="; ".join(self._unknown),
            job=self._options.job,
            job_state=self._options.job_state,
            restarts=self._engine.restarts,
            enters=self._engine.enters,
            runs=dict(self._runs),
        )
        found = self._paths
        if found is None:
            return known
        return replace(
            known,
            target=found.target,
            is_http=any(trial.status() for trial in found.trials),
            may_be_http=not found.speaks_no_http(),
            liveness=found.liveness,
            readiness=found.readiness,
        )

    def _fill_in(self, scenarios: Sequence[Scenario]) -> None:
        """A scenario that was left out because the service never got ready says so, instead of missing."""
        failed = next((run for run in self._runs.values() if not run.readiness.ready), None)
        for scenario in scenarios:
            if scenario not in self._runs and failed is not None:
                self._runs[scenario] = replace(failed, scenario=scenario)

    async def _run_group(self, group: Sequence[Scenario], *, orphan: bool) -> None:
        exercises = [Exercise(self._service, self._options, scenario, self._progress) for scenario in group]
        # The scout is first: what it finds out is ready when the others are.
        exercises.sort(key=lambda exercise: exercise.scenario is not Scenario.SLOW_CLIENTS)
        host = _host_of_orphan(exercises) if orphan and exercises and Scenario.ORPHAN not in self._runs else None
        self._now = exercises
        try:
            await self._prepare(exercises, host)
            self._learn(exercises)
            ready = [exercise for exercise in exercises if exercise.readiness.ready]
            await together([self._watch_for_calm(exercises), *(self._exercise(exercise) for exercise in ready)])
        finally:
            await to_the_end(self._close(exercises))
        for exercise in exercises:
            self._runs.setdefault(exercise.scenario, record(exercise))
            if exercise is host and (exercise.orphan is not None or exercise.readiness.ready):
                self._runs[Scenario.ORPHAN] = record_orphan(exercise)

    async def _watch_for_calm(self, exercises: Sequence[Exercise]) -> None:
        """Tell when all have had their signals and the time in which most is decided."""
        while not all(exercise.is_calm for exercise in exercises):
            await asyncio.sleep(CALM_LOOK)
        self._calm.set()

    async def _prepare(self, exercises: Sequence[Exercise], host: Exercise | None) -> None:
        """Make all instances ready. The first one tries paths as soon as it is, the orphan's host begins with that."""

        async def prepare(exercise: Exercise) -> None:
            act = ACTS.get(exercise.scenario)
            await exercise.prepare(self._engine, waits=act is None or act.waits)
            if not exercise.readiness.ready:
                return
            if exercise is host:
                exercise.begin_orphan()
            if exercise is exercises[0] and exercise.target is not None and exercise.load is not None:
                await self._look_for_paths(exercise, exercise.load, exercise.target)

        await together([prepare(exercise) for exercise in exercises])

    async def _look_for_paths(self, exercise: Exercise, load: Load, target: Target) -> None:
        if self._paths is not None:
            return
        check = probe_argv(self._service.healthcheck, ())
        try:
            self._paths = await find(load, target, self._options, check, TRIAL_LIMIT)
            self._scout = exercise
        except LoadError:
            if not exercise.is_over:
                raise

    async def _exercise(self, exercise: Exercise) -> None:
        await exercise.wait_orphan()
        if exercise is self._scout and self._paths is not None:
            await self._paths.wait_slow(STATUS_LIMIT)
            self._slow = self._paths.slow.answer() if self._paths.slow is not None else None
        if exercise.scenario is not Scenario.ORPHAN:
            readiness = self._paths.readiness if self._paths is not None else ""
            asks = exercise.scenario is Scenario.STOP
            await exercise.stop(self._target_for(exercise), readiness=readiness if asks else "")
            exercise.done()

    def _target_for(self, exercise: Exercise) -> Target | None:
        """The exercise's own address with the paths that were found."""
        if exercise.target is None or self._paths is None:
            return exercise.target
        if self._paths.speaks_no_http() and not self._options.names_targets():
            return None  # what would become of requests says nothing about a program that takes none
        own, found = exercise.target, self._paths.target
        found = replace(found, large_path=self._paths.large_path())
        return replace(found, family=own.family, address=own.address, port=own.port)

    async def _close(self, exercises: Sequence[Exercise]) -> None:
        if self._paths is not None:
            await self._paths.close()
        results = await asyncio.gather(*(exercise.close() for exercise in exercises), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _learn(self, exercises: Sequence[Exercise]) -> None:
        """Take over what only a running instance knows: its init, what is enforced, what differs from the image. One
        that was changed for its act tells it only where no other has."""
        for exercise in exercises:
            self._problems |= exercise.around.problems
            if exercise.instance is not None and (exercise.service is self._service or not self._has_learned):
                self._has_learned = True
                self._init = exercise.instance.init
                self._machine = _joined(self._machine, exercise.instance.enforcement, exercise.instance.approximations)

    async def _repeat(self) -> None:
        """Run again, alone, what a busy machine spoiled; of several disturbed runs the calmest counts."""
        for _ in range(RETRIES):
            spoiled = spoiled_runs(self._recording(""))
            for scenario, why in spoiled:
                self._progress(Progress(time.monotonic(), scenario, Stage.REPEATED, why))
                before = self._runs.pop(scenario)
                if scenario in ACTS:
                    await self._act_alone(scenario)
                else:
                    await self._run_group([scenario], orphan=False)
                again = self._runs.setdefault(scenario, before)
                worse = again.disturbed and again.load_lag > before.load_lag
                if worse or (again.exit is None and before.exit is not None):
                    self._runs[scenario] = before
            if not spoiled:
                return

    def _recording(self, recorded_at: str) -> Recording:
        runs = tuple(_with_slow(self._runs[s], self._paths, self._slow) for s in Scenario if s in self._runs)
        skipped = tuple(self._skipped)
        subject = subject_of(
            self._service, self._options, self._paths, init=self._init, dependencies=self._dependencies()
        )
        return Recording(self._options.tool, recorded_at, subject, self._machine, runs, skipped=skipped)


def _policy(service: Service) -> str:
    """Its own restart policy, if that starts it again after a crash."""
    said = service.restart.value if service.restart else ""
    return said if said.partition(":")[0] in ("always", "unless-stopped", "on-failure") else ""


def _without_secrets(recording: Recording, service: Service, options: DrillOptions) -> Recording:
    """What is recorded may be kept and sent around: it holds no secret that is known, nor what looks like one. Before
    it is judged, so that a saved recording gives the same verdicts."""
    return redactor_of(service, options, secrets_of(recording)).value(recording)


def _groups(scenarios: Sequence[Scenario], parallel: int) -> list[list[Scenario]]:
    """Scenarios that run side by side. An orphan needs no instance of its own where another one runs anyway."""
    own: list[Scenario] = [scenario for scenario in scenarios if scenario is not Scenario.ORPHAN] or list(scenarios)
    size = parallel if parallel > 0 else max(1, len(own))
    return [own[index : index + size] for index in range(0, len(own), size)]


def _host_of_orphan(exercises: Sequence[Exercise]) -> Exercise:
    """The instance in which an orphan disturbs least."""
    order = (Scenario.ORPHAN, Scenario.INTERRUPT, Scenario.SLOW_CLIENTS, Scenario.SECOND_SIGNAL, Scenario.STOP)
    return min(exercises, key=lambda exercise: order.index(exercise.scenario))


def _joined(machine: Machine, enforcement: Sequence[str], approximations: Sequence[str]) -> Machine:
    return replace(
        machine,
        enforcement=tuple(dict.fromkeys((*machine.enforcement, *enforcement))),
        approximations=tuple(dict.fromkeys((*machine.approximations, *approximations))),
    )


def _with_slow(run: Run, found: Found | None, answer: Exchange | None) -> Run:
    """Say what a slow request is answered with, and how long it takes: as tried, else as one took under load."""
    if run.target is None or not run.target.slow_path:
        return run
    tried = found.slow.seconds() if found is not None and found.slow is not None else 0.0
    loaded = [
        exchange.ended - exchange.sent
        for connection in run.connections
        if connection.population is Population.IN_FLIGHT
        for exchange in connection.exchanges
        if exchange.outcome in COMPLETE and exchange.ended is not None and exchange.sent is not None
    ]
    seconds = tried or (sorted(loaded)[len(loaded) // 2] if loaded else 0.0)
    target = replace(run.target, slow_seconds=round(seconds, 6))
    if answer is not None and answer.outcome in COMPLETE and answer.status:
        target = replace(target, slow_status=answer.status, slow_bytes=answer.body_bytes)
    return replace(run, target=target)
