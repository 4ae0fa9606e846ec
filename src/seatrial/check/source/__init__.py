"""What the rules ask of a program's source: which signals are handled, what is served, who logs. Pure.

A fact that is missing proves nothing unless the program was read whole (`Program.complete`) and no package that it
uses is known, or looks, as if it did the thing itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import launch
from seatrial.model.documents import Unit
from seatrial.model.place import Place, Sourced
from seatrial.model.service import signal_name, signal_number
from seatrial.model.source import Actions, Program, Route, SignalHandler, SourceFacts

_HANDLING = (
    *("grace", "shutdown", "terminat", "terminus", "lifecycle", "signal", "exit-hook", "lightship", "stoppable"),
    *("death", "cleanup", "exiting", "pulse", "functions-framework", "moleculer", "^sails", "/sails", "loopback"),
    *("adonis", "temporal", "apollo", "probot", "graphile-worker", "faust", "dramatiq", "^arq", "twisted"),
    *("seatrial", "circus", "^next$", "nuxt", "remix", "sveltejs", "strapi", "keystone", "directus", "payload"),
    *("medusa", "meteor", "supervis", "^pm2", "bootstrap", "bootlib", "skeleton", "feathers", "marblejs", "foal"),
    *("egg$", "midway", "nitro", "dapr", "newrelic-agent", "scrapy", "locust", "mcp", "aiogram", "telegram"),
    *("rclpy", "celery", "huey", "streamlit", "gradio", "dash$", "tritonclient", "bentoml", "litestar", "nameko"),
    *("discord", "airflow"),
)
"""Packages from outside that may install handlers for signals, by parts of their names; `^` and `$` are the ends."""
_RUNNERS = frozenset({"node", "python"})
_BOUND = frozenset({"grpc", "ws"})
"""Servers that listen without a call of `listen`."""
STORES = frozenset(
    [
        "pg",
        "mysql",
        "mysql2",
        "mongoose",
        "mongodb",
        "ioredis",
        "redis",
        "knex",
        "sequelize",
        "typeorm",
        "@prisma/client",
        "kafkajs",
        "amqplib",
        "drizzle-orm",
        "mikro-orm",
        "@mikro-orm/core",
        "cassandra-driver",
        "mssql",
        "oracledb",
        "postgres",
        "memcached",
        "@elastic/elasticsearch",
        "pg-promise",
        "sqlalchemy",
        "psycopg",
        "psycopg2",
        "asyncpg",
        "pymongo",
        "motor",
        "pymysql",
        "aiomysql",
        "MySQLdb",
        "sqlmodel",
        "peewee",
        "tortoise",
        "databases",
        "kafka",
        "aiokafka",
        "pika",
        "aio_pika",
        "elasticsearch",
        "cassandra",
        "beanie",
    ]
)
"""Clients of data stores and brokers."""


def program_of(unit: Unit) -> Program | None:
    """The source of what runs in production; None where that isn't known."""
    if not unit.has_source or launch.is_for_development(unit):
        return None
    return unit.program


def is_own_program(program: Program) -> bool:
    """Whether the program itself gets the signals: no server was put in front that has its own handlers."""
    return program.runner in _RUNNERS


def listened(unit: Unit) -> list[Sourced[int]] | None:
    """The ports that the program's own source listens on, None where it may listen on others."""
    program = program_of(unit)
    if program is None or not program.complete or not is_own_program(program):
        return None
    ports: list[Sourced[int]] = []
    for each in (listen for facts in program.files for listen in facts.listens):
        number = each.port.resolved(unit.service.environment)
        if number is None or not 0 < number < 65536:
            return None
        ports.append(Sourced(int(number), each.place))
    return ports or None


def stop_signal(unit: Unit) -> str:
    """The name of the signal that stops it."""
    said = unit.service.stop_signal
    try:
        return signal_name(signal_number(said.value)) if said else "SIGTERM"
    except ValueError:
        return "SIGTERM"


def handlers_of(program: Program, signal: str) -> Iterator[tuple[SourceFacts, SignalHandler]]:
    """The handlers that are surely for this signal."""
    for facts in program.files:
        yield from ((facts, each) for each in facts.handlers if signal in each.signals)


def may_handle(program: Program, signal: str) -> bool:
    """Whether something may handle this signal: who asks before saying that nothing does."""
    others = (name for name in program.external if name.partition(".")[0] != "signal")
    if not program.complete or any(_may_install_one(name) for name in others):
        return True
    for facts in program.files:
        if signal in facts.mentions or any(not each.signals or signal in each.signals for each in facts.handlers):
            return True
        if any(signal in server.handles for server in facts.servers):
            return True
    return False


def _may_install_one(package: str) -> bool:
    marked = f"^{package}$"
    return any(part in marked for part in _HANDLING)


def serves_at(program: Program) -> Place | None:
    """Where it begins to serve or to take jobs; None where it isn't seen to."""
    for facts in program.files:
        if facts.language == "python" and any(not server.conditional for server in facts.servers):
            return next(server.place for server in facts.servers if not server.conditional)
        if facts.language != "python" and facts.listens and _has_factory(program):
            return facts.listens[0].place
    others = (
        server for facts in program.files for server in facts.servers if server.is_worker or server.kind in _BOUND
    )
    return next((server.place for server in others if not server.conditional), None)


def _has_factory(program: Program) -> bool:
    return any(not server.is_worker for facts in program.files for server in facts.servers)


def is_worker(program: Program) -> bool:
    """Whether all that it was seen to do is to take jobs."""
    kinds = [server.is_worker for facts in program.files for server in facts.servers]
    return bool(kinds) and all(kinds)


def done_by(program: Program, file: str, actions: Actions) -> Iterator[Actions]:
    """These actions, and those of the functions of other files that they call."""
    yield actions
    yield from program.called(file, actions)


def is_behind_init(unit: Unit) -> bool:
    """Whether an init is PID 1."""
    said = unit.service.init
    return bool(said and said.value) or any(link.program in launch.INITS for link in launch.chain(unit))


def route_of(program: Program, path: str) -> tuple[SourceFacts, Route] | None:
    """The route that answers this path; a router may be mounted below a prefix that isn't known. None unless it is
    the only one."""
    path = "/" + path.partition("?")[0].strip("/")
    found = [(facts, route) for facts in program.files for route in facts.routes if _ends_with(path, route.path)]
    whole = [each for each in found if "/" + each[1].path.strip("/") == path]
    chosen = whole or found
    return chosen[0] if len(chosen) == 1 else None


def _ends_with(path: str, route: str) -> bool:
    route = "/" + route.strip("/")
    return path == route or (len(route) > 1 and path.endswith(route))


def named_routes(program: Program, names: frozenset[str]) -> Iterator[tuple[SourceFacts, Route]]:
    """The routes whose last part is one of these names."""
    for facts in program.files:
        for route in facts.routes:
            if re.sub(r"[^a-z]", "", route.path.rstrip("/").rpartition("/")[2].lower()) in names:
                yield facts, route


def stores(program: Program) -> list[str]:
    """The data stores' clients that it uses."""
    return sorted({name.partition(".")[0] for name in program.external} & STORES | program.external & STORES)
