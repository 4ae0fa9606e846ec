"""Acts on real programs: each is told from a good one by the requirement that it breaks, and by no other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from seatrial.drill.acts import crash, misfits, raising
from seatrial.drill.judge import judge
from seatrial.drill.options import DrillOptions
from seatrial.drill.scenarios import PROVED_BY
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Healthcheck, Limits, Mount, Port, Service
from seatrial.model.verdict import Ruling, Verdict
from tests.requirements import missing_program, require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NODE = "require('node:http').createServer((q, s) => s.end('ok')).listen(3000);\n"
URL = "http://127.0.0.1:3000/"
CRASHES = ("exit-code-honest", "dies-on-fatal-error", "recovers-from-crash", "no-crash-loop")
RUNS = frozenset(run for name in CRASHES for run in PROVED_BY[name])
SCRATCH = Sourced(Mount("tmpfs", "", "/tmp"))
BEATING = f"setInterval(() => require('node:fs').writeFileSync('/tmp/alive', ''), 200);\n{NODE}"
"""And what touches a file as long as its loop turns."""
DATABASE = {"environment": {"DB_URL": Sourced("mongodb://db/x")}}


def service(folder: Path, files: dict[str, str], *argv: str, port: int = 3000, **changes: Any) -> Service:
    """A program with its files as a service."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    values = {"stop_grace": Sourced(5.0), "workdir": Sourced("/srv/trial"), "ports": (Sourced(Port(port)),)}
    values |= {"restart": Sourced("unless-stopped"), **changes}
    return Service("trial", str(folder), Sourced(argv), **values)


def node(folder: Path, source: str = NODE, **changes: Any) -> Service:
    """A node program as PID 1."""
    require(missing_program("node"))
    return service(folder, {"server.js": source}, "node", "server.js", **changes)


def told(of: Service, runs: Iterable[Scenario]) -> dict[str, Verdict]:
    """The verdicts of a drill with these runs alone."""
    options = DrillOptions(only=frozenset(runs), ready_timeout=30.0)
    recording = asyncio.run(drill(of, NativeEngine(), options))
    return {verdict.requirement: verdict for verdict in judge(recording)}


def failed(verdicts: dict[str, Verdict], names: Iterable[str] = CRASHES) -> list[str]:
    """The requirements that failed by themselves, and not because of another."""
    found = [verdicts[name] for name in names]
    assert not [v for v in found if v.ruling is Ruling.NOT_PROVED and "it is done for node" not in v.summary], found
    return [verdict.requirement for verdict in found if verdict.ruling is Ruling.FAIL and not verdict.cause]


@pytest.mark.parametrize(
    ("test", "ruling", "words"),
    [
        (("CMD-SHELL", f"curl -f {URL} || exit 1"), Ruling.PASS, "frozen"),
        (("CMD-SHELL", f"curl -s {URL}"), Ruling.FAIL, "while every request is answered by 500"),
        (("CMD-SHELL", f"curl -f {URL} || true"), Ruling.FAIL, "while nothing listens"),
        (("CMD-SHELL", f"curl -f -m 1 {URL} || true"), Ruling.FAIL, "while every process of the service is frozen"),
        (("CMD-SHELL", "kill -0 1"), Ruling.FAIL, "while every process of the service is frozen"),
        (("CMD-SHELL", "test $(($(date +%s) - $(stat -c %Y /tmp/alive))) -le 2"), Ruling.PASS, "frozen"),
    ],
)
def test_a_health_check_that_cannot_fail_is_told(
    test: tuple[str, ...], ruling: Ruling, words: str, tmp_path: Path
) -> None:
    require(missing_program("curl"))
    check = Healthcheck(Sourced(test), interval=Sourced(1.0), timeout=Sourced(2.0))
    verdicts = told(node(tmp_path, BEATING, healthcheck=check), PROVED_BY["healthcheck-detects-failure"])
    verdict = verdicts["healthcheck-detects-failure"]
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_redis_and_its_ping_notice_a_frozen_server(tmp_path: Path) -> None:
    require(missing_program("redis-server"))
    check = Healthcheck(Sourced(("CMD", "redis-cli", "ping")), timeout=Sourced(2.0))
    of = service(tmp_path, {}, "redis-server", "--save", "", port=6379, healthcheck=check)
    assert (
        failed(told(of, [*RUNS, Scenario.FREEZE, Scenario.STAND_IN]), ["healthcheck-detects-failure", *CRASHES]) == []
    )


@pytest.mark.parametrize("init", [True, False])
def test_a_plain_node_server_crashes_honestly(init: bool, tmp_path: Path) -> None:
    assert failed(told(node(tmp_path, init=Sourced(init)), RUNS)) == []


