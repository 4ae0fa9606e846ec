"""`seatrial fix --from RECORDING`: what was measured goes into the files of the service that was drilled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.cli.arguments import dispatch
from seatrial.drill import archive
from seatrial.model.errors import InputError
from seatrial.model.recording import Event, EventKind, Exit, Health, Recording, Scenario, Subject, Usage
from seatrial.model.traffic import Connection, Exchange, Outcome, Population
from tests.drill.recordings import at_limit, load
from tests.model.test_advice import LOAD, STOP, recording

MIB = 1 << 20
DOCKERFILE = 'FROM node:22-slim\nHEALTHCHECK --interval=10s \\\n  CMD ["node", "check.js"]\nCMD ["node", "a.js"]\n'
COMPOSE = """\
services:
  api:
    build: .
    stop_grace_period: 2s  # by guess
    mem_limit: 48m
    memswap_limit: 48m
    ulimits:
      nofile: {soft: 20, hard: 4096}
"""
DEPLOYMENT = """\
kind: Deployment
apiVersion: apps/v1
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      terminationGracePeriodSeconds: 3
      containers:
        - name: api
          image: shop/api:1
          ports: [{containerPort: 80}]
          resources:
            requests: {memory: 16Mi}
            limits: {memory: 32Mi}
          livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 1}
