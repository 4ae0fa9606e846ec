"""A real Swarm replaces the tasks of a service under load, through a real HAProxy."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.drill import archive
from seatrial.drill.judge import judge
from seatrial.model.recording import Recording
from tests.docker_engine import DockerEngine
from tests.engine.balancer import Balancer
from tests.requirements import too_busy

from .conftest import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
DRILL = (sys.executable, "-m", "seatrial", "drill", "--engine", "swarm")
INTERRUPTED = 130
TRIES = 4


def drilled(folder: Path, *options: str) -> tuple[int, dict[str, Any], Recording]:
    """The exit code of a drill, its JSON report and its recording; another one where the machine was too busy."""
    for _ in range(TRIES):
        code, report, recording = _drilled(folder, *options)
        if "load generator" not in recording.runs[0].disturbed:
            return code, report, recording
    return too_busy(recording.runs[0].disturbed)


def _drilled(folder: Path, *options: str) -> tuple[int, dict[str, Any], Recording]:
    saved, report = folder / "recording.json", folder / "report.json"
    argv = [*DRILL, *options, "--save", str(saved), "--json", str(report), "--rate", "40"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=150, check=False)
    assert saved.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(report.read_text()), archive.load(saved)


def of(report: dict[str, Any], requirement: str) -> dict[str, Any]:
    return next(one for one in report["verdicts"] if one["requirement"] == requirement)


def order(engine: DockerEngine, service: str) -> str:
    return str(engine.call("GET", f"/services/{service}")["Spec"]["UpdateConfig"]["Order"])


def test_tasks_that_drain_are_replaced_without_a_loss_when_the_new_one_comes_first(
    swarm: DockerEngine, front: Balancer, new_service: Callable[[str], None], tmp_path: Path
) -> None:
    new_service("drains")
    code, report, recording = drilled(
        tmp_path, "api", "--url", front.url, "--update-order", "start-first", "--slow-path", "/slow"
    )
    verdict = of(report, "rollout-drops-nothing")
    assert (code, verdict["ruling"]) == (0, "pass"), verdict
    assert {one["ruling"] for one in report["verdicts"]} == {"pass"}
    replicas = recording.runs[0].replicas
    old = [one for one in replicas if one.told is not None]
    new = [one for one in replicas if one.created is not None]
    assert sorted(one.slot for one in old) == sorted(one.slot for one in new) == ["1", "2"]
    for one in old:
        assert one.told is not None and one.signalled is not None and one.ended is not None
        assert one.told <= one.signalled < (one.closed or one.ended) <= one.ended
        assert (one.code, one.killed) == (0, False)
        successor = next(other for other in new if other.slot == one.slot)
        assert successor.ready is not None and successor.ready <= one.signalled
    assert any(one.closed for one in old), "when a listener closed is seen"
    assert order(swarm, "api") == "stop-first", "the service's own order is put back"


def test_what_tasks_lose_that_end_at_once_is_owed_to_each_at_its_signal(
    front: Balancer, new_service: Callable[[str], None], tmp_path: Path
) -> None:
    new_service("plain")
    code, report, recording = drilled(tmp_path, "api", "--url", front.url, "--path", "/slow")
    verdict = of(report, "rollout-drops-nothing")
    assert (code, verdict["ruling"]) == (1, "fail"), verdict
    assert "in flight at its stop signal" in verdict["summary"]
    old = [one.name for one in recording.runs[0].replicas if one.told is not None]
    assert len(old) == 2 and any(name in verdict["summary"] for name in old)
    assert of(report, "exit-code-clean")["ruling"] == "fail"
    assert of(report, "stops-in-time")["ruling"] == "pass"
    own = {one.requirement: one.ruling.value for one in judge(recording)}
    assert own == {one["requirement"]: one["ruling"] for one in report["verdicts"]}


def test_a_port_that_two_tasks_can_not_share_refuses_between_them(
    swarm: DockerEngine, fixed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{swarm.socket}")
    code, report, recording = drilled(tmp_path, "fixed")
    target = recording.runs[0].target
    assert target is not None and (target.port, target.quick_by) == (fixed_port, "published by the engine")
    verdict = of(report, "rollout-drops-nothing")
    assert (code, verdict["ruling"]) == (1, "fail"), verdict
    (old,) = [one for one in recording.runs[0].replicas if one.told is not None]
    assert f"{old.name}: sent after its end" in verdict["summary"]
    assert any("refused" in line for line in verdict["evidence"])
    assert (old.code, old.killed, of(report, "stops-in-time")["ruling"]) == (137, True, "fail")


def test_an_interrupt_leaves_the_update_to_the_swarm_and_says_so(
    swarm: DockerEngine, fixed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{swarm.socket}")
    with subprocess.Popen(
        [*DRILL, "fixed", "--update-order", "start-first"], stderr=subprocess.PIPE, text=True
    ) as drill:
        assert drill.stderr is not None
        next(line for line in drill.stderr if "rolling update" in line)
        eventually(lambda: order(swarm, "fixed") == "start-first", "the update is asked for")
        drill.send_signal(signal.SIGINT)
        said = drill.stderr.read()
    assert drill.returncode == INTERRUPTED
    assert "service fixed goes on with its update" in said and "its update order is start-first now" in said
    eventually(
        lambda: (swarm.call("GET", "/services/fixed").get("UpdateStatus") or {}).get("State") == "updating",
        "a new task waits for the port, as Swarm has it",
    )
