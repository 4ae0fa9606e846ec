"""Drills of real servers in real namespaces: one does all right, one does nothing, others never get that far.

Node is needed for the servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Healthcheck, Limits, Service
from seatrial.model.verdict import Ruling
from tests.requirements import missing_program, require

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
]

DRAINING = """
const http = require('node:http');
const log = (message, id) => console.log(JSON.stringify({ level: 'info', time: Date.now(), message, id }));
const sockets = new Map();
let stopping = false;
const server = http.createServer((request, response) => {
  sockets.set(request.socket, (sockets.get(request.socket) ?? 0) + 1);
  if (stopping) response.setHeader('Connection', 'close');
  response.on('close', () => {
    sockets.set(request.socket, sockets.get(request.socket) - 1);
    if (stopping) request.socket.end();
  });
  const answer = () => {
    if (stopping) response.setHeader('Connection', 'close');
    response.end('ok');
    log(request.url, request.headers['x-request-id']);
  };
  request.url === '/slow' ? setTimeout(answer, 1500) : answer();
});
server.on('connection', (socket) => {
  sockets.set(socket, 0);
  socket.on('close', () => sockets.delete(socket));
});
const stop = () => {
  if (stopping) return;
  stopping = true;
  server.close(() => log('stopped'));
  setTimeout(() => { for (const [socket, busy] of sockets) if (!busy) socket.destroySoon(); }, 200).unref();
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
server.listen(3000, () => log('listening'));
"""
PLAIN = """
require('node:http').createServer((request, response) => {
  request.url === '/slow' ? setTimeout(() => response.end('ok'), 1500) : response.end('ok');
}).listen(3000);
"""
SLOW = Candidates(slow=(Candidate("/slow", "tests"),))
TRIES = 3


@pytest.fixture(autouse=True)
def _node() -> None:
    require(missing_program("node"))


def server(folder: Path, source: str, *, init: bool = True, grace: float = 5.0, **changes: object) -> Service:
    """A node program as a service."""
    (folder / "server.js").write_text(source, encoding="utf-8")
    values = {"init": Sourced(init), "stop_grace": Sourced(grace), "workdir": Sourced("/srv/trial"), **changes}
    return Service("trial", str(folder), Sourced(("node", "server.js")), **values)  # type: ignore[arg-type]


def drilled(service: Service, options: DrillOptions | None = None) -> Recording:
    """The recording of a drill on the native engine."""
    return asyncio.run(drill(service, NativeEngine(), options or DrillOptions(candidates=SLOW)))


def rulings(recording: Recording) -> dict[str, tuple[Ruling, str]]:
    """Every verdict's ruling and summary by name."""
    return {verdict.requirement: (verdict.ruling, verdict.summary) for verdict in judge(recording)}


ASKED = (
    "fetch('http://127.0.0.1:3000/', { signal: AbortSignal.timeout(1000) })"
    ".then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"
)
CHECKED = Healthcheck(Sourced(("CMD", "node", "-e", ASKED)), timeout=Sourced(2.0))


RIGHT = {
    "healthcheck": CHECKED,
    "limits": Limits(memory=Sourced(256 << 20), memory_swap=Sourced(256 << 20), pids=Sourced(128)),
    "user": Sourced("1000:1000"),
    "restart": Sourced("unless-stopped"),
}
NOT_ASKED = frozenset({"image-size", "healthcheck-tool-present", "healthcheck-port"})
"""Of what has no image and no health check."""
NOT_APPLICABLE = frozenset(
    {
        "grace-period-fits",  # it answers without waiting for a body
        "image-size",  # no image
        "liveness-is-shallow",  # nothing that it depends on, and no paths that tell how it is
        "readiness-is-deep",
        "readiness-flips-first",
        "tolerates-lb-lag",  # no lag to hold it against
        "work-finished-or-returned",  # no worker
    }
)


def test_a_server_that_drains_passes_everything(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for _ in range(TRIES):
        told = rulings(drilled(server(tmp_path, DRAINING, **RIGHT)))
        others = {name: told[name] for name in told.keys() - NOT_APPLICABLE if told[name][0] is not Ruling.PASS}
        if not [said for said in others.values() if said[0] is Ruling.NOT_PROVED]:
            break  # only what a disturbed machine kept from being proved is tried again
    assert others == {}


def test_a_server_without_a_handler_is_killed_as_pid_one_and_drops_all_under_an_init(tmp_path: Path) -> None:
    stop = DrillOptions(candidates=SLOW, only=frozenset({Scenario.STOP}))
    bare = rulings(drilled(server(tmp_path, PLAIN, init=False, grace=3.0), stop))
    assert bare["handles-sigterm"][0] is Ruling.FAIL
    assert bare["stops-in-time"][0] is Ruling.FAIL
    assert bare["in-flight-finish"][0] is Ruling.PASS
    under = rulings(drilled(server(tmp_path, PLAIN, init=True, grace=3.0), stop))
    assert "default action" in under["handles-sigterm"][1]
    assert under["stops-in-time"][0] is Ruling.PASS
    assert under["in-flight-finish"][0] is Ruling.FAIL


def test_a_service_that_exits_at_once_is_told_with_its_own_words(tmp_path: Path) -> None:
    recording = drilled(server(tmp_path, "console.error('no database'); process.exit(3)"))
    verdicts = judge(recording)
    assert {each.ruling for each in verdicts if each.requirement not in NOT_ASKED} == {Ruling.NOT_PROVED}
    assert "exited with 3" in verdicts[0].summary
    assert "stderr: no database" in verdicts[0].evidence


def test_a_service_that_never_listens_ends_within_the_time_given(tmp_path: Path) -> None:
    begun = time.monotonic()
    recording = drilled(server(tmp_path, "setInterval(() => {}, 1000)"), DrillOptions(ready_timeout=2.0))
    assert time.monotonic() - begun < 20
    told = [verdict for verdict in judge(recording) if verdict.requirement not in NOT_ASKED]
    assert {verdict.ruling for verdict in told} == {Ruling.NOT_PROVED}
    assert recording.runs[0].readiness.detail == "nothing listens"


INTERRUPTED = """
import asyncio, sys
from seatrial.drill.options import DrillOptions, Stage
from seatrial.drill.trial import drill
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Limits, Service

def tell(step):
    if step.stage is Stage.SIGNALLED:
        print("signalled", flush=True)

service = Service("trial", sys.argv[1], Sourced(("node", "server.js", sys.argv[2])), workdir=Sourced("/srv/trial"),
                  stop_grace=Sourced(60.0))
asyncio.run(drill(service, NativeEngine(), DrillOptions(), tell))
"""


def running(marker: str) -> list[str]:
    """The processes of this machine with a word in their command, but for the one that looks."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if marker.encode() in words and int(path.parent.name) != os.getpid():
                found.append(path.parent.name)
    return found


def test_control_c_in_the_middle_leaves_no_process_behind(tmp_path: Path) -> None:
    (tmp_path / "server.js").write_text(PLAIN, encoding="utf-8")
    marker = f"drill-{os.getpid()}-{time.monotonic_ns()}"
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path), marker],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "signalled\n"
        assert len(running(marker)) >= 2, "the service does not run: nothing would be proved"
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in complaints
    assert running(marker) == []
