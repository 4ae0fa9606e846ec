"""Services with real clients of real databases: each is cut off, slow and back, and the verdicts are about the service.

On the native engine this machine's database stands in; on Docker there is a container of its own. A few run with the
other slow tests, all with SEATRIAL_ALL_SERVERS=1.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from seatrial.drill import standing
from seatrial.drill.acts import dependency
from seatrial.drill.judge import judge
from seatrial.drill.options import Candidate, Candidates, DrillOptions
from seatrial.drill.programs import PROGRAMS, Program, lacking
from seatrial.drill.trial import drill
from seatrial.engine.docker import DockerEngine
from seatrial.engine.interface import Engine
from seatrial.engine.native import NativeEngine
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario
from seatrial.model.service import Dependency, Healthcheck, Port, Service
from seatrial.model.verdict import Ruling, Verdict
from tests.engine.docker.conftest import host_image as host_image
from tests.engine.docker.conftest import new_engine as new_engine
from tests.engine.docker.conftest import on_host_files
from tests.requirements import missing_module, missing_program, require
from tests.trials.conftest import SERVERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
ALL = bool(os.environ.get("SEATRIAL_ALL_SERVERS"))
NAMES = ("liveness-is-shallow", "readiness-is-deep")
CANDIDATES = Candidates(liveness=(Candidate("/live", "tests"),), readiness=(Candidate("/ready", "tests"),))
URL = "postgresql://app:any@db/shop"
KINDS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("node", "good"): ("", ""),
    ("node", "dies"): ("liveness-is-shallow", "ended with 1 when a dependency was cut off"),
    ("node", "never back"): ("readiness-is-deep", "does not say yes again after db:5432 is back"),
    ("python", "good"): ("", ""),
    ("python", "hangs"): ("readiness-is-deep", "hangs instead of saying no while db:5432 does not answer"),
}
"""What fails, and why."""
FEW = (("node", "dies"), ("python", "good"))


def served(argv: tuple[str, ...], variables: Mapping[str, str]) -> Service:
    return Service(
        name="dependent",
        context=str(SERVERS),
        argv=Sourced(argv),
        workdir=Sourced("/srv/trial"),
        environment={name: Sourced(value) for name, value in variables.items()},
        ports=(Sourced(Port(3000)),),
        depends_on=(Sourced(Dependency("db")),),
    )


def pooled(language: str, kind: str) -> Service:
    """A service that depends on a database."""
    require(lacking(PROGRAMS["postgres"]))
    if language == "node":
        here = (SERVERS / "node_modules" / "pg").is_dir()
        require(
            missing_program("node") or ("" if here else "the npm packages of tests/trials/servers are not installed")
        )
    else:
        require(missing_module("psycopg") or missing_module("aiohttp"))
    argv = ("node", "pooled.js") if language == "node" else (sys.executable, "pooled.py")
    variables = {"DATABASE_URL": URL, "KIND": kind, "PYTHONDONTWRITEBYTECODE": "1"}
    return served(argv, variables)


def startup(user: str, database: str) -> bytes:
    """PostgreSQL's first message, to which it answers that it is ready where both exist."""
    said = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database, ""))
    return (len(said) + 8).to_bytes(4) + (196_608).to_bytes(4) + said


PROTOCOLS: Mapping[str, tuple[str, int, bytes, bytes]] = {
    "redis": ("redis://db", 6379, b"PING\r\n", b"+PONG"),
    "postgres": ("postgres://sea%20man:x@db/the%20%22best%22", 5432, startup("sea man", 'the "best"'), b"Z\0\0\0\5I"),
    "mysql": ("mysql://any:x@db/shop", 3306, b"", b"MariaDB"),
    "memcached": ("memcached://db", 11211, b"version\r\n", b"VERSION"),
    "nats": ("nats://db", 4222, b"", b"INFO {"),
    "http": ("http://db", 80, b"GET / HTTP/1.0\r\n\r\n", b"200 OK"),
}
"""The URL of each kind, its port, what is said to it and what it answers."""


def greeting(kind: str) -> Service:
    """A service that says so much to what it depends on, without a client library."""
    url, port, hello, answer = PROTOCOLS[kind]
    variables = {"DEPENDENCY_URL": url, "AT": str(port), "HELLO": hello.hex(), "ANSWER": answer.hex()}
    return served((sys.executable, "greets.py"), variables)


