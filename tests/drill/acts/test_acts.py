"""What acts do to an instance, told with an engine that starts nothing."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.drill import archive, exercise
from seatrial.drill.acts import (
    confined,
    crash,
    dependency,
    freeze,
    health,
    load,
    misfits,
    other_init,
    overtime,
    processes,
    raising,
    rollout,
    work,
)
from seatrial.drill.acts.interface import Known
from seatrial.drill.acts.table import ACTS
from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.scenarios import PROVED_BY, RECIPES
from seatrial.drill.trial import drill
from seatrial.engine.interface import ExecResult, Instance, ProcessState
from seatrial.model.place import Sourced
from seatrial.model.recording import EventKind, Recording, Scenario, Skipped
from seatrial.model.service import Healthcheck, Mount, Port, Service
from seatrial.model.verdict import Ruling

from ..fakes import HTTP, Behaviour, FakeEngine, FakeInstance, FakeLoad, service

CHECKED = service(healthcheck=Healthcheck(Sourced(("CMD", "check")), timeout=Sourced(1.0)))


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercise, "Load", FakeLoad)
    monkeypatch.setattr(health, "PACE", 0.01)
    monkeypatch.setattr(processes, "send", FakeInstance.signal_one)


def act(engine: FakeEngine, *scenarios: Scenario, of: Service = CHECKED) -> Recording:
    """The recording of these acts alone; nothing may be left."""
    options = DrillOptions(only=frozenset(scenarios), ready_timeout=5.0)
    recording = asyncio.run(drill(of, engine, options))
    assert not engine.open
    assert archive.loads(archive.dumps(recording)) == recording
    return recording


def answering(*codes: int | None) -> Behaviour:
    """A health check that says these one after the other, and the last for ever."""
    left = list(codes)

    def probe(_argv: Sequence[str]) -> ExecResult:
        now = time.monotonic()
        return ExecResult(left.pop(0) if len(left) > 1 else left[0], "said", now, now)

    return Behaviour(probe=probe)


def test_every_scenario_is_a_recipe_or_an_act_or_the_orphan() -> None:
    assert {*RECIPES, *ACTS, Scenario.ORPHAN} == set(Scenario)
    assert not set(RECIPES) & set(ACTS)


def test_what_proves_a_requirement_is_what_its_verdict_needs() -> None:
    names = {verdict.requirement for verdict in judge(act(FakeEngine(), Scenario.FREEZE, of=service()))}
    assert set(PROVED_BY) <= names


def test_a_frozen_service_is_asked_as_often_as_makes_it_unhealthy() -> None:
    engine = FakeEngine(answering(0, 1))
    run = act(engine, Scenario.FREEZE).runs[0]
    assert engine.story == ["start", "probe check", "signal SIGSTOP to 1", *3 * ["probe check"]]
    assert [(probe.situation, probe.code) for probe in run.probes] == 3 * [("frozen", 1)]
    assert [event.name for event in run.events if event.kind is EventKind.FROZEN] == ["1"]
    assert (run.signal, run.signalled, run.exit) == ("", None, None)


@pytest.mark.parametrize(("interval", "times"), [(0.01, 6), (30.0, 3)])
def test_a_check_that_passes_is_asked_again_when_its_intervals_are_over(interval: float, times: int) -> None:
    check = Healthcheck(Sourced(("CMD", "check")), interval=Sourced(interval))
    run = act(FakeEngine(answering(0)), Scenario.FREEZE, of=replace(CHECKED, healthcheck=check)).runs[0]
    assert [probe.code for probe in run.probes] == times * [0]
    assert max(probe.begun for probe in run.probes) - run.probes[0].begun >= (0.03 if times == 6 else 0.0)


def test_a_service_that_will_not_be_stopped_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "send", lambda *_: False)
    monkeypatch.setattr(freeze, "LIMIT", 0.05)
    recording = act(FakeEngine(answering(0)), Scenario.FREEZE)
    assert recording.runs[0].disturbed == "the service could not be frozen"
    verdict = next(v for v in judge(recording) if v.requirement == "healthcheck-detects-failure")
    assert (verdict.ruling, verdict.summary) == (Ruling.NOT_PROVED, "the service could not be frozen")


def test_without_a_health_check_there_is_nothing_to_freeze_for() -> None:
    engine = FakeEngine()
    recording = act(engine, Scenario.FREEZE, Scenario.STAND_IN, of=service())
    assert engine.story == []
    assert {one.scenario for one in recording.skipped} == {Scenario.FREEZE, Scenario.STAND_IN}
    assert "no health check" in recording.skipped[0].why


def test_of_what_kubernetes_runs_the_probes_are_not_denied() -> None:
    of = replace(service(), workload=Sourced("Deployment api (a.yaml:4)"))
    skipped = act(FakeEngine(), Scenario.FREEZE, of=of).skipped[0]
    assert skipped.why.startswith("it has no HEALTHCHECK, and probes of Deployment api (a.yaml:4) are not run here")


def test_the_stand_in_starts_something_else_and_asks_it_with_nothing_there_and_then_with_500() -> None:
    engine = FakeEngine(answering(0, 1))
    recording = act(engine, Scenario.FREEZE, Scenario.STAND_IN)
    run = recording.run(Scenario.STAND_IN)
    assert run is not None
    assert [probe.situation for probe in run.probes] == ["refused", "error"]
    assert run.readiness.by == "not waited for"
    assert engine.beside[-1][-2:] == ("seatrial.load.stand_in", "3000")


def test_a_probe_that_could_not_be_run_is_no_answer() -> None:
    gone = ExecResult(None, "", 0.0, 0.0, "the instance has ended")
    run = act(FakeEngine(Behaviour(probe=lambda _argv: gone)), Scenario.STAND_IN).runs[0]
    assert run.probes == ()


def test_a_long_time_out_is_cut() -> None:
    slow = replace(CHECKED, healthcheck=Healthcheck(Sourced(("CMD", "check"))))
    run = act(FakeEngine(answering(0, None)), Scenario.FREEZE, of=slow).runs[0]
    assert {probe.limit for probe in run.probes} == {health.LONGEST}


def test_a_service_that_was_never_ready_is_not_acted_upon() -> None:
    engine = FakeEngine(Behaviour(exit_at_start=3, probe=None))
    options = DrillOptions(only=frozenset({Scenario.STOP, Scenario.STAND_IN}), ready_timeout=5.0)
    recording = asyncio.run(drill(CHECKED, engine, options))
    assert [one.why for one in recording.skipped] == ["the service was never ready"]


def test_a_signal_goes_to_no_process_that_is_not_of_the_instance() -> None:
    class Other(FakeInstance):
        def processes(self) -> tuple[ProcessState, ...]:
            return ()

    async def story() -> bool:
        state = ProcessState(1, 0, 1, 1, "S", ("x",), 0, (), ())
        other: Instance = Other(FakeEngine(), ("x",), exercise.StartOptions())
        return _real_send(other, state, signal.SIGCONT)

    assert not asyncio.run(story())


@pytest.mark.parametrize(
    ("front", "argv", "expected"),
    [
        ((), ("node", "a.js"), 1),
        (("tini", "--", "node", "a.js"), ("node", "a.js"), 2),
        (("/bin/sh", "-c", "node a.js; true"), ("node", "a.js"), 2),
        (("npm start",), ("node", "a.js"), 2),
        (("supervisord",), ("node", "a.js"), 1),
    ],
)
def test_the_program_is_what_stands_behind_inits_shells_and_package_managers(
    front: tuple[str, ...], argv: tuple[str, ...], expected: int
) -> None:
    first = ProcessState(1, 0, 0, 1, "S", front or argv, 0, (), ())
    second = ProcessState(2, 1, 0, 2, "S", argv, 0, (), ())
    found = processes.program((first, second) if front else (first,))
    assert found is not None
    assert found.pid == expected


def test_workers_are_the_children_that_run_the_same_program() -> None:
    main = ProcessState(1, 0, 0, 1, "S", ("gunicorn: master [app]",), 0, (), ())
    worker = ProcessState(5, 1, 0, 5, "S", ("gunicorn: worker [app]",), 0, (), ())
    other = ProcessState(6, 1, 0, 6, "S", ("sleep", "5"), 0, (), ())
    tracker = ProcessState(7, 1, 0, 7, "S", ("gunicorn", "multiprocessing.resource_tracker"), 0, (), ())
    assert processes.workers((main, worker, other, tracker), main) == [worker]


SHELL = ("/bin/sh", "-c", "node server.js")


def test_a_crash_kills_the_program_behind_the_shell() -> None:
    engine = FakeEngine(Behaviour(behind=SHELL))
    run = act(engine, Scenario.CRASH, of=service()).runs[0]
    assert engine.story == ["start", "signal SIGKILL to 2"]
    assert [(event.name, event.pid) for event in run.events if event.kind is EventKind.KILLED] == [("program", 2)]
    assert run.exit is not None
    assert (run.exit.code, run.exit.killed) == (137, False)


def test_a_program_that_something_in_front_starts_again_has_no_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash, "ENDS_WITHIN", 0.05)
    run = act(FakeEngine(Behaviour(behind=SHELL, restarts=True)), Scenario.CRASH, of=service()).runs[0]
    assert run.exit is None


def test_recovery_is_being_ready_a_second_time() -> None:
    engine = FakeEngine(Behaviour(behind=SHELL, restarts=True))
    run = act(engine, Scenario.RECOVERY, of=service()).runs[0]
    assert [event.kind for event in run.events if event.kind in (EventKind.READY, EventKind.KILLED)] == [
        EventKind.READY,
        EventKind.KILLED,
        EventKind.READY,
    ]


def test_recovery_without_something_that_starts_it_again_proves_nothing() -> None:
    run = act(FakeEngine(), Scenario.RECOVERY, of=service()).runs[0]
    assert "could not be told" in run.disturbed


@pytest.mark.parametrize(("code", "expected"), [(1, 1), (0, 0), (None, None)])
def test_an_error_is_raised_where_node_listens(
    code: int | None, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "ENDS_WITHIN", 0.05)
    engine = FakeEngine(Behaviour(handles=(15, int(signal.SIGPWR)), ends_on_error=code))
    run = act(engine, Scenario.EXCEPTION, of=service()).runs[0]
    assert engine.story == ["start", "signal SIGPWR to 1"]
    assert (run.exit.code if run.exit else None) == expected
    assert [event.name for event in run.events if event.kind is EventKind.RAISED] == ["exception"]


def test_a_node_that_does_not_listen_gets_no_signal() -> None:
    engine = FakeEngine()
    run = act(engine, Scenario.REJECTION, of=service()).runs[0]
    assert engine.story == ["start"]
    assert "did not load" in run.disturbed


def test_no_error_is_raised_in_what_is_not_node() -> None:
    recording = act(FakeEngine(), Scenario.EXCEPTION, of=service("python3", "app.py"))
    assert [one.scenario for one in recording.skipped] == [Scenario.EXCEPTION]


def test_the_options_that_node_has_are_kept() -> None:
    of = service(environment={"NODE_OPTIONS": Sourced("--max-old-space-size=100")})
    changed = raising.EXCEPTION.changed(of, Known()).environment["NODE_OPTIONS"].value
    assert changed.startswith("--max-old-space-size=100 --import=data:text/javascript,")
    assert len(changed.split(" ")) == 2


PORTED = service(ports=(Sourced(Port(3000)),))


def test_a_taken_port_is_taken_before_the_command_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misfits, "BOUND", 0.05)
    engine = FakeEngine()
    run = act(engine, Scenario.PORT_TAKEN, of=PORTED).runs[0]
    assert engine.beside[-1][-1] == "3000"
    assert (run.exit, run.disturbed) == (None, "")
    command = misfits.PORT_TAKEN.changed(PORTED, Known()).argv
    assert command is not None
    assert ":0BB8 " in command.value[2]
    assert command.value[-2:] == ("node", "server.js")


def test_a_service_on_another_port_than_declared_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misfits, "BOUND", 0.05)
    engine = FakeEngine(Behaviour(listeners=(HTTP, replace(HTTP, port=4000))))
    assert "another port" in act(engine, Scenario.PORT_TAKEN, of=PORTED).runs[0].disturbed


def test_without_a_port_or_settings_there_is_nothing_to_take_away() -> None:
    recording = act(FakeEngine(), Scenario.PORT_TAKEN, Scenario.NO_SETTINGS, of=service())
    assert [one.scenario for one in recording.skipped] == [Scenario.PORT_TAKEN, Scenario.NO_SETTINGS]


def test_settings_are_taken_away_and_what_the_runtime_needs_is_left() -> None:
    names = ("DB_URL", "PATH", "PORT", "NODE_ENV", "PYTHONPATH", "LC_ALL", "API_KEY")
    assert [name for name in names if misfits.is_setting(name)] == ["DB_URL", "API_KEY"]
    of = service(environment={name: Sourced("1") for name in names})
    assert set(misfits.NO_SETTINGS.changed(of, Known()).environment) == {
        "PATH",
        "PORT",
        "NODE_ENV",
        "PYTHONPATH",
        "LC_ALL",
    }
    run = act(FakeEngine(), Scenario.NO_SETTINGS, of=replace(of, environment={"DB_URL": Sourced("1")})).runs[0]
    assert (run.readiness.ready, run.readiness.limit) == (True, misfits.BOUND)


def test_the_load_is_begun_and_ended_and_the_service_killed_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SETTLES", 0.0)
    engine = FakeEngine()
    run = act(engine, Scenario.LOAD, of=service()).runs[0]
    steps = ["aim", "stop sending", "finish", "signal SIGKILL"]
    assert engine.story == ["start", "load rate=40 idle=0 in_flight=0 held=0 slow=0+0", *steps]
    assert run.exit is not None
    assert (run.exit.code, run.exit.killed, run.rate) == (137, True, 40.0)


def test_what_listens_nowhere_is_not_loaded() -> None:
    checked = answering(0)
    recording = act(FakeEngine(replace(checked, listeners=())), Scenario.LOAD)
    assert (recording.runs, recording.skipped) == ((), (Skipped(Scenario.LOAD, load.NOTHING, wanted=False),))


@pytest.mark.parametrize(
    ("user", "skipped"), [("", False), ("root", False), ("0:0", False), ("1000", True), ("app", True)]
)
def test_what_runs_as_root_is_tried_as_a_user_without_a_name(user: str, skipped: bool) -> None:
    of = service(user=Sourced(user)) if user else service()
    recording = act(FakeEngine(), Scenario.NON_ROOT, of=of)
    assert bool(recording.skipped) == skipped
    changed = confined.NON_ROOT.changed(of, Known()).user
    assert changed is not None
    assert changed.value == "10001:10001"


def test_a_read_only_root_comes_with_a_tmpfs_where_nothing_is_mounted() -> None:
    changed = confined.READ_ONLY.changed(service(), Known())
    assert changed.read_only is not None
    assert changed.read_only.value
    assert [(mount.value.kind, mount.value.target) for mount in changed.mounts] == [("tmpfs", "/tmp")]
    own = service(mounts=(Sourced(Mount("volume", "v", "/tmp")),))
    assert confined.READ_ONLY.changed(own, Known()).mounts == own.mounts
    below = service(workdir=Sourced("/tmp/project"))
    assert confined.READ_ONLY.changed(below, Known()).mounts == (), "it would lie over the service itself"
    told = act(FakeEngine(), Scenario.READ_ONLY, of=service(read_only=Sourced(True)))
    assert [one.why for one in told.skipped] == ["its files say read_only already"]


def test_with_fewer_rights_it_is_asked_for_a_moment() -> None:
    engine = FakeEngine()
    act(engine, Scenario.READ_ONLY, of=service())
    assert engine.story == ["start", "load rate=20 idle=0 in_flight=0 held=0 slow=0+0", "aim", "stop sending", "finish"]


def acted(engine: FakeEngine, scenario: Scenario, of: Service, **options: Any) -> Recording:
    """The recording of one act with options of its own."""
    chosen = DrillOptions(only=frozenset({scenario}), ready_timeout=5.0, **options)
    recording = asyncio.run(drill(of, engine, chosen))
    assert not engine.open
    return recording


PATHS = Candidates(liveness=(Candidate("/live", "tests"),), readiness=(Candidate("/ready", "tests"),))
DEPENDING = service(environment={"DB_URL": Sourced("mongodb://db/x")})


def test_each_dependency_is_cut_restored_slowed_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WELL", "NOTICES", "AFTER", "PACE"):
        monkeypatch.setattr(dependency, name, 0.01)
    run = acted(FakeEngine(), Scenario.DEPENDENCY, DEPENDING, candidates=PATHS).runs[0]
    told = [(event.name, event.detail) for event in run.events if event.kind is EventKind.DEPENDENCY]
    assert told == [("db:27017", word) for word in ("cut", "restored", "slow", "restored")]
    assert {one.purpose for one in run.asked} == {"liveness", "readiness"}
    assert {one.situation for one in run.asked} >= {"well", "cut", "slow", "restored"}


def test_questions_that_lagged_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An act on a machine that was too busy to ask is disturbed, in words by which it is run again."""
    for name in ("WELL", "NOTICES", "AFTER", "PACE", "GAP"):
        monkeypatch.setattr(dependency, name, 0.005)
    engine = FakeEngine()
    run = acted(engine, Scenario.DEPENDENCY, DEPENDING, candidates=PATHS).runs[0]
    assert run.disturbed.startswith("this machine was busy: for 0.")
    assert engine.started > 1


