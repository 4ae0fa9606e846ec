"""The same servers on Docker: the verdicts there are those of the native engine's table, and of nginx, PostgreSQL and
Redis what the native engine finds in the same test.

A few run with the other slow tests; all do with SEATRIAL_ALL_SERVERS=1 (a quarter of an hour, on a busy machine).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest

from seatrial.drill.acts.table import ACTS
from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.trial import drill
from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Engine
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording
from seatrial.model.service import Healthcheck, Mount, Service
from seatrial.model.verdict import Ruling, Verdict
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import new_engine as new_engine
from tests.engine.docker.conftest import on_host_files
from tests.requirements import is_too_busy, missing_program, require
from tests.trials.conftest import SERVERS, missing, not_measured, service
from tests.trials.test_servers import COLUMNS, ROWS, TRIES, tried

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ALL = bool(os.environ.get("SEATRIAL_ALL_SERVERS"))
FEW = {("node server.close", "bare"), ("stoppable", "init"), ("uvicorn", "init"), ("waitress", "bare")}
CHOSEN = [row for row in ROWS if ALL or row[:2] in FEW]
_POSTGRES = (
    "PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; initdb -D /tmp/data -U postgres >/dev/null && "
    "exec postgres -D /tmp/data -p 3000 -c unix_socket_directories=/tmp"
)
_NGINX = ("nginx", "-c", "/srv/trial/nginx.conf")
_REDIS = ("redis-server", "--port", "3000", "--save", "", "--dir", "/tmp")
_SHELL = ("/bin/sh", "-c", _POSTGRES)
OTHERS: Mapping[str, tuple[tuple[str, ...], str, str, str]] = {
    "nginx, TERM": (_NGINX, "SIGTERM", "", ""),
    "nginx, QUIT": (_NGINX, "SIGQUIT", "", ""),
    "redis": (_REDIS, "SIGTERM", "", "redis-cli -p 3000 ping"),
    "postgres, TERM": (_SHELL, "SIGTERM", "postgres", "pg_isready -h 127.0.0.1 -p 3000"),
    "postgres, INT": (_SHELL, "SIGINT", "postgres", "pg_isready -h 127.0.0.1 -p 3000"),
}
"""Argv, stop signal, user and health check of each of Debian's own."""
FEW_OTHERS = ("nginx, QUIT", "redis")


def other(name: str) -> Service:
    argv, stop_signal, user, check = OTHERS[name]
    require(next(filter(None, map(missing_program, ("nginx", "redis-server", "pg_ctlcluster"))), ""))
    return Service(
        name=name,
        context=str(SERVERS),
        argv=Sourced(argv),
        workdir=Sourced("/srv/trial"),
        user=Sourced(user) if user else None,
        stop_signal=Sourced(stop_signal),
        stop_grace=Sourced(3.0),
        mounts=(Sourced(Mount("tmpfs", "", "/tmp")),),  # PostgreSQL's last checkpoint is a matter of the disk
        healthcheck=Healthcheck(Sourced(("CMD-SHELL", check))) if check else None,
    )


async def trial(subject: Service, engine: Engine) -> tuple[Recording, tuple[Verdict, ...]]:
    """Drill a server on an engine, and judge."""
    options = DrillOptions(candidates=Candidates(slow=(Candidate("/slow", "tests"),)), skip=frozenset(ACTS))
    async with engine.prepared(subject) as ready:
        recording = await drill(ready, engine, options, lambda _: None)
    return recording, judge(recording)


@pytest.mark.parametrize(("name", "init", "letters", "codes"), CHOSEN, ids=[f"{row[0]} {row[1]}" for row in CHOSEN])
def test_the_verdicts_on_docker_are_those_of_the_table(
    name: str,
    init: str,
    letters: str,
    codes: str,
    new_engine: Callable[..., DockerEngine],
    host_image: str,
    record_property: Callable[[str, object], None],
) -> None:
    require(missing(name) or not_measured(name))
    subject = on_host_files(service(name, init=init == "init"), host_image)
    tried(lambda: asyncio.run(trial(subject, new_engine())), letters, codes, record_property)


@pytest.mark.parametrize("name", OTHERS if ALL else FEW_OTHERS)
def test_debians_own_servers_have_the_same_verdicts_on_both_engines(
    name: str, new_engine: Callable[..., DockerEngine], host_image: str
) -> None:
    subject = other(name)
    for left in reversed(range(TRIES)):
        _, native = asyncio.run(trial(subject, NativeEngine()))
        _, docker = asyncio.run(trial(on_host_files(subject, host_image), new_engine()))
        if not (wrong := _unlike(native, docker)) or not left or not is_too_busy():
            break
    assert wrong == []


def _unlike(native: tuple[Verdict, ...], docker: tuple[Verdict, ...]) -> list[str]:
    """The verdicts of the stop that contradict each other, a line each. Not proved on one side is no contradiction:
    what ends within milliseconds leaves little time for a connection to come."""
    known = {verdict.requirement: verdict for verdict in native}
    return [
        f"{each.requirement}: native {known[each.requirement].ruling.value} ({known[each.requirement].summary}), "
        f"docker {each.ruling.value} ({each.summary})"
        for each in docker
        if each.requirement in COLUMNS and {each.ruling, known[each.requirement].ruling} == {Ruling.PASS, Ruling.FAIL}
    ]
