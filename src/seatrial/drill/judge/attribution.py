"""Which replica a lost request is owed to, and at which moment of its stop or start. Pure.

Through a balancer nobody sees who was asked. What is known is when each replica was told to stop, got its signal,
closed its listener and was gone, and when each new one was started and counted as ready: a loss is owed to the one at
whose moment it happened. Where several replicas were at such a moment at once all are named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from seatrial.drill.judge.view import Pair
from seatrial.model.recording import Replica, Run
from seatrial.model.traffic import Exchange

EARLY = 1.0
"""Seconds after its readiness in which a new one's losses are those of its start: a balancer has found it by then."""
LATE = 5.0
"""Seconds after its end in which a balancer may not have noticed yet."""
BLUR = 0.25
"""An engine tells of a signal when it has sent it, or we hear of it later: what it ended may have ended just before."""


class Moment(Enum):
    """A moment in the life of a replica, by what a request that is lost then has met."""

    IN_FLIGHT = "in flight at its stop signal"
    CRASHED = "in flight when it ended without being told to, or sent just after"
    DRAINING = "sent between its stop signal and the close of its listener"
    STOPPING = "sent between its stop signal and its end"
    CLOSED = "sent when its listener was closed"
    GONE = "sent after its end"
    LEAVING = "sent when it was to stop and had no signal yet"
    STARTING = "sent while it started, or just after it counted as ready"
    APART = "at no replica's stop or start"


ORDER = tuple(Moment)
"""Where several fit, the first of these counts."""


@dataclass(frozen=True, slots=True)
class Owed:
    """To which replicas a loss may be owed (one, as a rule), and its moment."""

    moment: Moment
    names: tuple[str, ...] = ()

    def words(self) -> str:
        """ "api.1.x9f: in flight at its stop signal"."""
        return f"{' or '.join(self.names)}: {self.moment.value}" if self.names else self.moment.value


def stop_of(replica: Replica) -> float | None:
    """When its process was asked to stop: its signal, or where that is not seen when the engine decided it."""
    return replica.signalled if replica.signalled is not None else replica.told


def owed(run: Run, pair: Pair) -> Owed:
    """What a lost request is owed to."""
    found = [(moment, replica.name) for replica in run.replicas for moment in _moments(run, replica, pair[1])]
    if not found:
        return Owed(Moment.APART)
    best = min((moment for moment, _ in found), key=ORDER.index)
    return Owed(best, tuple(dict.fromkeys(name for moment, name in found if moment is best)))


def _moments(run: Run, replica: Replica, exchange: Exchange) -> Iterator[Moment]:
    sent = exchange.sent if exchange.sent is not None else exchange.begun
    ended = exchange.ended if exchange.ended is not None else sent
    stop = stop_of(replica)
    if replica.told is not None and stop is not None:
        yield from _at_stop(run, replica, stop, (sent, ended))
    elif replica.ended is not None and ended >= replica.ended - BLUR - run.load_lag and sent <= replica.ended + LATE:
        yield Moment.CRASHED
    if replica.created is not None and _is_starting(replica, sent):
        yield Moment.STARTING


def _at_stop(run: Run, replica: Replica, stop: float, span: tuple[float, float]) -> Iterator[Moment]:
    sent, ended = span
    end = replica.ended if replica.ended is not None else float("inf")
    if sent < stop:
        if ended >= stop - BLUR - run.load_lag and sent < end:
            yield Moment.IN_FLIGHT
        elif replica.told is not None and sent >= replica.told:
            yield Moment.LEAVING
    elif sent < end:
        closed = replica.closed
        if closed is None or closed > end:
            yield Moment.STOPPING
        else:
            yield Moment.CLOSED if sent >= closed else Moment.DRAINING
    elif sent <= max(end + LATE, _successor_ready(run, replica, end)):
        yield Moment.GONE


def _successor_ready(run: Run, replica: Replica, end: float) -> float:
    """When the one that takes its place counted as ready, and a balancer has found it; where that came after its end.
    Without pairs it is the first that did."""
    times = [
        other.ready
        for other in run.replicas
        if other is not replica and other.slot == replica.slot and other.ready is not None and other.ready >= end
    ]
    return min(times) + EARLY if times else end


def _is_starting(replica: Replica, sent: float) -> bool:
    assert replica.created is not None
    until = replica.ready + EARLY if replica.ready is not None else replica.ended
    return replica.created <= sent and (until is None or sent <= until)
