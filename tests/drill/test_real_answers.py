"""Real services that answer all they are asked, and serve nobody: what passed once, because an answer came."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Service
from seatrial.model.verdict import Ruling
from tests.requirements import missing_program, require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
PASS, FAIL, UNKNOWN = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED

TURNS_ALL_AWAY = """
const { createServer } = require('node:http');
let stopping = false;
createServer((request, response) => {
  if (stopping) return response.writeHead(503).end();
  response.writeHead(request.url === '/health' ? 200 : 404).end();
}).listen(3000);
process.on('SIGTERM', () => { stopping = true; setTimeout(() => process.exit(0), 2500); });
"""
CUTS_BODIES = """
import os, signal, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(20 if self.path == '/slow' else 1):
            self.wfile.write(b'x' * 100)
            time.sleep(0.1)

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
ThreadingHTTPServer(('0.0.0.0', 3000), Handler).serve_forever()
"""
PLAIN = "require('node:http').createServer((request, response) => response.end('ok')).listen(3000);"
NEEDS_A_SETTING = """
require('node:http').createServer((request, response) => {
  response.writeHead(process.env.API_BASE ? 200 : 500).end();
}).listen(3000);
process.on('SIGTERM', () => process.exit(0));
"""


def told(folder: Path, source: str, options: DrillOptions, *program: str, grace: float = 5.0) -> dict[str, Ruling]:
    """The rulings on a program of one file."""
    (folder / "server").write_text(source, encoding="utf-8")
    of = Service(
        "trial",
        str(folder),
        Sourced((*program, "server")),
        workdir=Sourced("/srv/trial"),
        stop_grace=Sourced(grace),
        environment={"API_BASE": Sourced("http://api")},
    )
    recording = asyncio.run(drill(of, NativeEngine(), options))
    return {verdict.requirement: verdict.ruling for verdict in judge(recording)}


@pytest.fixture
def node() -> str:
    require(missing_program("node"))
    return "node"


def test_a_health_endpoint_that_turns_away_says_nothing_of_what_others_get(node: str, tmp_path: Path) -> None:
    known = Candidates(quick=(Candidate("/health", "tests", health=True),))
    options = DrillOptions(candidates=known, lag=1.0, only=frozenset({Scenario.STOP, Scenario.ROLLOUT}))
    found = told(tmp_path, TURNS_ALL_AWAY, options, node)
    names = ("tolerates-lb-lag", "refuses-late-connections", "rollout-drops-nothing")
    assert {found[name] for name in names} == {UNKNOWN}
    assert found["stops-in-time"] is PASS


def test_a_body_without_a_length_that_is_cut_by_the_end_of_the_process_is_lost(tmp_path: Path) -> None:
    known = Candidates(slow=(Candidate("/slow", "tests"),))
    options = DrillOptions(candidates=known, only=frozenset({Scenario.STOP}))
    found = told(tmp_path, CUTS_BODIES, options, sys.executable)
    assert found["in-flight-finish"] is FAIL
    assert found["handles-sigterm"] is PASS


def test_what_only_sigkill_closes_is_no_reaction(node: str, tmp_path: Path) -> None:
    found = told(tmp_path, PLAIN, DrillOptions(only=frozenset({Scenario.STOP})), node, grace=0.2)
    assert found["handles-sigterm"] is UNKNOWN
    assert found["stops-in-time"] is FAIL


def test_a_service_that_answers_with_errors_without_its_settings_has_not_come_up(node: str, tmp_path: Path) -> None:
    runs = frozenset({Scenario.STOP, Scenario.NO_SETTINGS})
    assert told(tmp_path, NEEDS_A_SETTING, DrillOptions(only=runs), node)["no-crash-loop"] is FAIL
    alone = DrillOptions(only=frozenset({Scenario.NO_SETTINGS}))
    assert told(tmp_path, NEEDS_A_SETTING, alone, node)["no-crash-loop"] is UNKNOWN