@pytest.mark.parametrize(("ports", "wanted"), [((), False), ((Sourced(Port(80)),), True)])
def test_a_worker_without_a_port_has_no_path_to_ask(ports: tuple[Sourced[Port], ...], wanted: bool) -> None:
    """Nothing is asked of what takes no requests; where its files name a port, it is not known."""
    behaviour = replace(answering(0), listeners=())
    check = Healthcheck(Sourced(("CMD", "true")))
    worker = replace(DEPENDING, ports=ports, healthcheck=check)
    recording = acted(FakeEngine(behaviour), Scenario.DEPENDENCY, worker, candidates=PATHS)
    assert recording.runs == ()
    assert [(one.why, one.wanted) for one in recording.skipped] == [("nothing listens", wanted)]


def test_without_dependencies_or_paths_nothing_is_cut_off() -> None:
    recording = acted(FakeEngine(), Scenario.DEPENDENCY, service())
    assert "nothing that it depends on" in recording.skipped[0].why
    recording = acted(FakeEngine(), Scenario.DEPENDENCY, DEPENDING)
    assert "no path is known" in recording.skipped[0].why
    assert recording.skipped[0].wanted
    recording = acted(
        FakeEngine(), Scenario.DEPENDENCY, service(environment={"DB_URL": Sourced("mongodb://10.0.0.1/x")})
    )
    assert "is an address and no name" in recording.skipped[0].why


