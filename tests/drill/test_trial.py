"""A drill told as a story: what engine and load generator are asked, in which order, and what is left afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill import archive, exercise, paths
from seatrial.drill.acts import load, misfits, processes
from seatrial.drill.acts.table import ACTS
from seatrial.drill.judge import JUDGES, judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions, Progress, Stage
from seatrial.drill.trial import drill
from seatrial.engine.interface import ExecResult, ProcessState, StartError
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.recording import EventKind, Recording, Scenario
from seatrial.model.service import Healthcheck, Hop, Port, Service
from seatrial.model.traffic import Exchange, Target
from seatrial.model.verdict import Ruling

from .fakes import HTTP, Behaviour, FakeEngine, FakeInstance, FakeLoad, service

ONLY_STOP = DrillOptions(only=frozenset({Scenario.STOP}), ready_timeout=5.0)


@pytest.fixture(autouse=True)
def _fake_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercise, "Load", FakeLoad)
    monkeypatch.setattr(exercise, "CALM_AFTER", 0.0)
    monkeypatch.setattr(misfits, "BOUND", 0.1)
    monkeypatch.setattr(load, "SETTLES", 0.0)
    monkeypatch.setattr(processes, "send", FakeInstance.signal_one)
    monkeypatch.setattr("seatrial.drill.orphan.PATIENCE", 0.05)
    monkeypatch.setattr("seatrial.drill.readiness.PROBE_PAUSE", 0.02)
    monkeypatch.setattr("seatrial.drill.readiness.SETTLED", 0.05)


NEEDS_NO_RUN = frozenset({"image-size", "healthcheck-tool-present", "healthcheck-port"})
"""Of what has no image and no health check these are not asked."""


def run(engine: FakeEngine, options: DrillOptions = ONLY_STOP, of: Service | None = None) -> Recording:
    """The recording of a drill; no instance may be left."""
    recording = asyncio.run(drill(of or service(), engine, options))
    assert not engine.open
    assert archive.loads(archive.dumps(recording)) == recording
    return recording


def all_of(recording: Recording) -> list[Scenario]:
    """The scenarios that were run or skipped for a reason, in order."""
    told = {run.scenario for run in recording.runs} | {one.scenario for one in recording.skipped if one.why}
    return [scenario for scenario in Scenario if scenario in told]


def test_the_stop_scenario_loads_aims_signals_and_waits() -> None:
    engine = FakeEngine()
    recording = run(engine)
    assert engine.story == [
        "start",
        "load rate=50 idle=5 in_flight=0 held=3 slow=0+0",
        "aim",
        "signal SIGTERM",
        "signalled",
        "finish",
    ]
    ended = recording.runs[0].exit
    assert ended is not None
    assert (ended.code, ended.killed) == (0, False)


def test_a_service_that_ignores_the_signal_is_killed_after_the_grace_period() -> None:
    engine = FakeEngine(Behaviour(exits_on={}))
    recording = run(engine)
    assert engine.story[-4:] == ["signal SIGTERM", "signalled", "signal SIGKILL", "finish"]
    ended, signalled = recording.runs[0].exit, recording.runs[0].signalled
    assert ended is not None
    assert signalled is not None
    assert (ended.code, ended.killed) == (137, True)
    assert ended.time - signalled >= 0.19


def test_the_second_signal_comes_before_held_requests_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercise, "SECOND_AFTER", 0.01)
    engine = FakeEngine(Behaviour(drains_for=0.25))
    patient = service(stop_grace=Sourced(30.0))
    recording = run(engine, replace(ONLY_STOP, only=frozenset({Scenario.SECOND_SIGNAL})), patient)
    assert engine.story[-5:] == ["aim", "signal SIGTERM", "signal SIGTERM", "signalled", "finish"]
    assert recording.runs[0].second_signalled is not None


def test_every_scenario_has_its_own_signal_and_clients() -> None:
    engine = FakeEngine()
    recording = run(engine, DrillOptions(ready_timeout=5.0))
    assert all_of(recording) == list(Scenario)
    shared, acts = 1, len([run for run in recording.runs if run.scenario in ACTS])
    twins = 1  # of the rollout
    assert engine.started == len(recording.runs) - shared + twins  # an orphan needs no instance of its own
    assert acts
    assert engine.story.count("orphan") == 1
    assert engine.story.count("signal SIGINT") == 1
    assert "load rate=0 idle=1 in_flight=0 held=0 slow=2+2" in engine.story
    assert {verdict.requirement for verdict in judge(recording)} == set(JUDGES)


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_fewer_instances_at_once_make_the_same_runs(parallel: int) -> None:
    recording = run(FakeEngine(), DrillOptions(ready_timeout=5.0, parallel=parallel))
    assert all_of(recording) == list(Scenario)
    assert all(run.exit is not None for run in recording.runs if run.scenario is not Scenario.ORPHAN)


@pytest.mark.parametrize(("reaps", "kind"), [(True, EventKind.REAPED), (False, EventKind.ZOMBIE)])
def test_an_orphan_is_looked_for_under_pid_one(reaps: bool, kind: EventKind) -> None:
    options = replace(ONLY_STOP, only=frozenset({Scenario.ORPHAN}))
    recording = run(FakeEngine(Behaviour(reaps=reaps)), options)
    assert [(event.kind, event.pid) for event in recording.runs[0].events] == [(kind, 12)]


def test_all_is_not_proved_for_a_service_that_exits_at_once() -> None:
    engine = FakeEngine(Behaviour(exit_at_start=3, listeners=(), output=b"no such file\n"))
    recording = run(engine, DrillOptions(ready_timeout=5.0))
    verdicts = judge(recording)
    others = [verdict for verdict in verdicts if verdict.requirement not in NEEDS_NO_RUN]
    assert {verdict.ruling for verdict in others} == {Ruling.NOT_PROVED}
    stopped = [verdict for verdict in others if verdict.summary != "the service was never ready"]
    assert len(stopped) > 10
    assert all("the service exited with 3" in verdict.summary for verdict in stopped)
    assert verdicts[0].evidence == ("stdout: no such file",)
    assert not [line for line in engine.story if line.startswith(("signal", "load"))]


def test_a_service_that_never_listens_ends_within_the_time_given() -> None:
    begun = time.monotonic()
    recording = run(FakeEngine(Behaviour(listeners=())), replace(ONLY_STOP, ready_timeout=0.1))
    assert time.monotonic() - begun < 30.0, "the default is 60 s"
    assert recording.runs[0].readiness.detail == "nothing listens"
    others = [verdict for verdict in judge(recording) if verdict.requirement not in NEEDS_NO_RUN]
    assert {verdict.ruling for verdict in others} == {Ruling.NOT_PROVED}


def test_the_health_check_says_when_the_service_is_ready() -> None:
    answers = [1, 1, 0]

    def probe(_argv: Sequence[str]) -> ExecResult:
        now = time.monotonic()
        return ExecResult(answers.pop(0), "connection refused", now, now)

    check = Healthcheck(Sourced(("CMD-SHELL", "curl -f http://localhost:3000/health || exit 1")))
    engine = FakeEngine(Behaviour(probe=probe))
    recording = run(engine, of=service(healthcheck=check))
    assert engine.story[:4] == ["start"] + 3 * ["probe /bin/sh -c curl -f http://localhost:3000/health || exit 1"]
    told = recording.runs[0]
    assert told.readiness.by == "health check"
    assert told.target is not None
    assert (told.target.quick_path, told.target.quick_by) == ("/", "default")
    assert [event.name for event in told.events if event.kind is EventKind.PROBE] == ["exit code 1"] * 2 + [
        "exit code 0"
    ]


def test_a_worker_that_listens_nowhere_is_stopped_without_load() -> None:
    def healthy(_argv: Sequence[str]) -> ExecResult:
        return ExecResult(0, "", time.monotonic(), time.monotonic())

    engine = FakeEngine(Behaviour(probe=healthy, listeners=()))
    recording = run(engine, of=service(healthcheck=Healthcheck(Sourced(("CMD", "true")))))
    assert engine.story == ["start", "probe true", "signal SIGTERM"]
    assert {v.requirement: v.ruling for v in judge(recording)}["handles-sigterm"] is Ruling.PASS


@pytest.mark.parametrize(
    ("changes", "options", "ready"),
    [
        ({}, ONLY_STOP, True),
        ({"ports": (Sourced(Port(3000)),)}, ONLY_STOP, False),
        ({"environment": {"PORT": Sourced("3000")}}, ONLY_STOP, False),
        ({}, replace(ONLY_STOP, port=3000), False),
        ({}, replace(ONLY_STOP, slow_path="/slow"), False),
        ({}, replace(ONLY_STOP, candidates=Candidates(quick=(Candidate("/", "app.js:1"),))), False),
    ],
)
def test_a_service_without_any_sign_of_serving_is_a_worker(
    changes: dict[str, Any], options: DrillOptions, ready: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seatrial.drill.readiness.WORKER_AFTER", 0.02)
    monkeypatch.setattr("seatrial.drill.readiness.CALM", 0.01)
    engine = FakeEngine(Behaviour(listeners=()))
    recording = run(engine, replace(options, ready_timeout=0.3), of=service(**changes))
    assert recording.runs[0].readiness.by == ("worker" if ready else "")
    assert engine.story == (["start", "signal SIGTERM"] if ready else ["start"])
    ruling = {verdict.requirement: verdict.ruling for verdict in judge(recording)}["handles-sigterm"]
    assert ruling is (Ruling.PASS if ready else Ruling.NOT_PROVED)


def test_what_listens_in_time_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.drill.readiness.WORKER_AFTER", 0.0)
    recording = run(FakeEngine())
    assert recording.runs[0].readiness.by == "HTTP"


def test_secrets_of_the_environment_are_in_no_part_of_the_recording() -> None:
    secret = "hunter2-hunter2"
    environment = {
        "DB_PASSWORD": Sourced(secret),
        "URL": Sourced(f"mongodb://me:{secret}@db/x"),
        "PORT": Sourced("3000"),
    }
    engine = FakeEngine(Behaviour(output=f"connecting with {secret} to 3000\n".encode()))
    of = service("node", "server.js", f"--password={secret}", environment=environment)
    recording = run(engine, of=of)
    text = archive.dumps(recording)
    assert secret not in text
    assert recording.runs[0].log[0].text == "connecting with [redacted] to 3000"
    assert recording.subject.argv[-1] == "--password=[redacted]"


def test_a_path_counts_as_slow_by_what_it_does() -> None:
    candidates = Candidates(
        quick=(Candidate("/gone", "app.js:3"), Candidate("/notes", "app.js:4")),
        slow=(Candidate("/report", "app.js:9"), Candidate("/really", "app.js:10")),
    )
    behaviour = Behaviour(requests={"/gone": -1.0, "/really": 0.6})
    recording = run(FakeEngine(behaviour), replace(ONLY_STOP, candidates=candidates))
    target = recording.runs[0].target
    assert target is not None
    assert (target.quick_path, target.quick_by) == ("/notes", "app.js:4")
    assert (target.slow_path, target.slow_by) == ("/really", "app.js:10")


@pytest.mark.parametrize("status", [200, 500])
def test_the_slow_paths_own_status_is_known_before_any_signal(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FakeLoad.request

    async def request(self: FakeLoad, target: Target, path: str, timeout: float, *more: Any) -> Exchange:
        answer = await whole(self, target, path, timeout, *more)
        return replace(answer, status=status if path == "/really" else 200, body_bytes=7)

    monkeypatch.setattr(FakeLoad, "request", request)
    candidates = Candidates(slow=(Candidate("/really", "app.js:10"),))
    recording = run(FakeEngine(Behaviour(requests={"/really": 0.6})), replace(ONLY_STOP, candidates=candidates))
    target = recording.runs[0].target
    assert target is not None
    assert (target.slow_path, target.slow_status, target.slow_bytes) == ("/really", status, 7)


def test_a_first_process_that_was_never_seen_by_its_arguments_has_those_of_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caught = (ProcessState(1, 0, 0, 1, "S", ("[sh]",), 0, (15,), ()),)
    monkeypatch.setattr(FakeInstance, "processes", lambda _self: caught)
    recording = run(FakeEngine(), of=service("sh", "-c", "node server.js"))
    assert [process.argv for process in recording.runs[0].processes] == [("sh", "-c", "node server.js")]


def test_a_slow_path_that_is_not_slow_is_told_and_not_used() -> None:
    engine = FakeEngine()
    recording = run(engine, replace(ONLY_STOP, slow_path="/quick"))
    target = recording.runs[0].target
    assert target is not None
    assert target.slow_path == ""
    assert target.slow_by.startswith("--slow-path /quick is not slow: it answered in ")
    assert "load rate=50 idle=5 in_flight=0 held=3 slow=0+0" in engine.story


def test_a_stream_is_what_has_begun_and_does_not_end() -> None:
    candidates = Candidates(stream=(Candidate("/quick", "a"), Candidate("/events", "b")))
    recording = run(FakeEngine(Behaviour(requests={"/events": 60.0})), replace(ONLY_STOP, candidates=candidates))
    target = recording.runs[0].target
    assert target is not None
    assert target.stream_path == "/events"


def test_a_run_with_a_late_load_generator_is_repeated_and_the_calm_one_counts() -> None:
    engine = FakeEngine(Behaviour(lags=[0.9, 0.8, 0.01]))
    recording = run(engine)
    assert engine.started == 3
    assert (recording.runs[0].load_lag, recording.runs[0].disturbed) == (0.01, "")


def test_a_machine_that_never_gets_calm_proves_nothing_about_traffic() -> None:
    engine = FakeEngine(Behaviour(lags=[0.9, 0.5, 0.8, 0.01]))
    recording = run(engine)
    assert engine.started == 3
    assert (recording.runs[0].load_lag, recording.runs[0].disturbed) == (0.5, "the load generator was 0.50 s late")


@pytest.mark.parametrize(("failures", "ruling"), [(1, Ruling.PASS), (3, Ruling.NOT_PROVED)])
def test_a_load_generator_that_dies_is_tried_again_and_never_held_against_the_service(
    failures: int, ruling: Ruling
) -> None:
    recording = run(FakeEngine(Behaviour(load_failures=failures)))
    verdict = {verdict.requirement: verdict for verdict in judge(recording)}["handles-sigterm"]
    assert verdict.ruling is ruling
    assert ruling is Ruling.PASS or "the load generator was killed by signal 9" in verdict.summary


def test_progress_is_told_step_by_step() -> None:
    steps: list[Progress] = []
    asyncio.run(drill(service(), FakeEngine(), ONLY_STOP, steps.append))
    assert [step.stage for step in steps] == [
        Stage.STARTING,
        Stage.WAITING,
        Stage.READY,
        Stage.LOADING,
        Stage.SIGNALLED,
        Stage.EXITED,
        Stage.DONE,
    ]


def test_cancelling_closes_every_instance() -> None:
    async def story() -> FakeEngine:
        engine = FakeEngine(Behaviour(exits_on={}))
        task = asyncio.create_task(drill(service(stop_grace=Sourced(60.0)), engine, DrillOptions(ready_timeout=5.0)))
        while len([line for line in engine.story if line.startswith("signal SIG")]) < 4:
            await asyncio.sleep(0.01)
        assert len(engine.open) == 4
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return engine

    assert not asyncio.run(asyncio.wait_for(story(), 20.0)).open


def test_an_instance_that_cannot_be_set_up_ends_the_drill_and_closes_the_others() -> None:
    engine = FakeEngine(Behaviour(start_errors=[StartError("mount", "no such device")]))
    with pytest.raises(StartError, match="no such device"):
        asyncio.run(drill(service(), engine, DrillOptions(ready_timeout=5.0)))
    assert not engine.open


@pytest.mark.parametrize(
    ("of", "options", "said"),
    [
        (replace(service(), argv=None), ONLY_STOP, "has no command to run"),
        (service(stop_signal=Sourced("SIGNOTHING")), ONLY_STOP, "'SIGNOTHING' is not a signal"),
        (service(), DrillOptions(skip=frozenset(Scenario)), "no scenario is left"),
    ],
)
def test_what_cannot_be_drilled_is_an_input_error(of: Service, options: DrillOptions, said: str) -> None:
    engine = FakeEngine()
    with pytest.raises(InputError, match=said):
        asyncio.run(drill(of, engine, options))
    assert engine.started == 0


def test_the_subject_says_what_was_drilled() -> None:
    hop = Hop(("node", "server.js"), Sourced("npm start"), shell=True)
    of = service("npm", "start", hops=(hop,), stop_signal=Sourced("QUIT"), ports=(Sourced(Port(3000)),))
    recording = run(FakeEngine(Behaviour(exits_on={3: 0})), replace(ONLY_STOP, grace=0.3, lag=0.05), of)
    subject = recording.subject
    assert (subject.argv, subject.final_argv) == (("npm", "start"), ("node", "server.js"))
    assert (subject.stop_signal, subject.grace, subject.lag) == ("SIGQUIT", 0.3, 0.05)
    assert recording.runs[0].signal == "SIGQUIT"
    assert recording.machine.approximations == ("no process at all",)


def test_the_declared_port_is_used_where_several_listen() -> None:
    listeners = (HTTP, replace(HTTP, port=9229), replace(HTTP, port=8080))
    of = service(ports=(Sourced(Port(8080)),))
    recording = run(FakeEngine(Behaviour(listeners=listeners)), of=of)
    assert recording.runs[0].target is not None
    assert recording.runs[0].target.port == 8080


def test_what_a_probe_asks_comes_before_the_health_check_and_that_before_names() -> None:
    known = [Candidate("/status", "found in a.js:1"), Candidate("/live", "livenessProbe in k.yaml:1")]
    ranked = paths._asking([*known, Candidate("/health", "found in a.js:2")], [Candidate("/health", "health check")])
    assert [(each.path, each.by) for each in ranked] == [
        ("/live", "livenessProbe in k.yaml:1"),
        ("/health", "health check"),
        ("/status", "found in a.js:1"),
    ]
