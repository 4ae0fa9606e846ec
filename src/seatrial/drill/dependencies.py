"""What a service depends on, told from its files: names, ports, users and databases, by variables, `depends_on` and
what compose says of the other services. Pure.

A dependency is stood in for inside the instance's own network: its name leads to a loopback address there. What stands
in is decided elsewhere (`standing.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from seatrial.model.service import Service

PORTS: Mapping[str, int] = {
    "redis": 6379, "valkey": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306,
    "mongo": 27017, "mongodb": 27017, "amqp": 5672, "rabbitmq": 5672, "memcached": 11211, "kafka": 9092,
    "nats": 4222, "elasticsearch": 9200, "http": 80, "https": 443,
}  # fmt: skip
"""The port of a kind where none is said."""
KINDS = {
    "valkey": "redis", "rediss": "redis", "postgresql": "postgres", "mariadb": "mysql", "mysql2": "mysql",
    "mongodb": "mongo", "rabbitmq": "amqp",
}  # fmt: skip
"""Other words for one kind."""
_STEMS = {"PG": "postgres"}
"""The beginnings of variables that a client reads by itself (libpq's PGHOST)."""
_USERS = ("USER", "USERNAME")
_DATABASES = ("DB", "DATABASE", "NAME", "DBNAME")
_OWN_USERS = ("POSTGRES_USER", "POSTGRESQL_USERNAME", "MYSQL_USER", "MARIADB_USER")
_OWN_DATABASES = ("POSTGRES_DB", "POSTGRESQL_DATABASE", "MYSQL_DATABASE", "MARIADB_DATABASE")
"""The variables by which the images of databases are told what to make when they start for the first time."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,]+", re.IGNORECASE)
_HOST = re.compile(r"(?P<stem>[A-Z0-9_]*?)_?HOST(?:NAME)?")
_PUBLIC = re.compile(r"(?:^|_)(?:PUBLIC|BASE|EXTERNAL|CALLBACK|FRONTEND|SITE|SELF|ORIGIN|REDIRECT|WEBHOOK)(?:_|$)")
_SCHEMES = frozenset({*PORTS, *KINDS, "amqps", "mongodb+srv"})
_LOCAL = ("localhost", "127.0.0.1", "::1")
_WITH_DATABASES = ("postgres", "mysql")
FIRST = "127.0.0.1"
MOST = 8
"""So many are stood in for: each costs every instance a program, and the run that cuts them off a while."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that the service connects to. `by` says who says so ("variable REDIS_URL", "depends_on")."""

    host: str
    port: int
    kind: str
    by: str
    address: str = FIRST
    """Where it listens in the instance's network."""
    user: str = ""
    database: str = ""
    """What a client asks for by name; "" where no file says."""

    @property
    def name(self) -> str:
        """For people: "redis:6379"."""
        return f"{self.host}:{self.port}"


def dependencies_of(
    service: Service, environment: Mapping[str, str], others: Sequence[Service] = ()
) -> tuple[tuple[Dependency, ...], tuple[str, ...]]:
    """The dependencies with an address of their own each, and those that can't be stood in for, with the reason.
    `others` are the project's other services: their images and variables say what a name stands for."""
    values = {name: value.value for name, value in service.environment.items()} | dict(environment)
    known = {other.name: other for other in others}
    kinds = {name: _kind_of_image(other) for name, other in known.items()}
    found: dict[tuple[str, int], Dependency] = {}
    for one in (*_by_urls(values), *_by_hosts(values, kinds), *_by_names(service, values, kinds)):
        found.setdefault((one.host, one.port), _completed(one, known.get(one.host)))
    good = [one for one in found.values() if _is_name(one.host)]
    bad = [f"{one.name} ({one.by}) is an address and no name" for one in found.values() if not _is_name(one.host)]
    named = {one.host for one in found.values()}
    bad += [
        f"{each.value.service} (depends_on) has a port that no file says"
        for each in service.depends_on
        if each.value.service not in named
    ]
    bad += [f"{one.name} ({one.by}) is one more than the {MOST} that are stood in for" for one in good[MOST:]]
    return tuple(_addressed(good[:MOST], service)), tuple(bad)


def _kind_of_image(other: Service) -> str:
    """What another service is, by its image's name: "postgres:16-alpine", "bitnami/redis"."""
    name = other.image.value.rpartition("/")[2].partition("@")[0].partition(":")[0] if other.image else ""
    return KINDS.get(name, name) if name in PORTS else ""


def _completed(one: Dependency, other: Service | None) -> Dependency:
    """With the user and the database that its own variables say, where the service's say nothing."""
    if other is None or one.kind not in _WITH_DATABASES:
        return one
    values = {name: value.value for name, value in other.environment.items()}
    user = one.user or _first(values, _OWN_USERS)
    return replace(one, user=user, database=one.database or _first(values, _OWN_DATABASES))


def _first(values: Mapping[str, str], names: Sequence[str]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _is_name(host: str) -> bool:
    return host in _LOCAL or not re.fullmatch(r"[\d.]+|.*:.*", host)


def _addressed(found: list[Dependency], service: Service) -> Iterator[Dependency]:
    """The same address for all, so that a client's defaults find them, but for two with one port."""
    taken = {port.value.number for port in service.ports}
    for number, one in enumerate(found, 2):
        address = f"127.77.0.{number}" if one.port in taken and one.host not in _LOCAL else FIRST
        taken.add(one.port)
        yield replace(one, address=address)


def _by_urls(values: Mapping[str, str]) -> Iterator[Dependency]:
    for name, value in values.items():
        for text in _URL.findall(value) if not _PUBLIC.search(name) else ():
            try:
                url = urlsplit(text)
                host, port = url.hostname or "", url.port
                user = unquote(url.username or "")
            except ValueError:
                continue
            scheme = url.scheme.partition("+")[0]
            if host and scheme in _SCHEMES:
                kind = KINDS.get(scheme, scheme)
                database = unquote(url.path.strip("/").partition("/")[0]) if kind in _WITH_DATABASES else ""
                one = Dependency(host, port or PORTS.get(kind, 0), kind, f"variable {name}")
                yield replace(one, user=user, database=database) if kind in _WITH_DATABASES else one


def _by_hosts(values: Mapping[str, str], kinds: Mapping[str, str]) -> Iterator[Dependency]:
    for name, host in values.items():
        found = _HOST.fullmatch(name)
        stem = found["stem"] if found else ""
        if not stem or not host or "/" in host or host == "0.0.0.0":
            continue
        said = _beside(values, stem, ("PORT",))
        number = int(said) if said.isascii() and said.isdigit() else 0
        kind = (
            _STEMS.get(stem) or _kind_of_name(stem) or kinds.get(host) or _kind_of_name(host) or _kind_of_port(number)
        )
        port = number or PORTS.get(kind, 0)
        one = Dependency(host, port, kind, f"variable {name}")
        if port and kind in _WITH_DATABASES:
            yield replace(one, user=_beside(values, stem, _USERS), database=_beside(values, stem, _DATABASES))
        elif port:
            yield one


def _beside(values: Mapping[str, str], stem: str, words: Sequence[str]) -> str:
    """What is said with the same stem: DB_PORT for DB_HOST, PGUSER for PGHOST."""
    return _first(values, [f"{stem}{between}{word}" for word in words for between in ("_", "")])


def _kind_of_name(name: str) -> str:
    return next((KINDS.get(word, word) for word in PORTS if word in name.lower()), "")


def _kind_of_port(number: int) -> str:
    return next((kind for kind, port in PORTS.items() if port == number and kind in _WITH_DATABASES), "")


def _by_names(service: Service, values: Mapping[str, str], kinds: Mapping[str, str]) -> Iterator[Dependency]:
    """What compose says, where its image or its name says what it is, and no variable said it better."""
    said = {one.host for one in (*_by_urls(values), *_by_hosts(values, kinds))}
    for each in service.depends_on:
        name = each.value.service
        kind = kinds.get(name) or next(
            (KINDS.get(word, word) for word in PORTS if word in name.lower() and word[:4] != "http"), ""
        )
        if kind and name not in said:
            yield Dependency(name, PORTS[kind], kind, "depends_on")