@pytest.mark.parametrize("lag", [0.0, 0.05])
def test_the_front_leads_to_the_new_one_before_the_signal_or_a_lag_after_it(
    lag: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "RECIPE", replace(rollout.RECIPE, lead=0.0, after=0.0))
    engine = FakeEngine(Behaviour(drains_for=0.1))
    recording = acted(engine, Scenario.ROLLOUT, service(), lag=lag)
    run = recording.runs[0]
    assert engine.started == 2
    assert run.target is not None
    assert run.target.family == "unix"
    switched = next(event.time for event in run.events if event.name == "switched")
    assert run.signalled is not None
    assert (switched > run.signalled) == bool(lag)
    assert not Path(run.target.address).parent.exists()


def test_a_request_that_never_ends_is_waited_for_no_longer_than_our_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overtime, "LONGEST", 0.05)
    run = acted(FakeEngine(Behaviour(exits_on={})), Scenario.OVERTIME, service(stop_grace=Sourced(60.0))).runs[0]
    assert run.exit is not None
    assert (run.exit.killed, run.grace) == (True, 0.05)


@pytest.mark.parametrize(
    ("of", "init", "argv"),
    [
        (service(), True, ("node", "server.js")),
        (service(init=Sourced(True)), False, ("node", "server.js")),
        (service("tini", "--", "node", "server.js"), False, ("node", "server.js")),
    ],
)
def test_the_same_image_is_stopped_the_other_way_round(of: Service, init: bool, argv: tuple[str, ...]) -> None:
    changed = other_init.changed(of, Known())
    assert changed.init is not None
    assert changed.argv is not None
    assert (changed.init.value, changed.argv.value) == (init, argv)
    engine = FakeEngine()
    run = acted(engine, Scenario.OTHER_INIT, of).runs[0]
    assert (run.signal, engine.story.count("signal SIGTERM")) == ("SIGTERM", 1)


