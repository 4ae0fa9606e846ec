"""What a service depends on, from its variables and depends_on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.dependencies import Dependency, dependencies_of
from seatrial.drill.programs import StandIn
from seatrial.drill.standing import told
from seatrial.drill.surroundings import RELAY, Surroundings, behind
from seatrial.engine.interface import StartOptions
from seatrial.model.place import Sourced
from seatrial.model.service import Dependency as DependsOn
from seatrial.model.service import Port

from .fakes import Behaviour, FakeEngine, FakeInstance, service


def named(*names: str, ports: tuple[int, ...] = (3000,), **environment: str) -> tuple[list[str], list[str]]:
    """The dependencies as "name kind", and why others can't be stood in for."""
    values = {name: Sourced(value) for name, value in environment.items()}
    depends = tuple(Sourced(DependsOn(name)) for name in names)
    of = service(environment=values, depends_on=depends, ports=tuple(Sourced(Port(port)) for port in ports))
    found, unknown = dependencies_of(of, {})
    return [f"{one.name} {one.kind}" for one in found], list(unknown)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"REDIS_URL": "redis://cache/0"}, ["cache:6379 redis"]),
        ({"REDIS_URL": "rediss://:secret@cache:6380"}, ["cache:6380 redis"]),
        ({"DATABASE_URL": "postgresql+asyncpg://u:p@db/app"}, ["db:5432 postgres"]),
        ({"AMQP_URL": "amqp://guest@mq:5673/"}, ["mq:5673 amqp"]),
        ({"API": "http://users:8080/v1"}, ["users:8080 http"]),
        ({"DB_HOST": "db", "DB_PORT": "5433"}, ["db:5433 "]),
        ({"REDIS_HOST": "cache"}, ["cache:6379 redis"]),
        ({"POSTGRES_HOST": "db"}, ["db:5432 postgres"]),
        ({"DB_HOST": "postgres"}, ["postgres:5432 postgres"]),
        ({"DB_HOST": "db"}, []),
        ({"HOST": "0.0.0.0", "PORT": "3000"}, []),
        ({"PUBLIC_URL": "https://example.com", "BASE_URL": "http://x"}, []),
        ({"SELF": "http://localhost:3000/"}, []),
        ({"BAD": "redis://cache:port/", "TEXT": "see redis for more"}, []),
        ({"A": "redis://cache", "B": "redis://cache/1"}, ["cache:6379 redis"]),
    ],
)
def test_variables_name_what_a_service_depends_on(environment: dict[str, str], expected: list[str]) -> None:
    assert named(**environment) == (expected, [])


def test_more_than_can_be_stood_in_for_are_named_with_the_reason() -> None:
    found, unknown = named(**{f"CACHE{n}_URL": f"redis://cache{n}" for n in range(10)})
    assert len(found) == 8
    assert unknown == [
        f"cache{n}:6379 (variable CACHE{n}_URL) is one more than the 8 that are stood in for" for n in (8, 9)
    ]


