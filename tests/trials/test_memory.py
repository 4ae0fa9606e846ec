"""A proposed memory limit is run, on both engines: one that a service lives with, one that it doesn't, and one where
none can be set.

What a peak without a limit can't tell is what a service does where it finds one, as those do that size their caches by
it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Engine
from seatrial.engine.native import NativeEngine, cgroups
from seatrial.model.advice import Advice, Setting, advise
from seatrial.model.memory import MIB, tries
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Mount, Service
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import new_engine as new_engine
from tests.engine.docker.conftest import on_host_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
RUNS = frozenset({Scenario.LOAD, Scenario.MEMORY, Scenario.MORE_MEMORY})
ATTEMPTS = 5
SERVER = """
import glob, http.server

kept = bytes([1]) * ({own} << 20)
said = [open(path).read().strip() for path in glob.glob("/sys/fs/cgroup/memory/memory.limit_in_bytes")
        + glob.glob("/sys/fs/cgroup/memory.max")]
limited = any(each.isdigit() and int(each) < 1 << 40 for each in said)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self):
        Handler.asked += 1
        if Handler.asked == 20 and limited:
            with open("/tmp/spilled", "wb") as file:
                for _ in range({spilled}):
                    file.write(kept[:1 << 20])
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
"""
OWN = 60
"""MiB of its own: with the interpreter a limit of 112 or 128 MiB is proposed, and then one of 176 or 192."""
LIVES, MORE, NONE = 0, 80, 400
"""MiB that it puts into its tmpfs where it is limited: it lives at the first limit, at the second, at neither."""


def server(folder: Path, spilled: int) -> Service:
    """A server of so much memory; where it is limited, it puts so much into its tmpfs after some requests."""
    (folder / "server.py").write_text(SERVER.format(own=OWN, spilled=spilled), encoding="utf-8")
    tmpfs = Sourced(Mount("tmpfs", "", "/tmp"))
    argv, workdir = Sourced((sys.executable, "server.py")), Sourced("/srv/trial")
    return Service("trial", str(folder), argv, workdir=workdir, mounts=(tmpfs,), stop_grace=Sourced(2.0))


async def _trial(of: Service, engine: Engine) -> Recording:
    async with engine.prepared(of) as ready:
        return await drill(ready, engine, DrillOptions(only=RUNS, ready_timeout=30.0))


def trial(of: Service, engine: Callable[[], Engine]) -> tuple[Recording, Advice]:
    """A drill, and what it advises on the memory limit. It is done again where a busy machine left something open."""
    for _ in range(ATTEMPTS):
        recording = asyncio.run(_trial(of, engine()))
        if all(each.lived is not None for each in tries(recording)):
            break
    return recording, next(each for each in advise(recording) if each.setting is Setting.MEMORY_LIMIT)


def proved(recording: Recording, advice: Advice, spilled: int) -> None:
    """What was tried is what that much in a tmpfs allows, and the advice says so."""
    lived = {LIVES: [True], MORE: [False, True], NONE: [False, False]}[spilled]
    found = tries(recording)
    assert [each.lived for each in found] == lived, found
    assert ("ran under load at that limit: no kill for memory, answers as before (p95" in advice.figure) is lived[-1]
    assert advice.value == (found[-1].limit if lived[-1] else None)
    for each in found[: lived.count(False)]:
        assert f"{each.limit / MIB:.0f} MiB was not enough: {each.words}" in advice.figure
        assert "out-of-memory kill" in each.words
    assert not any(line.endswith("MiB: cgroup1") for line in recording.machine.enforcement), "none was declared"
    survives = next(verdict for verdict in judge(recording) if verdict.requirement == "survives-memory-limit")
    assert survives.summary == "no memory limit is declared, so there is none to survive"


@pytest.mark.parametrize("spilled", [LIVES, MORE, NONE])
def test_the_limit_that_is_proposed_is_one_that_it_lived_with(spilled: int, tmp_path: Path) -> None:
    proved(*trial(server(tmp_path, spilled), NativeEngine), spilled)


def test_on_docker_it_is_the_containers_own_limit(
    new_engine: Callable[..., DockerEngine], host_image: str, tmp_path: Path
) -> None:
    proved(*trial(on_host_files(server(tmp_path, MORE), host_image), new_engine), MORE)


def test_where_no_controller_enforces_it_nothing_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_make_folder", lambda *_, **__: "")
    recording, advice = trial(server(tmp_path, NONE), NativeEngine)
    assert recording.run(Scenario.LOAD) is not None
    assert (recording.run(Scenario.MEMORY), recording.run(Scenario.MORE_MEMORY)) == (None, None)
    assert "not run at that limit: a memory limit is not enforced by the kernel here (rlimit" in advice.figure