def shell(*states: str) -> Behaviour:
    """A job that is in these states, one after the other, and in the last for ever."""
    left = list(states)

    def run(line: str) -> tuple[int, str]:
        if line == "give":
            return 0, "given"
        return 0, left.pop(0) if len(left) > 1 else left[0]

    return Behaviour(shell=run)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("waiting", "taken", "done"), ["given", "waiting", "taken", "done"]),
        (("taken", "taken", "waiting"), ["given", "taken", "taken", "waiting"]),
        (("taken", "what"), ["given", "taken", "unknown"]),
    ],
)
def test_a_job_is_followed_through_the_stop(
    states: tuple[str, ...], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PACE", 0.005)
    monkeypatch.setattr(work, "SETTLES", 0.05)
    run = acted(FakeEngine(shell(*states)), Scenario.WORK, service(), job="give", job_state="tell").runs[0]
    assert [event.name for event in run.events if event.kind is EventKind.WORK] == expected
    assert run.exit is not None
    assert run.usage


def test_a_job_that_is_never_taken_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "LIMIT", 0.05)
    engine = FakeEngine(shell("done"))
    run = acted(engine, Scenario.WORK, service(), job="give", job_state="tell").runs[0]
    assert ("not seen in hand" in run.disturbed, engine.story.count("signal SIGTERM")) == (True, 0)
    run = acted(
        FakeEngine(Behaviour(shell=lambda _: (2, "no"))), Scenario.WORK, service(), job="x", job_state="y"
    ).runs[0]
    assert run.disturbed == "--job ended with 2: no"