def drilled(subject: Service, engine: Engine) -> tuple[Recording, dict[str, Verdict]]:
    """Cut off what it depends on, and judge."""

    async def whole() -> Recording:
        async with engine.prepared(subject) as ready:
            options = DrillOptions(only=frozenset({Scenario.DEPENDENCY}), candidates=CANDIDATES)
            return await drill(ready, engine, options)

    recording = asyncio.run(whole())
    return recording, {verdict.requirement: verdict for verdict in judge(recording)}


def is_as_expected(verdicts: Mapping[str, Verdict], name: str, words: str) -> None:
    """Only this one fails, for this reason, and nothing is open but what a crash leaves so."""
    wrong = [verdicts[each] for each in NAMES if verdicts[each].ruling is Ruling.FAIL]
    assert [each.requirement for each in wrong] == ([name] if name else []), [verdicts[each] for each in NAMES]
    assert all(words in each.summary for each in wrong), wrong
    passed = [verdicts[each] for each in NAMES if verdicts[each].ruling is Ruling.PASS]
    assert len(passed) == 2 - len(wrong) or name == "liveness-is-shallow", [verdicts[each] for each in NAMES]


@pytest.mark.parametrize(("language", "kind"), KINDS if ALL else FEW)
def test_a_client_of_postgres_is_told_by_what_it_does_without_it(
    language: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "never back":
        monkeypatch.setattr(dependency, "NOTICES", 2.0)
    recording, verdicts = drilled(pooled(language, kind), NativeEngine())
    is_as_expected(verdicts, *KINDS[language, kind])
    assert "this machine's PostgreSQL" in recording.subject.dependencies[0]


@pytest.mark.parametrize("kind", PROTOCOLS if ALL else ("mysql",))
def test_a_program_of_each_kind_stands_in(kind: str) -> None:
    require(lacking(PROGRAMS[kind]))
    recording, verdicts = drilled(greeting(kind), NativeEngine())
    is_as_expected(verdicts, "", "")
    assert PROGRAMS[kind].name in recording.subject.dependencies[0]


def test_a_program_that_does_not_start_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Program("a broken one", ("sh",), ("{program}", "-c", "echo no such option >&2; exit 3"))
    monkeypatch.setattr(standing, "PROGRAMS", {"postgres": broken})
    monkeypatch.setattr(dependency, "NOTICES", 0.5)
    recording, verdicts = drilled(greeting("postgres"), NativeEngine())
    assert verdicts["readiness-is-deep"].ruling is Ruling.NOT_PROVED
    assert "not there: a broken one ended at once: no such option" in verdicts["readiness-is-deep"].summary
    assert recording.subject.dependencies[0].endswith("no such option")


DATABASE = (
    "PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; initdb -D /tmp/data -U app -A trust -N >/dev/null && "
    "echo 'CREATE DATABASE shop' | postgres --single -D /tmp/data template1 && "
    "echo 'host all all all trust' >> /tmp/data/pg_hba.conf && "
    "exec postgres -D /tmp/data -F -c unix_socket_directories=/tmp -c listen_addresses='*'"
)


def database(image: str) -> Service:
    """This machine's PostgreSQL in a container, with a health check."""
    test = Sourced(("CMD-SHELL", "/usr/bin/pg_isready -h 127.0.0.1"))
    check = Healthcheck(test, interval=Sourced(0.5), retries=Sourced(120))
    of = Service("db", str(SERVERS), Sourced(("/bin/sh", "-c", DATABASE)), workdir=Sourced("/srv/trial"))
    return on_host_files(replace(of, user=Sourced("postgres"), healthcheck=check), image)


@pytest.mark.parametrize(("language", "kind"), KINDS if ALL else (("node", "never back"),))
def test_on_docker_a_container_is_cut_off_likewise(
    language: str,
    kind: str,
    new_engine: Callable[..., DockerEngine],
    host_image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "never back":
        monkeypatch.setattr(dependency, "NOTICES", 2.0)
    subject = on_host_files(pooled(language, kind), host_image)
    subject = replace(subject, depends_on=(Sourced(Dependency("db", "service_healthy")),))
    recording, verdicts = drilled(subject, new_engine(others=(database(host_image),)))
    is_as_expected(verdicts, *KINDS[language, kind])
    assert recording.subject.dependencies == ("db:5432 (variable DATABASE_URL): as its files say",)
