"""What the load generator is asked and what it answers. It knows connections and HTTP, never processes.

The generator runs as a program of its own inside the service's network namespace (`python -m seatrial.load.worker`), so
that its timers are not disturbed by the drill; `remote.Load` is the drill's end of it. Times are absolute
`time.monotonic()` seconds: the clock is one for the whole machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.model.recording import Connection, Exchange, Target

MARK = "X-Request-ID"
"""The header by which each request is marked with an id of its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many connections of each population, and how fast new ones come.

    `rate` is new connections a second (open loop: a late response delays no later request). `timeout` is the client's
    own limit for one request, in seconds. `lead` is how long the open loop and the busy keep-alive clients run before `aim`
    may return.
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
    lead: float = 0.3
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """All connections of a load, and the generator's own greatest lateness in seconds (`lag`)."""

    connections: tuple[Connection, ...]
    lag: float


__all__ = ["MARK", "Connection", "Exchange", "Plan", "Result", "Target"]

# The drill's end, in `remote.py`:
#
#   class Load:
#       def __init__(self, process: asyncio.subprocess.Process)      # a started `python -m seatrial.load.worker`
#       async def request(self, target: Target, path: str, timeout: float) -> Exchange
#           one request on a connection of its own (readiness, timing a slow path); never raises for what the server does
#       async def begin(self, plan: Plan) -> None
#           open all populations and start the open loop; returns when they are open (or failed to)
#       async def aim(self) -> float
#           bring the in-flight/held/stream/slow populations into position (requests sent, none answered yet, stream in the
#           middle of its body), refresh those that ended meanwhile; returns the moment at which they were all in position
#       async def signalled(self, when: float) -> None
#           tell the generator when the stop signal was sent: held requests are completed, from then on a new connection
#           counts as "after the signal"
#       async def stop_sending(self) -> None
#           no new connections or requests from now on; open ones go on
#       async def finish(self, within: float) -> Result
#           wait up to `within` seconds for open requests to end, close everything, return all connections
#       async def close(self) -> None
