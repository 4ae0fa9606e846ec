"""Acts that need something around the service: what it depends on, a queue, a second instance."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.drill.acts import dependency, misfits
from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.scenarios import PROVED_BY
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Healthcheck, Service
from seatrial.model.verdict import Ruling, Verdict
from tests.requirements import missing_program, require

from .test_real_acts import node, service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CANDIDATES = Candidates(liveness=(Candidate("/live", "tests"),), readiness=(Candidate("/ready", "tests"),))
HEALTH_PATHS = """
const net = require('node:net');
const url = new URL(process.env.REDIS_URL);
const ping = () => new Promise((resolve) => {
  const socket = net.connect(Number(url.port), url.hostname);
  const end = (good) => { socket.destroy(); resolve(good); };
  LIMIT
  socket.on('error', () => end(false));
  socket.on('connect', () => socket.write('PING\\r\\n'));
  socket.on('data', (data) => end(data.toString().startsWith('+PONG')));
});
require('node:http').createServer(async (request, response) => {
  response.statusCode = (DEEP).includes(request.url) && !(await ping()) ? 503 : 200;
  response.end('ok');
}).listen(3000);
"""
LIMIT = "socket.setTimeout(500, () => end(false));"
DEPENDING = {
    "good": (LIMIT, "['/ready']", []),
    "liveness asks, too": (LIMIT, "['/ready', '/live']", ["liveness-is-shallow"]),
    "readiness asks nobody": (LIMIT, "[]", ["readiness-is-deep"]),
    "readiness hangs": ("", "['/ready']", ["readiness-is-deep"]),
}


def told(of: Service, options: DrillOptions) -> dict[str, Verdict]:
    """The verdicts of a drill."""
    recording = asyncio.run(drill(of, NativeEngine(), options))
    return {verdict.requirement: verdict for verdict in judge(recording)}


@pytest.mark.parametrize("kind", DEPENDING)
def test_health_paths_are_told_by_what_they_ask(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require(missing_program("redis-server"))
    limit, deep, expected = DEPENDING[kind]
    if "readiness-is-deep" in expected:  # it never notices: that is waited for to the end, several times
        monkeypatch.setattr(dependency, "NOTICES", 2.0)
    source = HEALTH_PATHS.replace("LIMIT", limit).replace("(DEEP)", deep)
    of = node(tmp_path, source, environment={"REDIS_URL": Sourced("redis://cache:6379/0")})
    verdicts = told(of, DrillOptions(only=frozenset({Scenario.DEPENDENCY}), candidates=CANDIDATES))
    names = ("liveness-is-shallow", "readiness-is-deep")
    assert not [verdicts[name] for name in names if verdicts[name].ruling is Ruling.NOT_PROVED]
    assert [name for name in names if verdicts[name].ruling is Ruling.FAIL] == expected


def test_what_cannot_be_stood_in_for_is_cut_off_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependency, "NOTICES", 2.0)
    source = HEALTH_PATHS.replace("LIMIT", LIMIT).replace("(DEEP)", "['/ready']").replace("REDIS_URL", "DATABASE_URL")
    of = node(tmp_path, source, environment={"DATABASE_URL": Sourced("mongodb://root@db:27017/app")})
    verdicts = told(of, DrillOptions(only=frozenset({Scenario.DEPENDENCY}), candidates=CANDIDATES))
    assert verdicts["liveness-is-shallow"].ruling is Ruling.PASS, verdicts["liveness-is-shallow"]
    assert verdicts["readiness-is-deep"].ruling is Ruling.NOT_PROVED


WORKER = """
import os, signal, subprocess
def redis(*words):
    return subprocess.run(["redis-cli", *words], capture_output=True, text=True).stdout.strip()
stopping = []
signal.signal(signal.SIGTERM, lambda *_: HANDLER)
while not stopping:
    job = redis("BRPOPLPUSH", "jobs", "taken", "1")
    if job:
        subprocess.run(["sleep", "1"])
        redis("SADD", "finished", job)
        redis("LREM", "taken", "1", job)