MUTANTS = {
    "lives on": ("process.on('unhandledRejection', (error) => console.error(error));\n" + NODE, {}),
    "silent": ("process.on('uncaughtException', () => process.exit(1));\n" + NODE, {}),
    "clean": ("process.on('uncaughtException', (e) => { console.error(e); process.exit(0); });\n" + NODE, {}),
    "hangs": (f"if (process.env.DB_URL) {{ {NODE} }} else setInterval(() => {{}}, 1000);", DATABASE),
    "says 0": (f"if (!process.env.DB_URL) {{ console.log('no DB_URL'); process.exit(0); }}\n{NODE}", DATABASE),
    "no policy": (NODE, {"compose_file": "compose.yaml", "restart": None}),
    "one worker less": (
        f"const c = require('node:cluster'); if (c.isPrimary) {{ c.fork(); c.fork(); }} else {{ {NODE} }}",
        {},
    ),
}
BROKEN = {
    "lives on": ["dies-on-fatal-error"],
    "silent": ["dies-on-fatal-error"],
    "clean": ["exit-code-honest"],
    "hangs": ["no-crash-loop"],
    "says 0": ["no-crash-loop"],
    "no policy": ["recovers-from-crash"],
    "one worker less": ["recovers-from-crash", "no-crash-loop"],
}
"""The last one's primary ends with 0 when all its workers could not listen."""


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_mutant_fails_what_it_breaks_and_nothing_else(
    mutant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misfits, "BOUND", 5.0)
    monkeypatch.setattr(raising, "ENDS_WITHIN", 3.0)
    monkeypatch.setattr(crash, "REPLACED_WITHIN", 2.0)
    source, changes = MUTANTS[mutant]
    assert failed(told(node(tmp_path, source, **changes), RUNS)) == BROKEN[mutant]


def test_a_shell_that_ends_with_0_hides_the_crash(tmp_path: Path) -> None:
    require(missing_program("node"))
    of = service(tmp_path, {"server.js": NODE}, "/bin/sh", "-c", "node server.js; true")
    verdicts = told(of, RUNS)
    assert failed(verdicts) == ["exit-code-honest"]
    assert verdicts["no-crash-loop"].cause == "exit-code-honest"