@pytest.mark.parametrize("scenario", [Scenario.READ_ONLY, Scenario.NON_ROOT])
def test_a_worker_with_fewer_rights_gets_a_job_and_may_finish_it(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PACE", 0.005)
    monkeypatch.setattr(work, "FINISHES", 0.05)
    for last, expected in (("done", ["given", "taken", "done"]), ("waiting", ["given", "taken", "waiting"])):
        behaviour = shell("taken", last)
        behaviour.listeners = ()
        worker = service(healthcheck=Healthcheck(Sourced(("CMD", "true"))))
        behaviour.probe = lambda _argv: ExecResult(0, "", time.monotonic(), time.monotonic())
        run = acted(FakeEngine(behaviour), scenario, worker, job="give", job_state="tell").runs[0]
        assert [event.name for event in run.events if event.kind is EventKind.WORK] == expected
        assert run.disturbed == ""


def test_an_act_that_a_busy_machine_spoiled_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "SETTLES", 0.0)
    engine = FakeEngine(Behaviour(lags=[9.0, 0.01]))
    recording = acted(engine, Scenario.LOAD, service())
    assert (engine.started, recording.runs[0].disturbed, recording.runs[0].load_lag) == (2, "", 0.01)
    engine = FakeEngine(Behaviour(lags=[9.0, 9.5, 8.0]))
    recording = acted(engine, Scenario.LOAD, service())
    assert (engine.started, recording.runs[0].load_lag) == (3, 8.0)
    assert "8.00 s late" in recording.runs[0].disturbed


_real_send = processes.send
