"""The lines between the drill and its load generator: one JSON array or object a line, values by position.

    drill  → worker   {"id": 3, "do": "begin", "plan": […]}
    worker → drill    {"id": 3, "ok": …}   or   {"id": 3, "error": "…"}   or   {"id": 3, "part": [connection, …]}

Both ends are of one version, so nothing here is meant to be kept: what is kept is the recording.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from seatrial.load.interface import Plan
from seatrial.model.traffic import Bulk, Connection, Exchange, Outcome, Population, Seen, Target

PART = 200
"""Connections in one line of a result: short enough that neither end stands still over it."""


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of a line. Raises ValueError if it is none."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def _row(value: Any) -> list[Any]:
    return [getattr(value, name) for name in value.__slots__]


def target_row(target: Target) -> list[Any]:
    """A target as a list."""
    return _row(target)


def target_of(row: Sequence[Any]) -> Target:
    """The target of a list."""
    return Target(*row)


def plan_row(plan: Plan) -> list[Any]:
    """A plan as a list; its target, the first, is a list too."""
    return [target_row(plan.target), *_row(plan)[1:]]


def plan_of(row: Sequence[Any]) -> Plan:
    """The plan of a list."""
    return Plan(target_of(row[0]), *row[1:])


def exchange_row(exchange: Exchange) -> list[Any]:
    """An exchange as a list; its outcome, the second, is the word."""
    row = _row(exchange)
    row[1] = exchange.outcome.value
    return row


def exchange_of(row: Sequence[Any]) -> Exchange:
    """The exchange of a list."""
    path, outcome, *rest = row
    return Exchange(path, Outcome(outcome), *rest)


def connection_row(connection: Connection) -> list[Any]:
    """A connection as a list: population, number, begun, opened, closed, ending, exchanges, detail,
    announced."""
    return [
        connection.population.value,
        connection.number,
        connection.begun,
        connection.opened,
        connection.closed,
        connection.ending.value,
        [exchange_row(exchange) for exchange in connection.exchanges],
        connection.detail,
        connection.announced,
    ]


def connection_of(row: Sequence[Any]) -> Connection:
    """The connection of a list."""
    population, number, begun, opened, closed, ending, exchanges, detail, announced = row
    return Connection(
        Population(population),
        number,
        begun,
        opened,
        closed,
        Outcome(ending),
        tuple(exchange_of(exchange) for exchange in exchanges),
        detail,
        announced,
    )


def bulk_row(bulk: Bulk) -> list[Any]:
    """A count as a list; its population, the first, is the word."""
    return [bulk.population.value, *_row(bulk)[1:]]


def bulk_of(row: Sequence[Any]) -> Bulk:
    """The count of a list."""
    values: list[Any] = [Population(row[0]), *row[1:-2], tuple(row[-2]), row[-1]]
    return Bulk(*values)


def seen_row(seen: Seen) -> list[Any]:
    """What the kernel saw as a list."""
    return _row(seen)


def seen_of(row: Sequence[Any]) -> Seen:
    """What the kernel saw, of a list."""
    return Seen(*row)


def parts(connections: Sequence[Connection]) -> Iterator[list[Any]]:
    """The connections as the lists of several lines."""
    for start in range(0, len(connections), PART):
        yield [connection_row(connection) for connection in connections[start : start + PART]]
