"""Whole drills on both engines, requirement by requirement: what the native engine says, Docker says as well.

A service is drilled as it is, or *fitted* with all that its files could say (health check, restart policy, limits, a
setting of its own), so that every run applies; *strict* is without root and with a read-only root, *lag* with a
balancer that learns of the stop half a second late. A few run with the other slow tests; all do with
SEATRIAL_ALL_SERVERS=1 (a quarter of an hour, on a busy machine).
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.spoiled import BUSY
from seatrial.drill.trial import drill
from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Engine
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Scenario
from seatrial.model.service import Dependency, Healthcheck, Limits, Mount, Port, Service, Ulimit
from seatrial.model.verdict import Ruling, Verdict
from tests.drill.acts.test_real_surroundings import STATE, WORKER
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import new_engine as new_engine
from tests.engine.docker.conftest import on_host_files
from tests.requirements import is_too_busy, missing_program, require
from tests.trials.conftest import missing, not_measured, service
from tests.trials.test_on_docker import OTHERS, other
from tests.trials.test_servers import TRIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ALL = bool(os.environ.get("SEATRIAL_ALL_SERVERS"))
LAG = 0.5
WHOLE: Mapping[str, frozenset[str]] = {
    "node plain": frozenset({"fitted"}),
    "node server.close": frozenset({"fitted", "init"}),
    "node exit at once": frozenset({"fitted", "init"}),
    "express close": frozenset({"fitted", "strict", "lag"}),
    "fastify close-with-grace": frozenset(),
    "stoppable": frozenset({"fitted", "lag"}),
    "npm start": frozenset({"fitted"}),
    "bash -c list": frozenset({"fitted"}),
    "wrapper": frozenset({"init"}),
    "uvicorn": frozenset({"fitted", "lag"}),
    "gunicorn uvicorn worker": frozenset({"fitted", "strict"}),
    "hypercorn": frozenset(),
    "waitress": frozenset({"fitted"}),
    "aiohttp": frozenset({"fitted", "init"}),
    "http.server": frozenset({"fitted", "init"}),
    "nginx, QUIT": frozenset({"fitted"}),
    "redis": frozenset({"fitted"}),
    "postgres, INT": frozenset({"fitted"}),
}
"""The services, and how each is drilled."""
FEW = ("http.server",)
ONE_SIDED: Mapping[str, tuple[Ruling, Ruling, str]] = {
    "image-size": (Ruling.SKIPPED, Ruling.PASS, "only an engine that has an image can measure it"),
    "healthcheck-tool-present": (
        Ruling.SKIPPED,
        Ruling.PASS,
        "what an image has is known where there is one",
    ),
}
"""What can't be the same: the rulings on the native engine and on Docker, and why."""
_AT_ONCE = "it ends within milliseconds, and what falls into them is chance"
_QUICK = dict.fromkeys(("refuses-late-connections", "tolerates-lb-lag", "announces-close"), _AT_ONCE)
_HALFWAY = "npm ends half a second after the signal, in the middle of what takes 0.8 s"
_NPM_LOG = "npm fails a second time to look for its own updates 10 s after its start, and writes that to a file"
BY_CHANCE: Mapping[str, Mapping[str, str]] = {
    "node exit at once": _QUICK,
    "http.server": _QUICK,
    "wrapper": _QUICK,
    "nginx, QUIT": _QUICK,
    "npm start": {
        **dict.fromkeys(("in-flight-finish", "second-signal-safe"), _HALFWAY),
        **dict.fromkeys(("logs-to-stdout", "read-only-root"), _NPM_LOG),
    },
    "waitress": {"rollout-drops-nothing": "it is ended by SIGKILL: before an answer, or in the middle of one"},
}
"""What is one way or the other on each engine, by what the server is: its requirements, and why."""
ASKS = r"exec 3<>/dev/tcp/127.0.0.1/3000 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && grep -q ' 200 OK' <&3"
"""A health check that needs nothing but what every one of these images has."""