"""
STATE = (
    'if [ "$(redis-cli SISMEMBER finished 7)" = 1 ]; then echo done; '
    'elif [ "$(redis-cli LLEN taken)" = 1 ]; then echo taken; '
    'elif [ "$(redis-cli LLEN jobs)" = 1 ]; then echo waiting; fi'
)
WORKERS = {
    "finishes": ("stopping.append(1)", Ruling.PASS, "was finished"),
    "gives it back": (
        "(redis('RPOPLPUSH', 'taken', 'jobs'), os._exit(0))",
        Ruling.PASS,
        "given back to its queue",
    ),
    "drops it": ("os._exit(0)", Ruling.FAIL, "still marked as taken"),
    "forgets it": ("(redis('DEL', 'taken'), os._exit(0))", Ruling.FAIL, "neither done nor waiting"),
}


@pytest.mark.parametrize("worker", WORKERS)
def test_a_worker_is_told_by_what_becomes_of_the_job_in_hand(worker: str, tmp_path: Path) -> None:
    require(missing_program("redis-server"))
    handler, ruling, words = WORKERS[worker]
    check = Healthcheck(Sourced(("CMD", "true")))
    variables = {"REDIS_URL": Sourced("redis://queue:6379"), "PYTHONDONTWRITEBYTECODE": Sourced("1")}
    files = {"worker.py": WORKER.replace("HANDLER", handler)}
    of = service(tmp_path, files, sys.executable, "worker.py", ports=(), healthcheck=check, environment=variables)
    wanted = frozenset({Scenario.WORK})
    verdicts = told(of, DrillOptions(only=wanted, job="redis-cli LPUSH jobs 7", job_state=STATE))
    verdict = verdicts["work-finished-or-returned"]
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict
    # What it takes is measured meanwhile.
    assert verdicts["nofile-limit"].figures["peak_descriptors"] > 2, verdicts["nofile-limit"]
    assert "peak under load" in verdicts["memory-limit"].summary, verdicts["memory-limit"]
    assert verdicts["pids-limit"].evidence == ("counted while a job was worked on; a pids limit counts both",)


def test_without_a_job_nothing_is_proved_of_a_worker(tmp_path: Path) -> None:
    of = service(tmp_path, {}, "sleep", "60", ports=(), healthcheck=Healthcheck(Sourced(("CMD", "true"))))
    verdict = told(of, DrillOptions(only=frozenset({Scenario.WORK})))["work-finished-or-returned"]
    assert (verdict.ruling, "--job COMMAND" in verdict.summary) == (Ruling.NOT_PROVED, True)


SPAWNS = (
    "const { spawn } = require('node:child_process');"
    "require('node:http').createServer((q, s) => {"
    "  const child = spawn('/bin/sh', ['-c', 'sleep 0.1 & exit 0'], { stdio: 'ignore' });"
    "  child.on('exit', () => s.end('ok'));"
    "}).listen(3000);"
)


@pytest.mark.parametrize(("init", "ruling"), [(True, Ruling.PASS), (False, Ruling.FAIL)])
def test_orphans_that_the_service_leaves_under_load_are_found(init: bool, ruling: Ruling, tmp_path: Path) -> None:
    verdicts = told(
        node(tmp_path, SPAWNS, init=Sourced(init)), DrillOptions(only=frozenset(PROVED_BY["init-reaps-orphans"]))
    )
    assert verdicts["init-reaps-orphans"].ruling is ruling, verdicts["init-reaps-orphans"]


ALONE = {
    "ends": ("socket.on('error', (error) => { console.error(error.message); process.exit(1); });", []),
    "hangs": ("socket.on('error', () => setInterval(() => {}, 1000));", ["no-crash-loop"]),
    "waits": (
        "socket.on('error', (error) => { console.error(error.message, 'waiting'); setInterval(() => {}, 1000); });",
        [],
    ),
}


@pytest.mark.parametrize("kind", ALONE)
def test_a_start_without_its_dependency_is_told_by_what_it_says(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(missing_program("redis-server"))
    monkeypatch.setattr(misfits, "BOUND", 3.0)
    reaction, expected = ALONE[kind]
    source = (
        "const socket = require('node:net').connect(6379, 'cache');"
        f"{reaction}"
        "socket.on('connect', () => require('node:http').createServer((q, s) => s.end('ok')).listen(3000));"
    )
    of = node(tmp_path, source, environment={"REDIS_URL": Sourced("redis://cache")})
    verdict = told(of, DrillOptions(only=frozenset({Scenario.STOP, Scenario.NO_DEPENDENCY})))["no-crash-loop"]
    assert ([verdict.requirement] if verdict.ruling is Ruling.FAIL else []) == expected, verdict
    assert verdict.ruling is not Ruling.NOT_PROVED


HANGS = """
console.log('registered error handler');
const url = new URL(process.env.REDIS_URL);
const socket = require('node:net').connect(Number(url.port), url.hostname);
socket.on('error', () => setTimeout(() => {}, 3_600_000));
socket.on('connect', () => require('node:http').createServer((q, s) => s.end('ok')).listen(3000));
"""


@pytest.mark.parametrize("declared", [True, False])
def test_who_hangs_in_silence_without_its_dependency_is_told(declared: bool, tmp_path: Path) -> None:
    require(missing_program("redis-server"))
    of = node(tmp_path, HANGS, environment={"REDIS_URL": Sourced("redis://cache:6379/0")})
    of = of if declared else replace(of, ports=())
    verdict = told(of, DrillOptions(only=frozenset({Scenario.STOP, Scenario.NO_DEPENDENCY})))["no-crash-loop"]
    assert (verdict.ruling, "it neither works nor ends" in verdict.summary) == (Ruling.FAIL, True), verdict