def test_compose_names_some_by_their_names() -> None:
    assert named("redis", "postgres") == (["redis:6379 redis", "postgres:5432 postgres"], [])
    assert named("cache", REDIS_URL="redis://cache") == (["cache:6379 redis"], [])
    assert named("users") == ([], ["users (depends_on) has a port that no file says"])


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DATABASE_URL": "postgres://me%40x:p@db/shop?sslmode=disable"}, ("me@x", "shop")),
        ({"DATABASE_URL": "jdbc:postgresql://db:5432/shop"}, ("", "shop")),
        ({"DB_HOST": "db", "DB_PORT": "5432", "DB_USER": "me", "DB_NAME": "shop"}, ("me", "shop")),
        ({"PGHOST": "db", "PGUSER": "me", "PGDATABASE": "shop"}, ("me", "shop")),
        ({"POSTGRES_HOST": "db"}, ("", "")),
        ({"REDIS_URL": "redis://me:p@db/0"}, ("", "")),
    ],
)
def test_a_database_is_asked_for_by_name(environment: dict[str, str], expected: tuple[str, str]) -> None:
    values = {name: Sourced(value) for name, value in environment.items()}
    ((one,), _) = dependencies_of(service(environment=values), {})
    assert (one.host, one.user, one.database) == ("db", *expected)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("postgres:16-alpine", "postgres"),
        ("registry.example.com:5000/bitnami/postgresql@sha256:0", "postgres"),
        ("mariadb", "mysql"),
        ("redis/redis-stack", ""),
        ("prom/postgres-exporter", ""),
    ],
)
def test_another_service_is_told_by_its_image_and_its_variables(image: str, kind: str) -> None:
    variables = {"POSTGRES_USER": Sourced("me"), "POSTGRES_DB": Sourced("shop"), "MYSQL_DATABASE": Sourced("store")}
    other = replace(service(environment=variables), name="store", image=Sourced(image))
    found, unknown = dependencies_of(service(depends_on=(Sourced(DependsOn("store")),)), {}, (other,))
    assert [(one.kind, one.user) for one in found] == ([(kind, "me")] if kind else [])
    assert bool(unknown) == (not kind)
    assert [one.by for one in found] == ["depends_on"] * len(found)


def test_an_address_cannot_be_stood_in_for() -> None:
    assert named(DB_URL="mysql://10.0.0.5/x") == ([], ["10.0.0.5:3306 (variable DB_URL) is an address and no name"])


def test_two_with_one_port_have_addresses_of_their_own() -> None:
    values: Any = {"A": Sourced("redis://one"), "B": Sourced("redis://two"), "C": Sourced("http://api:3000")}
    found, _ = dependencies_of(service(environment=values, ports=(Sourced(Port(3000)),)), {})
    assert [one.address for one in found] == ["127.0.0.1", "127.77.0.3", "127.77.0.4"]


@pytest.mark.parametrize("relayed", [False, True])
def test_without_a_program_only_what_can_be_cut_off_is_stood_in_for(relayed: bool) -> None:
    strange = told(Dependency("db", 27017, "mongo", "variable DB"))
    around = Surroundings([strange], relayed=relayed)
    assert around.hosts == ({"db": "127.0.0.1"} if relayed else {})
    argv = around.awaited(service()).argv
    assert argv is not None
    assert (argv.value[0] == "/bin/sh") == relayed
    assert "not there" in strange.described


def test_what_an_engine_has_is_brought_near_once_with_all_its_addresses() -> None:
    """A job is given where one of them is on 127.0.0.1; relays lead to the others."""
    one, two = Dependency("db", 5432, "postgres", "variable DB"), Dependency("queue", 6379, "redis", "depends_on")
    engine = FakeEngine(Behaviour())

    async def near(*found: StandIn) -> None:
        instance = FakeInstance(engine, ("node",), StartOptions())
        around = Surroundings(found)
        await around.bring_near(instance)
        await around.bring_near(instance)
        await around.close()

    asyncio.run(near(StandIn(one), told(two)))
    assert engine.beside == [], "what stands in is beside the instance itself"
    asyncio.run(near(StandIn(one, elsewhere=("172.17.0.2", 5432)), StandIn(two, elsewhere=("172.17.0.3", 6379))))
    (argv,) = engine.beside
    assert argv[:-1] == RELAY
    assert json.loads(argv[-1]) == [
        [["127.0.0.1", 5432], ["172.17.0.2", 5432], True],
        [["127.0.0.1", 6379], ["172.17.0.3", 6379], True],
    ]


def test_a_command_waits_for_each_port_and_becomes_itself() -> None:
    argv = behind(service("node", "a.js"), [("127.0.0.1", 6379), ("127.0.0.1", 5432), ("127.0.0.1", 6379)]).argv
    assert argv is not None
    assert argv.value[2].count("until") == 2
    assert ":18EB " in argv.value[2]
    assert argv.value[3:] == ("sh", "node", "a.js")
