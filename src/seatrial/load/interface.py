"""What the load generator is asked and what it answers. It knows connections and HTTP, never processes.

The generator runs as a program of its own inside the service's network namespace (`python -m seatrial.load.worker`), so
that its timers are not disturbed by the drill; `remote.Load` is the drill's end of it. Times are absolute
`time.monotonic()` seconds: the clock is one for the whole machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.model.errors import SeatrialError
from seatrial.model.traffic import Bulk, Connection, Exchange, Target

MARK = "X-Request-ID"
"""The header by which each request is marked with an id of its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many connections of each population, and how fast new ones come.

    `rate` is new connections a second (open loop: a late response delays no later request). `timeout` is the client's
    own limit for one request, in seconds (for a stream, of its silence). `lead` is how long the open loop and the busy
    keep-alive clients run before `aim` may return. `crowd` keep-alive connections send as fast as they are answered,
    and `crowd_rate` new ones come a second besides: both are counted, not kept one by one. Without a slow path in the
    target no request is in flight, without a stream path none is streamed, and no protocol is used that the target does
    not speak, whatever is asked for here.
    """

    target: Target
    rate: float = 50.0
    idle: int = 5
    never_used: int = 2
    in_flight: int = 3
    held: int = 0
    stream: int = 0
    keep_alive: int = 3
    keep_alive_pause: float = 0.02
    slow_sender: int = 0
    slow_reader: int = 0
    unfinished: int = 0
    websocket: int = 0
    websocket_busy: int = 0
    http2: int = 0
    http2_idle: int = 0
    crowd: int = 0
    crowd_rate: float = 0.0
    lead: float = 0.3
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """All connections of a load, and the generator's own greatest lateness in seconds (`lag`).

    `skipped` counts connections that were due and not opened because too many were open or recorded already.
    """

    connections: tuple[Connection, ...]
    lag: float
    skipped: int = 0
    bulk: tuple[Bulk, ...] = ()


class LoadError(SeatrialError):
    """The load generator itself failed or ended: nothing can be said about the service."""


__all__ = ["MARK", "Bulk", "Connection", "Exchange", "LoadError", "Plan", "Result", "Target"]