---
kind: Service
apiVersion: v1
metadata: {name: api}
spec: {selector: {app: api}, ports: [{port: 80}]}
"""
SUBJECT = Subject(
    "api",
    ("node", "a.js"),
    healthcheck=("CMD", "node", "check.js"),
    health=Health(10.0, 30.0, 3, 0.0),
    grace=2.0,
    memory=48 * MIB,
    composed=True,
    lag=5.0,
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "Dockerfile").write_text(DOCKERFILE)
    (directory / "compose.yaml").write_text(COMPOSE)
    (directory / ".git").mkdir()
    monkeypatch.chdir(directory)
    return directory


def saved(project: Path, whole: Recording) -> str:
    path = project.parent / "trial.json"
    path.write_text(archive.dumps(whole))
    return str(path)


def measured(subject: Subject = SUBJECT) -> Recording:
    closed = Event(5.01, EventKind.NOT_LISTENING, "*:80")
    refused = Exchange("/", Outcome.REFUSED, 6.0)
    late = Connection(Population.OPEN_LOOP, 0, 6.0, None, 6.0, Outcome.REFUSED, (refused,))
    stop = replace(STOP, events=(closed,), connections=(late,))
    return recording(stop, replace(LOAD, nofile=(20, 4096)), subject=subject)


def test_it_shows_what_it_would_write_and_writes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["fix", "--from", saved(project, measured())]) == 1
    shown = capsys.readouterr()
    assert "+    mem_limit: 96m\n+    memswap_limit: 96m\n" in shown.out
    assert (project / "compose.yaml").read_text() == COMPOSE
    assert "restart" not in shown.out, "findings of the check are another matter"
    assert "no figure: keep-alive timeout: " in shown.err
    assert "by hand: pre-stop delay: 5 s: 0 of 1 new connections served in the 5 s after SIGTERM" in shown.err
    assert "warning" not in shown.err


def test_write_changes_the_values_and_no_other_byte(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(project, measured())
    assert dispatch(["fix", "--from", file, "--write"]) == 0
    assert (project / "compose.yaml").read_text() == (
        COMPOSE.replace("period: 2s", "period: 5s").replace("48m", "96m").replace("soft: 20", "soft: 1024")
    )
    assert (project / "Dockerfile").read_text() == DOCKERFILE.replace("HEALTHCHECK ", "HEALTHCHECK --start-period=10s ")
    said = capsys.readouterr().err
    assert "memory-limit: limit the memory to 96 MiB (peak of 60 MiB, times 1.5; not run at that limit: " in said
    assert dispatch(["fix", "--from", file]) == 0
    again = capsys.readouterr().err
    assert "nothing to fix" in again
    assert [line.split(":")[1] for line in again.splitlines() if line.startswith("by hand")] == [" pre-stop delay"]


@pytest.mark.parametrize("said", ["", "    mem_limit: 48m\n"])
def test_a_limit_comes_without_swap_as_it_was_tried(project: Path, said: str) -> None:
    bare = COMPOSE.replace("    mem_limit: 48m\n    memswap_limit: 48m\n", said)
    (project / "compose.yaml").write_text(bare)
    file = saved(project, measured())
    assert dispatch(["fix", "--from", file, "--write", "--select=memory-limit"]) == 0
    text = (project / "compose.yaml").read_text()
    assert text.count("    mem_limit: 96m\n") == text.count("    memswap_limit: 96m\n") == 1
    assert dispatch(["fix", "--from", file, "--select=memory-limit"]) == 0, "nothing is left to write"


@pytest.mark.parametrize("swap", ["1g", "-1"])
def test_swap_that_somebody_said_stays(project: Path, swap: str) -> None:
    (project / "compose.yaml").write_text(COMPOSE.replace("memswap_limit: 48m", f"memswap_limit: {swap}"))
    assert dispatch(["fix", "--from", saved(project, measured()), "--write", "--select=memory-limit"]) == 0
    assert f"    mem_limit: 96m\n    memswap_limit: {swap}\n" in (project / "compose.yaml").read_text()


def test_what_the_files_say_now_decides_not_what_they_said_then(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generous = COMPOSE.replace("48m", "2g").replace("2s", "1m").replace("soft: 20", "soft: 4096")
    (project / "compose.yaml").write_text(generous)
    (project / "Dockerfile").write_text(DOCKERFILE.replace("--interval=10s", "--interval=10s --start-period=30s"))
    assert dispatch(["fix", "--from", saved(project, measured())]) == 0
    said = capsys.readouterr().err
    assert "warning: the files have changed since the recording: the memory limit was 48 MiB, and is 2048 MiB" in said
    assert "the stop grace was 2 s, and is 60 s" in said


def test_a_start_period_that_is_said_is_replaced_where_it_stands(project: Path) -> None:
    (project / "Dockerfile").write_text(DOCKERFILE.replace("--interval=10s", "--interval=10s --start-period=1s"))
    (project / "compose.yaml").unlink()
    subject = replace(SUBJECT, name="shop", composed=False, memory=0, grace=10.0)
    assert dispatch(["fix", "--from", saved(project, measured(subject)), "--write"]) == 0
    assert "--interval=10s --start-period=10s \\\n" in (project / "Dockerfile").read_text()


def test_a_health_check_of_compose_gets_its_start_period_there(project: Path) -> None:
    (project / "Dockerfile").write_text('FROM node:22-slim\nCMD ["node", "a.js"]\n')
    check = "    healthcheck:\n      test: [CMD, node, check.js]\n"
    (project / "compose.yaml").write_text(COMPOSE + check)
    assert dispatch(["fix", "--from", saved(project, measured()), "--write", "--select=healthcheck-timing"]) == 0
    assert (project / "compose.yaml").read_text() == COMPOSE + check + "      start_period: 10s\n"


def test_manifests_get_it_in_their_own_words(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("compose.yaml", "Dockerfile"):
        (project / name).unlink()
    manifest = project / "deployment.yaml"
    manifest.write_text(DEPLOYMENT)
    assert dispatch(["fix", "--from", saved(project, measured()), "--write"]) == 0
    text = manifest.read_text()
    assert "terminationGracePeriodSeconds: 10" in text, "five to stop, and five of the sleep before"
    assert "limits: {memory: 96Mi}" in text
    assert "failureThreshold: 1, initialDelaySeconds: 10}" in text
    assert "          lifecycle:\n            preStop:\n              sleep:\n                seconds: 5\n" in text
    capsys.readouterr()
    assert dispatch(["fix", "--from", saved(project, measured())]) == 0
    assert [line.split(":")[1] for line in capsys.readouterr().err.splitlines() if "by hand" in line] == [" nofile"]


def test_a_recording_of_another_service_is_refused(project: Path) -> None:
    file = saved(project, measured(replace(SUBJECT, name="worker")))
    with pytest.raises(InputError, match="is a recording of worker, which is none of the services here: api"):
        dispatch(["fix", "--from", file, "--write"])
    assert (project / "compose.yaml").read_text() == COMPOSE


def test_a_file_that_is_no_recording_is_refused(project: Path) -> None:
    with pytest.raises(InputError, match="is not JSON"):
        dispatch(["fix", "--from", "compose.yaml"])


def test_what_was_not_measured_is_not_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed = replace(STOP, exit=Exit(7.0, 137, 9, killed=True), readiness=replace(STOP.readiness, ready=False))
    assert dispatch(["fix", "--from", saved(project, recording(killed, subject=SUBJECT))]) == 0
    said = capsys.readouterr().err
    assert said.count("no figure: ") == 6
    assert "nothing to fix" in said


def test_a_keep_alive_time_is_left_to_the_program(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exchange = Exchange("/", Outcome.COMPLETE, 1.0, keep_alive=5.0)
    connection = Connection(Population.IDLE, 0, 1.0, 1.0, 6.0, Outcome.IDLE_FIN, (exchange,))
    whole = recording(replace(STOP, connections=(connection,)), subject=SUBJECT)
    dispatch(["fix", "--from", saved(project, whole)])
    assert (
        "by hand: keep-alive timeout: 65 s: it keeps one for 5.00 s, by its own Keep-Alive" in capsys.readouterr().err
    )


def test_the_usage_of_a_run_is_what_the_memory_stands_on(project: Path) -> None:
    light = replace(LOAD, usage=(Usage(1.0, 30 * MIB, 4, 1),))
    assert dispatch(["fix", "--from", saved(project, recording(light, subject=SUBJECT)), "--select=memory-limit"]) == 0


def test_the_memory_limit_that_it_lived_with_is_written(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed = at_limit(80, exit=Exit(1.5, 137, 9, oom_kills=1))
    lived = at_limit(128, scenario=Scenario.MORE_MEMORY)
    file = saved(project, recording(load(memory=50), killed, lived, subject=SUBJECT))
    assert dispatch(["fix", "--from", file, "--select=memory-limit", "--write"]) == 0
    assert (project / "compose.yaml").read_text() == COMPOSE.replace("48m", "128m")
    assert "80 MiB was not enough: 1 out-of-memory kill under load; ran under load at that" in capsys.readouterr().err
    again = replace(killed, scenario=Scenario.MORE_MEMORY, memory=128 * MIB)
    file = saved(project, recording(load(memory=50), killed, again, subject=SUBJECT))
    assert dispatch(["fix", "--from", file, "--select=memory-limit", "--write"]) == 0
    assert (project / "compose.yaml").read_text() == COMPOSE.replace("48m", "128m"), "nothing is written unproved"
    assert "no figure: memory limit: peak of 50 MiB, times 1.5; 80 MiB was not enough" in capsys.readouterr().err
