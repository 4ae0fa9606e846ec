"""A load command of the user's own: what the kernel saw of it agrees with what the command itself counts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from seatrial.drill import outside
from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Run, Scenario
from seatrial.model.service import Service
from seatrial.model.verdict import Ruling, Verdict
from tests.requirements import missing_module, missing_program, require

from .conftest import SERVERS

CLIENTS = 6
TRIES = 3
MANY = 12
"""This server ends within a millisecond of the signal, often before anybody could look: then nothing is proved."""
LOAD = """
import http.client, json, os, signal, sys, threading, time
host, _, rest = sys.argv[1].removeprefix("http://").partition("/")
path, counts, over = sys.argv[2], {"answered": 0, "unanswered": 0, "refused": 0}, threading.Event()
def client():
    connection = http.client.HTTPConnection(host, timeout=20)
    while not over.is_set():
        try:
            connection.request("GET", path)
            connection.getresponse().read()
            counts["answered"] += 1
        except ConnectionRefusedError:
            counts["refused"] += 1
            connection.close()
            time.sleep(0.05)
        except (OSError, http.client.HTTPException):
            counts["unanswered"] += 1
            connection.close()
signal.signal(signal.SIGINT, lambda *_: over.set())
threads = [threading.Thread(target=client, daemon=True) for _ in range(int(sys.argv[3]))]
for thread in threads: thread.start()
while not over.is_set(): time.sleep(0.05)
for thread in threads: thread.join(2)
print(json.dumps({**counts, "variable": os.environ["SEATRIAL_URL"]}))
"""


def run_with(argv: tuple[str, ...], *load: str) -> tuple[Run, dict[str, Verdict]]:
    """The stop drill of a server under a load command."""
    subject = Service(
        name="outside",
        context=str(SERVERS),
        argv=Sourced(argv),
        workdir=Sourced("/srv/trial"),
        environment={"PORT": Sourced("3000")},
        stop_grace=Sourced(3.0),
    )
    options = DrillOptions(
        candidates=Candidates(slow=(Candidate("/slow", "tests"),)),
        only=frozenset({Scenario.STOP}),
        load_from=load,
    )
    recording = asyncio.run(drill(subject, NativeEngine(), options))
    return recording.runs[0], {verdict.requirement: verdict for verdict in judge(recording)}


@pytest.fixture(autouse=True)
def _needs() -> None:
    require(missing_program("node"))
    require("" if os.geteuid() == 0 else "packets are watched as root alone")


@pytest.mark.slow
def test_what_was_dropped_in_flight_is_a_failure_and_as_many_as_the_command_counts() -> None:
    command = (sys.executable, "-c", LOAD, "{url}", "/slow", str(CLIENTS))
    for _ in range(MANY):
        run, verdicts = run_with(("node", "close_all_and_exit.js"), *command)
        assert run.outside is not None
        seen, told = run.outside.seen, json.loads(run.outside.output)
        assert verdicts["in-flight-finish"].ruling is not Ruling.PASS
        if seen.busy == told["unanswered"]:
            break
    assert 0 < seen.busy == seen.unanswered_fin + seen.unanswered_reset == told["unanswered"]
    assert told["variable"].startswith("http://")
    assert abs(told["refused"] - seen.refused) <= CLIENTS  # localhost may be tried in both families
    verdict = verdicts["in-flight-finish"]
    assert verdict.ruling is Ruling.FAIL
    assert any(f'"unanswered": {seen.busy}' in line for line in verdict.evidence)


@pytest.mark.slow
def test_what_was_answered_is_not_proved_to_be_whole() -> None:
    require(missing_module("uvicorn"))
    command = (sys.executable, "-c", LOAD, "{url}", "/slow", str(CLIENTS))
    for _ in range(TRIES):
        run, verdicts = run_with((sys.executable, "-m", "uvicorn", "asgi:app", "--port", "3000"), *command)
        assert run.outside is not None
        if run.outside.seen.answered == run.outside.seen.busy > 0:
            break
    assert run.outside.seen.answered == run.outside.seen.busy > 0
    assert verdicts["in-flight-finish"].ruling is Ruling.NOT_PROVED
    assert "whether wholly" in verdicts["in-flight-finish"].summary
    assert verdicts["handles-sigterm"].ruling is Ruling.PASS
    assert run.connections == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit('no such scenario')", "ended with exit code 1 after"),
        ("import time; time.sleep(60)", "opened no connection to http://"),
    ],
)
def test_a_command_that_makes_no_load_is_told_and_nothing_is_proved(
    program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "TRAFFIC_LIMIT", 0.5)
    run, verdicts = run_with(("node", "server_close.js"), sys.executable, "-c", program)
    assert words in run.disturbed
    assert run.signalled is None
    assert {verdicts[name].ruling for name in ("in-flight-finish", "stops-in-time")} == {Ruling.NOT_PROVED}
    assert words in verdicts["in-flight-finish"].summary


@pytest.mark.slow
def test_nothing_of_the_command_is_left() -> None:
    mark = "left-by-a-load-command"
    run_with(("node", "close_all_and_exit.js"), sys.executable, "-c", LOAD, "{url}", "/slow", "2", mark)
    lines = [Path(entry, "cmdline") for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert not [line for line in lines if line.exists() and mark.encode() in _read(line)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
