"""Turns a connection that is over into the recording's words. What was seen is not changed, only named."""

from __future__ import annotations

from dataclasses import replace

from seatrial.load.client import Client, rounded
from seatrial.model.traffic import Connection, Outcome

_LOST = frozenset({Outcome.FIN, Outcome.RST, Outcome.TIMED_OUT, Outcome.ABANDONED})


def record(client: Client, signalled: float | None) -> Connection:
    """What became of a connection that is over, in the recording's words."""
    opened = rounded(client.opened)
    connection = Connection(
        population=client.population,
        number=client.number,
        begun=round(client.begun, 6),
        opened=opened,
        closed=rounded(client.closed),
        ending=client.ending or Outcome.ABANDONED,
        exchanges=tuple(attempt.exchange() for attempt in client.attempts),
        detail=client.detail,
        announced=rounded(client.announced),
    )
    return classify(connection, signalled)


def classify(connection: Connection, signalled: float | None) -> Connection:
    """Name what was accepted after the signal and got not one byte of an answer: NOT_SERVED, whatever ended it.

    Done when a run is over and not when the connection ended, because the news of the signal may come later than its
    effects. `detail` keeps how it ended.
    """
    late = signalled is not None and connection.opened is not None and connection.opened >= signalled
    if not late or not connection.exchanges:
        return connection
    first = connection.exchanges[0]
    if first.outcome not in _LOST or first.first_byte is not None:
        return connection
    detail = "; ".join(part for part in (first.outcome.value, first.detail) if part)
    exchange = replace(first, outcome=Outcome.NOT_SERVED, detail=detail)
    return replace(connection, ending=Outcome.NOT_SERVED, exchanges=(exchange, *connection.exchanges[1:]))
