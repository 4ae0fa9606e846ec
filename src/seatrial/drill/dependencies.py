"""What a service depends on, told from its files: names and ports, by variables and `depends_on`. Pure.

A dependency is stood in for inside the instance's own network: its name leads to a loopback address there. A program of
this machine that speaks the same protocol is started where one is known (`PROGRAMS`); else something that accepts
connections and never answers, which is enough to see what a service does when it is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from seatrial.model.service import Service

PORTS: Mapping[str, int] = {
    "redis": 6379, "valkey": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306,
    "mongo": 27017, "mongodb": 27017, "amqp": 5672, "rabbitmq": 5672, "memcached": 11211, "kafka": 9092,
    "nats": 4222, "elasticsearch": 9200, "http": 80, "https": 443,
}  # fmt: skip
"""The port of a kind where none is said."""
KINDS = {"valkey": "redis", "rediss": "redis", "postgresql": "postgres", "mongodb": "mongo", "rabbitmq": "amqp"}
"""Other words for one kind."""
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "redis": ("redis-server", "--bind", "{address}", "--port", "{port}", "--save", "", "--appendonly", "no"),
}
"""What is started for a kind, where it is installed."""
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,]+", re.IGNORECASE)
_HOST = re.compile(r"(?P<stem>[A-Z0-9_]*?)_?HOST(?:NAME)?")
_PUBLIC = re.compile(r"(?:^|_)(?:PUBLIC|BASE|EXTERNAL|CALLBACK|FRONTEND|SITE|SELF|ORIGIN|REDIRECT|WEBHOOK)(?:_|$)")
_SCHEMES = frozenset({*PORTS, *KINDS, "amqps", "mongodb+srv"})
_LOCAL = ("localhost", "127.0.0.1", "::1")
FIRST = "127.0.0.1"
MOST = 4


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that the service connects to. `by` says who says so ("variable REDIS_URL", "depends_on")."""

    host: str
    port: int
    kind: str
    by: str
    address: str = FIRST
    """Where it listens in the instance's network."""

    @property
    def name(self) -> str:
        """For people: "redis:6379"."""
        return f"{self.host}:{self.port}"

    def program(self) -> tuple[str, ...]:
        """The command that speaks its protocol; empty where none is known."""
        words = PROGRAMS.get(self.kind, ())
        return tuple(word.format(address=self.address, port=self.port) for word in words)


def dependencies_of(service: Service, environment: Mapping[str, str]) -> tuple[tuple[Dependency, ...], tuple[str, ...]]:
    """The dependencies with an address of their own each, and those that can't be stood in for, with the reason."""
    values = {name: value.value for name, value in service.environment.items()} | dict(environment)
    found: dict[tuple[str, int], Dependency] = {}
    for one in (*_by_urls(values), *_by_hosts(values), *_by_names(service, values)):
        found.setdefault((one.host, one.port), one)
    good = [one for one in found.values() if _is_name(one.host)]
    bad = [f"{one.name} ({one.by}) is an address and no name" for one in found.values() if not _is_name(one.host)]
    known = {one.host for one in found.values()}
    bad += [
        f"{each.value.service} (depends_on) has a port that no file says"
        for each in service.depends_on
        if each.value.service not in known
    ]
    return tuple(_addressed(good[:MOST], service)), tuple(bad)


def _is_name(host: str) -> bool:
    return host in _LOCAL or not re.fullmatch(r"[\d.]+|.*:.*", host)


def _addressed(found: list[Dependency], service: Service) -> Iterator[Dependency]:
    """The same address for all, so that a client's defaults find them, but for two with one port."""
    taken = {port.value.number for port in service.ports}
    for number, one in enumerate(found, 2):
        address = f"127.77.0.{number}" if one.port in taken and one.host not in _LOCAL else FIRST
        taken.add(one.port)
        yield Dependency(one.host, one.port, one.kind, one.by, address)


def _by_urls(values: Mapping[str, str]) -> Iterator[Dependency]:
    for name, value in values.items():
        for text in _URL.findall(value) if not _PUBLIC.search(name) else ():
            try:
                url = urlsplit(text)
                host, port = url.hostname or "", url.port
            except ValueError:
                continue
            scheme = url.scheme.partition("+")[0]
            if host and scheme in _SCHEMES:
                kind = KINDS.get(scheme, scheme)
                yield Dependency(host, port or PORTS.get(kind, 0), kind, f"variable {name}")


def _by_hosts(values: Mapping[str, str]) -> Iterator[Dependency]:
    for name, host in values.items():
        found = _HOST.fullmatch(name)
        stem = found["stem"] if found else ""
        if not stem or not host or "/" in host or host == "0.0.0.0":
            continue
        kind = next((KINDS.get(word, word) for word in PORTS if word in stem.lower()), "")
        kind = kind or next((KINDS.get(word, word) for word in PORTS if word in host.lower()), "")
        said = values.get(f"{stem}_PORT", "")
        port = int(said) if said.isascii() and said.isdigit() else PORTS.get(kind, 0)
        if port:
            yield Dependency(host, port, kind, f"variable {name}")


def _by_names(service: Service, values: Mapping[str, str]) -> Iterator[Dependency]:
    """What compose says, where the name says what it is, and no variable said it better."""
    said = {one.host for one in (*_by_urls(values), *_by_hosts(values))}
    for each in service.depends_on:
        name = each.value.service
        kind = next((KINDS.get(word, word) for word in PORTS if word in name.lower() and word[:4] != "http"), "")
        if kind and name not in said:
            yield Dependency(name, PORTS[kind], kind, "depends_on")