def fitted(of: Service) -> Service:
    """The service with all that its files could say."""
    check = Healthcheck(
        Sourced(("CMD", "/bin/bash", "-c", ASKS)), Sourced(5.0), Sourced(2.0), Sourced(10.0), retries=Sourced(3)
    )
    memory, files = Sourced(512 << 20), Sourced(Ulimit("nofile", 4096, 4096))
    return replace(
        of,
        healthcheck=of.healthcheck or check,
        restart=Sourced("unless-stopped"),
        ports=(Sourced(Port(3000)),),
        environment={**of.environment, "GREETING": Sourced("hello")},
        limits=Limits(memory=memory, memory_swap=memory, pids=Sourced(128), ulimits=(files,)),
    )


def strict(of: Service) -> Service:
    """The service without root, on a root that can't be written to."""
    scratch = of.mounts or (Sourced(Mount("tmpfs", "", "/tmp")),)
    return replace(of, user=Sourced("1000:1000"), read_only=Sourced(True), mounts=scratch)


def subject(name: str, how: frozenset[str]) -> Service:
    """A service of the table, or one of Debian's own, as it is drilled here."""
    of = other(name) if name in OTHERS else service(name, init="init" in how)
    for word, change in (("fitted", fitted), ("strict", strict)):
        of = change(of) if word in how else of
    return of


async def drilled(of: Service, engine: Engine, options: DrillOptions) -> dict[str, Verdict]:
    async with engine.prepared(of) as ready:
        recording = await drill(ready, engine, options, lambda _: None)
    return {verdict.requirement: verdict for verdict in judge(recording)}


Sides = tuple[Mapping[str, Verdict], Mapping[str, Verdict]]
"""The verdicts of a drill on the native engine, and on Docker."""


def _told(verdict: Verdict) -> str:
    return f"{verdict.ruling.value} ({verdict.summary}) {verdict.evidence}"


def unlike(name: str, native: Mapping[str, Verdict], docker: Mapping[str, Verdict]) -> dict[str, str]:
    """The requirements of a service whose rulings are not as they should be, with a line each."""
    assert native.keys() == docker.keys()
    found: dict[str, str] = {}
    for each, here in native.items():
        there = docker[each]
        is_as_wanted = (here.ruling, there.ruling) == ONE_SIDED.get(each, ())[:2]
        if here.ruling is not there.ruling and not is_as_wanted and each not in BY_CHANCE.get(name, {}):
            found[each] = f"{each}: native {_told(here)}; docker {_told(there)}"
    return found


def _is_disturbed(line: str) -> bool:
    return f"{Ruling.NOT_PROVED.value} (" in line and any(word in line for word in BUSY)


def flipped(name: str, told: Sequence[Sides]) -> set[str]:
    """The requirements that an engine once passed and once failed, but for those that chance decides."""
    found = {
        each
        for side in (0, 1)
        for each in told[0][side]
        if {Ruling.PASS, Ruling.FAIL} <= {sides[side][each].ruling for sides in told}
    }
    return found - BY_CHANCE.get(name, {}).keys()


def compared(name: str, both: Callable[[], Sides], record_property: Callable[[str, object], None]) -> None:
    """Drill until each requirement was the same on both once: a busy machine can disturb a run. What it keeps from
    being proved each time, and says so, is no difference; that a verdict turns into its opposite on a calm one is."""
    told: list[Sides] = []
    tries: list[dict[str, str]] = []
    left: set[str] | None = None
    while len(tries) < TRIES and left != set():
        told.append(both())
        tries.append(unlike(name, *told[-1]))
        left = set(tries[-1]) if left is None else left & set(tries[-1])
    record_property("tries", len(tries))
    wrong = {each for each in left or () if not _is_disturbed(tries[-1][each])}
    wrong |= set() if is_too_busy() else flipped(name, told)
    assert not wrong, "\n".join(line for found in tries for line in ["— a try —", *found.values()])