STALE = """
import http.server, os, sys
if os.path.exists('/tmp/app.pid'):
    sys.exit('already running: /tmp/app.pid exists')
open('/tmp/app.pid', 'w').close()
http.server.ThreadingHTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_a_pid_file_of_the_crash_keeps_a_service_down(tmp_path: Path) -> None:
    of = service(tmp_path, {"server.py": STALE}, sys.executable, "server.py", port=8000)
    verdicts = told(of, RUNS)
    assert failed(verdicts) == ["recovers-from-crash"]
    assert any("/tmp/app.pid exists" in line for line in verdicts["recovers-from-crash"].evidence)


def test_gunicorn_replaces_a_worker(tmp_path: Path) -> None:
    gunicorn = Path(sys.executable).with_name("gunicorn")
    require("" if gunicorn.exists() else "gunicorn is not installed")
    app = "def app(environ, start):\n    start('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n"
    of = service(tmp_path, {"web.py": app}, str(gunicorn), "-w2", "-b", "0.0.0.0:8000", "web:app", port=8000)
    verdicts = told(of, RUNS)
    assert failed(verdicts) == []
    assert any("was replaced within" in line for line in verdicts["recovers-from-crash"].evidence)


LOGS = ("logs-to-stdout", "logs-structured", "logs-carry-correlation")
LOGGING = """
const fs = require('node:fs');
const line = (id) => JSON.stringify({ level: 'info', time: Date.now(), message: 'request', id });
require('node:http').createServer((q, s) => { log(line(q.headers['x-request-id'])); s.end('ok'); }).listen(3000);
"""
LOGGERS = {
    "good": ("const log = (line) => console.log(line);", []),
    "text": ("const log = (line) => console.log('GET / ' + JSON.parse(line).id);", ["logs-structured"]),
    "no id": ("const log = (line) => console.log(line.replace(/,.id.*$/, '}'));", ["logs-carry-correlation"]),
    "a file besides": (
        "const log = (line) => { console.log(line); fs.appendFileSync('/var/log/app', line); };",
        ["logs-to-stdout"],
    ),
    "a database besides": (
        "const db = require('node:fs').openSync('/tmp/notes.db', 'a');"
        "const log = (line) => { console.log(line); fs.writeSync(db, 'x'); };",
        [],
    ),
}


@pytest.mark.parametrize("logger", LOGGERS)
def test_logs_under_load_are_told_by_what_is_wrong_with_them(logger: str, tmp_path: Path) -> None:
    source, expected = LOGGERS[logger]
    verdicts = told(node(tmp_path, source + LOGGING), {Scenario.LOAD})
    assert failed(verdicts, LOGS) == expected


def test_a_kill_for_memory_under_load_is_told_from_any_other(tmp_path: Path) -> None:
    limits = Limits(memory=Sourced(128 << 20), memory_swap=Sourced(128 << 20))
    greedy = "const kept = []; const log = () => kept.push(Buffer.alloc(8 << 20, 1));" + LOGGING
    verdicts = told(node(tmp_path, greedy, limits=limits), {Scenario.LOAD})
    assert verdicts["survives-memory-limit"].ruling is Ruling.FAIL, verdicts["survives-memory-limit"]
    assert "out-of-memory kill" in verdicts["survives-memory-limit"].summary


CONFINED = ("non-root-user", "read-only-root")
ANSWER = "require('node:http').createServer((q, s) => { write(); s.end('ok'); }).listen(3000);"
WRITERS = {
    "nothing": ("const write = () => {};", {}, ["non-root-user"]),
    "as a user": ("const write = () => {};", {"user": Sourced("1000:1000")}, []),
    "to /tmp": ("const write = () => require('node:fs').appendFileSync('/tmp/x', 'x');", {"user": Sourced("1000")}, []),
    "at its start": ("require('node:fs').writeFileSync('pid', '1'); const write = () => {};", {}, [*CONFINED]),
    "in silence": (
        "const write = () => { try { require('node:fs').appendFileSync('cache.json', 'x'); } catch {} };",
        {},
        [*CONFINED],
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_needs_root_or_writes_to_its_root_is_told(writer: str, tmp_path: Path) -> None:
    source, changes, expected = WRITERS[writer]
    tmp_path.chmod(0o755)
    verdicts = told(node(tmp_path, source + ANSWER, **changes), {Scenario.LOAD, Scenario.NON_ROOT, Scenario.READ_ONLY})
    assert failed(verdicts, CONFINED) == expected
    if writer == "at its start":
        assert "it ended with 1" in verdicts["non-root-user"].summary
        assert "it writes pid" in verdicts["read-only-root"].summary


def test_a_declared_read_only_root_is_tried_at_work(tmp_path: Path) -> None:
    source = "const write = () => require('node:fs').appendFileSync('data.txt', 'x');" + ANSWER.replace(
        "write();", "try { write(); } catch (e) { console.error(e.message); s.statusCode = 500; }"
    )
    verdict = told(node(tmp_path, source, read_only=Sourced(True)), {Scenario.LOAD})["read-only-root"]
    assert (verdict.ruling, "it writes data.txt" in verdict.summary) == (Ruling.FAIL, True), verdict


def test_what_the_drill_itself_started_again_is_not_proved_to_come_back(tmp_path: Path) -> None:
    verdict = told(node(tmp_path, restart=None), PROVED_BY["recovers-from-crash"])["recovers-from-crash"]
    assert (verdict.ruling, verdict.summary[:11]) == (Ruling.NOT_PROVED, "ready again"), verdict


RESETTING = """
require('node:http').createServer((request, response) => {
  response.on('finish', () => setTimeout(() => request.socket.resetAndDestroy(), 30));
  response.end('ok');
}).listen(3000);
process.on('SIGTERM', () => process.exit(0));
"""


def test_connections_that_are_reset_whenever_they_are_idle_are_not_drained(tmp_path: Path) -> None:
    verdict = told(node(tmp_path, RESETTING, init=Sourced(True)), {Scenario.STOP})["keep-alive-drained"]
    assert (verdict.ruling, "reset (RST), before the signal already" in verdict.summary) == (Ruling.FAIL, True), verdict


@pytest.mark.parametrize(
    ("mounts", "ruling"), [((SCRATCH,), Ruling.PASS), ((), Ruling.FAIL)], ids=["tmpfs", "own layer"]
)
def test_what_a_crash_leaves_in_a_tmpfs_is_gone_at_the_next_start(
    mounts: tuple[Sourced[Mount], ...], ruling: Ruling, tmp_path: Path
) -> None:
    source = f"const fs = require('fs'); fs.writeFileSync('/tmp/pid', '', {{ flag: 'wx' }});{NODE}"
    verdicts = told(node(tmp_path, source, mounts=mounts), PROVED_BY["recovers-from-crash"])
    assert verdicts["recovers-from-crash"].ruling is ruling, verdicts["recovers-from-crash"]
