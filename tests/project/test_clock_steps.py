"""The clock of the wall is stepped under a supervisor: no wait and no interval changes, and nothing is lost.

A machine's clock can't be stepped for one test alone, so the supervisor's own view of it is (libfaketime, which reads
its offset from a file at every look). The monotonic clock stays as it is, as it does when somebody sets a real one. The
shim is a static program without libc: its clock is the real one.
"""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.project.conftest import Harness, shell
from tests.requirements import require

pytestmark = pytest.mark.slow
FORWARD, BACK = "+86400", "-86400"


@pytest.fixture
def offset(project: Harness, tmp_path: Path) -> Path:
    """The file that says by how much the clock is off."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    require("" if libraries else "libfaketime is not installed. hint: apt-get install faketime")
    file = tmp_path / "offset"
    file.write_text("+0")
    project.environment |= {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }
    return file


def step(offset: Path, by: str) -> None:
    new = offset.with_suffix(".new")
    new.write_text(by)
    new.replace(offset)


def moments(notes: Path) -> list[float]:
    """When the service's runs began, by the clock that nobody steps."""
    return [float(line.split()[0]) for line in notes.read_text().splitlines()] if notes.exists() else []


def own_events(project: Harness) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in project.run("events", "--json", "--since", "1", "--until", "4102444800").splitlines()
    ]


@pytest.mark.parametrize("by", [FORWARD, BACK])
def test_the_waits_before_a_restart_stay_what_they_are(project: Harness, offset: Path, tmp_path: Path, by: str) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    line = f"cat /proc/uptime >>{notes}/runs; echo run; exit 1"
    project.write("services:\n" + shell("web", line, f"    restart: always\n    volumes: ['{notes}:{notes}']\n"))
    project.run("up", "-d")
    project.eventually(lambda: len(moments(notes / "runs")) >= 3)
    step(offset, by)
    project.eventually(lambda: len(moments(notes / "runs")) >= 6)
    project.run("stop", "-t", "0")
    begun = moments(notes / "runs")[:6]
    gaps = [after - before for before, after in pairwise(begun)]
    least = [0.1, 0.2, 0.4, 0.8, 1.6]
    assert all(gap >= wait - 0.05 for gap, wait in zip(gaps, least, strict=True)), gaps
    assert gaps[4] < 30.0, f"the wait is that of the policy, and not a day: {gaps}"
    assert project.run("logs", "--no-log-prefix", "web").split() == ["run"] * len(moments(notes / "runs"))


@pytest.mark.parametrize("by", [FORWARD, BACK])
def test_a_health_check_goes_on_at_its_interval(project: Harness, offset: Path, by: str) -> None:
    check = "    healthcheck: {test: '! test -e /ill', interval: 200ms, retries: 2}\n"
    project.write("services:\n" + shell("web", "exec sleep 999", check))
    project.run("up", "-d")
    project.eventually(lambda: project.rows()["web"]["Health"] == "healthy")
    step(offset, by)
    before = time.monotonic()
    project.run("exec", "-T", "web", "touch", "/ill")
    project.eventually(lambda: project.rows()["web"]["Health"] == "unhealthy")
    project.run("exec", "-T", "web", "rm", "/ill")
    project.eventually(lambda: project.rows()["web"]["Health"] == "healthy")
    assert time.monotonic() - before < 60.0
    results = project.inspect("web")["State"]["Health"]["Log"]
    lengths = [moment(one["End"]) - moment(one["Start"]) for one in results]
    assert all(0.0 <= length < 20.0 for length in lengths), f"a probe's times are told by one clock: {lengths}"


def test_a_supervisor_that_begins_after_a_step_finds_all_as_it_was(project: Harness, offset: Path) -> None:
    project.write("services:\n" + shell("web", "exec sleep 999", "    restart: always\n"))
    project.run("up", "-d")
    before = project.inspect("web")
    step(offset, FORWARD)
    os.kill(project.supervisor(), signal.SIGKILL)
    assert project.rows()["web"]["State"] == "running"
    after = project.inspect("web")
    assert after["State"]["Pid"] == before["State"]["Pid"]
    assert after["State"]["Status"] == "running"
    assert abs(moment(after["State"]["StartedAt"]) - moment(before["State"]["StartedAt"])) < 5.0


def test_events_after_a_step_back_are_kept_and_shown(project: Harness, offset: Path) -> None:
    project.write("services:\n" + shell("web", "exec sleep 999"))
    project.run("up", "-d")
    step(offset, BACK)
    project.run("restart", "-t", "0")
    events = own_events(project)
    actions = [event["Action"] for event in events]
    assert actions == ["create", "start", "kill", "kill", "die", "stop", "start", "restart"]
    assert events[-1]["time"] < events[0]["time"] - 80000, "the clock that the supervisor sees was not stepped"


def moment(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp()