@pytest.mark.parametrize("name", WHOLE if ALL else FEW)
def test_a_whole_drill_has_the_same_verdicts_on_both_engines(
    name: str,
    new_engine: Callable[..., DockerEngine],
    host_image: str,
    record_property: Callable[[str, object], None],
) -> None:
    if name not in OTHERS:
        require(missing(name) or not_measured(name))
    of = subject(name, WHOLE[name])
    lag = LAG if "lag" in WHOLE[name] else 0.0
    options = DrillOptions(candidates=Candidates(slow=(Candidate("/slow", "tests"),)), lag=lag)

    def both() -> Sides:
        native = asyncio.run(drilled(of, NativeEngine(), options))
        return native, asyncio.run(drilled(on_host_files(of, host_image), new_engine(), options))

    compared(name, both, record_property)


# --- a queue worker ---

HANDLERS = {"finishes": ("stopping.append(1)", Ruling.PASS), "drops": ("os._exit(0)", Ruling.FAIL)}


def worker(folder: Path, handler: str) -> Service:
    """A worker on a queue that compose calls `queue`."""
    program = WORKER.replace("HANDLER", handler).replace('"redis-cli", ', '"redis-cli", "-h", "queue", ')
    (folder / "worker.py").write_text(program, encoding="utf-8")
    return Service(
        name="worker",
        context=str(folder),
        argv=Sourced((sys.executable, "worker.py")),
        workdir=Sourced("/srv/trial"),
        environment={"REDIS_URL": Sourced("redis://queue:6379"), "PYTHONDONTWRITEBYTECODE": Sourced("1")},
        healthcheck=Healthcheck(Sourced(("CMD", "true"))),
        depends_on=(Sourced(Dependency("helper")), Sourced(Dependency("queue", "service_healthy"))),
    )


def helper(folder: Path) -> Service:
    """What the worker depends on besides, and first: the job's queue is not in its network."""
    return Service("helper", str(folder), Sourced(("sleep", "999")), workdir=Sourced("/srv/trial"))


def queue(folder: Path) -> Service:
    """What the worker depends on, where the engine starts it."""
    argv = ("redis-server", "--save", "", "--dir", "/tmp", "--protected-mode", "no")
    check = Healthcheck(Sourced(("CMD", "redis-cli", "ping")), Sourced(0.2))
    return Service("queue", str(folder), Sourced(argv), workdir=Sourced("/srv/trial"), healthcheck=check)


@pytest.mark.parametrize("handler", HANDLERS if ALL else ["drops"])
def test_what_becomes_of_a_job_in_hand_is_the_same_on_both_engines(
    handler: str, new_engine: Callable[..., DockerEngine], host_image: str, tmp_path: Path
) -> None:
    require(missing_program("redis-server"))
    source, wanted = HANDLERS[handler]
    of = worker(tmp_path, source)
    options = DrillOptions(only=frozenset({Scenario.WORK}), job="redis-cli LPUSH jobs 7", job_state=STATE)
    engine = new_engine(others=[on_host_files(one, host_image) for one in (helper(tmp_path), queue(tmp_path))])
    native = asyncio.run(drilled(of, NativeEngine(), options))["work-finished-or-returned"]
    docker = asyncio.run(drilled(on_host_files(of, host_image), engine, options))["work-finished-or-returned"]
    assert (native.ruling, docker.ruling) == (wanted, wanted), (native, docker)


def test_a_job_whose_queue_is_out_of_reach_is_skipped_with_the_reason(
    new_engine: Callable[..., DockerEngine], host_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DockerEngine, "enters", property(lambda _self: False))
    options = DrillOptions(only=frozenset({Scenario.WORK}), job="redis-cli LPUSH jobs 7", job_state=STATE)
    of = replace(worker(tmp_path, "os._exit(0)"), depends_on=())
    verdict = asyncio.run(drilled(on_host_files(of, host_image), new_engine(), options))["work-finished-or-returned"]
    assert (verdict.ruling, "as root on the engine's own machine" in verdict.summary) == (Ruling.SKIPPED, True), verdict
