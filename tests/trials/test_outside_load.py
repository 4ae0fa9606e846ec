"""A load command of the user's own: what the kernel saw of it agrees with what the command itself counts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.drill import outside
from seatrial.drill.judge import judge
from seatrial.drill.judge.outside import ENOUGH
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Engine
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Run, Scenario
from seatrial.model.service import Service
from seatrial.model.traffic import Seen
from seatrial.model.verdict import Ruling, Verdict
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import new_engine as new_engine
from tests.engine.docker.conftest import on_host_files
from tests.requirements import missing_module, missing_program, require

from .conftest import SERVERS

CLIENTS = 6
TRIES = 5
"""A client may be between two requests at the very moment of the signal; then it is another number that is lost."""
MANY = 64
PENDING = """
const { handle, port } = require('./handler');
let pending = 0;
require('node:http').createServer((request, response) => {
  pending++;
  response.on('finish', () => pending--);
  handle(request, response);
}).listen(port);
process.on('SIGTERM', () => {
  console.log(JSON.stringify({ pending }));
  process.exit(0);
});
"""
"""Counts the requests that it has not answered, and says so when it drops them."""
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
NEVER_ENDS = """
import signal, socket, sys, time, urllib.parse
signal.signal(signal.SIGINT, signal.SIG_IGN)
there = urllib.parse.urlsplit(sys.argv[1])
connection = socket.create_connection((there.hostname, there.port))
time.sleep(600)
"""
"""Connects, asks for nothing, and takes no notice of ^C."""


def subject(*argv: str) -> Service:
    """A server of ours as a service."""
    return Service(
        name="outside",
        context=str(SERVERS),
        argv=Sourced(argv),
        workdir=Sourced("/srv/trial"),
        environment={"PORT": Sourced("3000")},
        stop_grace=Sourced(3.0),
    )


def run_with(argv: tuple[str, ...], *load: str) -> tuple[Run, dict[str, Verdict]]:
    """The stop drill of a server under a load command."""
    return asyncio.run(drilled(subject(*argv), NativeEngine(), DrillOptions(load_from=load)))


async def drilled(service: Service, engine: Engine, options: DrillOptions) -> tuple[Run, dict[str, Verdict]]:
    """The run of the stop, and what it proves."""
    slow = Candidates(slow=(Candidate("/slow", "tests"),))
    options = replace(options, candidates=slow, only=frozenset({Scenario.STOP}))
    async with engine.prepared(service) as ready:
        recording = await drill(ready, engine, options)
    return recording.runs[0], {verdict.requirement: verdict for verdict in judge(recording)}


def pending(run: Run) -> int:
    """What the server itself says of the requests that it dropped."""
    (said,) = [json.loads(line.text)["pending"] for line in run.log if "pending" in line.text]
    return int(said)


def lost(seen: Seen) -> int:
    """The requests in flight at the signal that were not answered, or not wholly."""
    return seen.unanswered_fin + seen.unanswered_reset + seen.answered_cut


def check(said: int, seen: Seen) -> None:
    """What the kernel saw and what the server says, where they may differ: a connection that it had not read from ends
    with RST, and is known to the kernel alone; what came when the signal was on its way was not in flight at it."""
    came = seen.crossed + seen.used_again + seen.answered
    assert 0 < seen.unanswered_fin <= said <= lost(seen) + came
    assert lost(seen) + seen.answered - seen.answered_cut == seen.busy - seen.left_by_client


@pytest.fixture(autouse=True)
def _needs() -> None:
    require(missing_program("node"))
    require("" if os.geteuid() == 0 else "packets are watched as root alone")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_what_was_dropped_in_flight_is_a_failure_and_as_many_as_the_command_counts(path: str) -> None:
    """The server is gone within a millisecond of the signal; from /stream a part of each answer has come by then."""
    command = (sys.executable, "-c", LOAD, "{url}", path, str(CLIENTS))
    for _ in range(TRIES):
        run, verdicts = run_with(("node", "close_all_and_exit.js"), *command)
        assert run.outside is not None
        seen, told = run.outside.seen, json.loads(run.outside.output)
        if 0 < seen.busy == lost(seen) == told["unanswered"]:
            break
    assert 0 < seen.busy == lost(seen) == told["unanswered"]
    assert verdicts["in-flight-finish"].ruling is Ruling.FAIL
    assert told["variable"].startswith("http://")
    assert abs(told["refused"] - seen.refused) <= CLIENTS  # localhost may be tried in both families
    assert any(f'"unanswered": {seen.busy}' in line for line in verdicts["in-flight-finish"].evidence)


@pytest.mark.slow
def test_what_was_answered_is_whole_by_its_own_head() -> None:
    require(missing_module("uvicorn"))
    command = (sys.executable, "-c", LOAD, "{url}", "/slow", str(CLIENTS))
    for _ in range(TRIES):
        run, verdicts = run_with((sys.executable, "-m", "uvicorn", "asgi:app", "--port", "3000"), *command)
        assert run.outside is not None
        seen, told = run.outside.seen, json.loads(run.outside.output)
        if seen.answered_whole == seen.busy >= ENOUGH and not told["unanswered"]:
            break
    assert seen.answered_whole == seen.busy >= ENOUGH
    assert told["unanswered"] == 0
    assert verdicts["in-flight-finish"].ruling is Ruling.PASS
    assert verdicts["handles-sigterm"].ruling is Ruling.PASS
    assert run.connections == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "tool", [f"wrk -t1 -c{MANY} -d60s {{url}}slow", f"hey -c {MANY} -z 60s {{url}}slow"], ids=["wrk", "hey"]
)
def test_a_crowd_that_is_dropped_is_as_many_as_the_server_says(tool: str) -> None:
    command = tool.split()
    require(missing_program(command[0]))
    for _ in range(TRIES):
        run, verdicts = run_with(("node", "-e", PENDING), *command)
        assert run.outside is not None
        seen = run.outside.seen
        said = pending(run)
        assert seen.missed == 0
        if lost(seen) == said > 0:
            break
    check(said, seen)
    assert verdicts["in-flight-finish"].ruling is Ruling.FAIL


@pytest.mark.slow
def test_in_a_container_the_command_runs_in_its_network(
    new_engine: Callable[..., DockerEngine], host_image: str
) -> None:
    """A load from another network would find nothing at the container's own loopback address."""
    tool = ("wrk", "-t1", f"-c{MANY}", "-d60s", "{url}slow")
    require(missing_program("wrk"))
    service = on_host_files(subject("node", "-e", PENDING), host_image)
    for _ in range(TRIES):
        run, verdicts = asyncio.run(drilled(service, new_engine(), DrillOptions(load_from=tool)))
        assert run.outside is not None
        seen = run.outside.seen
        said = pending(run)
        if lost(seen) == said > 0:
            break
    check(said, seen)
    assert verdicts["in-flight-finish"].ruling is Ruling.FAIL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "limit", "words"),
    [
        ("import sys; sys.exit('no such scenario')", 30, "ended with exit code 1 after"),
        ("import time; time.sleep(60)", 0.5, "opened no connection to http://"),
    ],
)
def test_a_command_that_makes_no_load_is_told_and_nothing_is_proved(
    program: str, limit: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "TRAFFIC_LIMIT", limit)
    run, verdicts = run_with(("node", "server_close.js"), sys.executable, "-c", program)
    assert words in run.disturbed
    assert run.signalled is None
    assert {verdicts[name].ruling for name in ("in-flight-finish", "stops-in-time")} == {Ruling.NOT_PROVED}
    assert words in verdicts["in-flight-finish"].summary


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        (sys.executable, "-c", LOAD, "{url}", "/slow", "2"),
        (sys.executable, "-c", NEVER_ENDS, "{url}"),
        ("sh", "-c", '"$0" -c "$1" {url} & "$0" -c "$1" {url} | cat', sys.executable, NEVER_ENDS),
    ],
    ids=["ends at ^C", "never ends", "a pipe and something in the background"],
)
def test_nothing_of_the_command_is_left(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "ENDING", 0.5)
    mark = f"left-by-a-load-command-{os.urandom(8).hex()}"
    monkeypatch.setenv("MARK", mark)
    run, verdicts = run_with(("node", "close_all_and_exit.js"), *command)
    assert run.signalled is not None
    assert run.outside is not None and run.outside.code is None
    assert verdicts["in-flight-finish"].ruling is not Ruling.PASS
    environments = [Path(entry, "environ") for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert not [one for one in environments if mark.encode() in _read(one)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
