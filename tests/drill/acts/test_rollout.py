"""A replacement under load shows something only where its signal met the requests that it was aimed at."""

from __future__ import annotations

import pytest

from seatrial.drill.acts.rollout import is_over_before
from seatrial.model.traffic import Connection, Exchange, Outcome, Population


def connection(population: Population, ended: float | None) -> Connection:
    """One request, sent at 1 s."""
    exchange = Exchange("/slow", Outcome.COMPLETE, 1.0, 1.0, None, ended, 200)
    return Connection(population, 1, 1.0, 1.0, ended, Outcome.IDLE_FIN, (exchange,))


@pytest.mark.parametrize(
    ("population", "ends", "over"),
    [
        (Population.IN_FLIGHT, (1.8, 1.9), True),
        (Population.IN_FLIGHT, (1.8, 2.1), False),
        (Population.IN_FLIGHT, (1.8, None), False),
        (Population.OPEN_LOOP, (1.8, 1.9), False),
        (Population.IN_FLIGHT, (), False),
    ],
)
def test_what_was_to_be_in_flight_at_the_signal_may_be_over_before(
    population: Population, ends: tuple[float | None, ...], over: bool
) -> None:
    assert is_over_before([connection(population, ended) for ended in ends], 2.0) is over
