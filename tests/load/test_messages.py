"""What crosses the line between the drill and its load generator arrives as it was."""

from __future__ import annotations

import pytest

from seatrial.load import messages
from seatrial.load.interface import Plan
from seatrial.model.traffic import Connection, Exchange, Outcome, Population, Target

TARGET = Target("ipv6", "::1", 8080, "/q", "health check", "/s", "--slow-path", 1.5, "/stream")
EXCHANGE = Exchange("/é\n", Outcome.TRUNCATED, 1.000001, 2.0, None, 4.5, 200, True, 77, "RST after 77 bytes", "ab")
CONNECTION = Connection(Population.KEEP_ALIVE, 3, 1.0, None, 2.0, Outcome.IDLE_RST, (EXCHANGE, EXCHANGE), "x")


def through(value: object) -> object:
    return messages.decode(messages.encode({"id": 1, "ok": value}))["ok"]


def test_a_target_arrives_as_it_was() -> None:
    assert messages.target_of(through(messages.target_row(TARGET))) == TARGET  # type: ignore[arg-type]


def test_a_plan_arrives_as_it_was() -> None:
    plan = Plan(TARGET, 12.5, 1, 2, 3, 4, 5, 6, 0.5, 7, 0.25, 9.0)
    assert messages.plan_of(through(messages.plan_row(plan))) == plan  # type: ignore[arg-type]


def test_connections_arrive_as_they_were_in_lines_of_bounded_length() -> None:
    connections = (CONNECTION,) * (messages.PART + 1)
    parts = list(messages.parts(connections))
    assert [len(part) for part in parts] == [messages.PART, 1]
    assert tuple(messages.connection_of(row) for part in parts for row in through(part)) == connections  # type: ignore[attr-defined]


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_word(outcome: Outcome) -> None:
    exchange = Exchange("/", outcome, 0.5)
    assert messages.exchange_of(through(messages.exchange_row(exchange))) == exchange  # type: ignore[arg-type]


def test_a_line_is_one_line() -> None:
    assert messages.encode({"detail": "a\nb\u2028"}).count(b"\n") == 1


@pytest.mark.parametrize("line", [b"", b"[]", b"nonsense", b"{", b"\xff"])
def test_what_is_no_message_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        messages.decode(line)
