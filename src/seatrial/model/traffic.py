"""What became of traffic: each request and connection that was watched, counts of a heavy load, and what the kernel saw
of a load that is not ours. Parts of a recording; times as there.

An outcome says what happened on the wire and nothing more: what it means for the service is for verdicts to say.
"""

from __future__ import annotations

from enum import Enum

from seatrial.model.values import dataclass


class Outcome(Enum):
    """What became of one request, or of a connection on which none was sent.

    The words are exact, because lost requests and unavoidable races are different things.
    """

    COMPLETE = "complete"
    """The whole response arrived."""
    COMPLETE_CLOSE = "complete, close announced"
    """The whole response arrived and said `Connection: close`."""
    FIN = "closed without an answer (FIN)"
    """The peer closed in good order before the first byte of a response."""
    RST = "reset (RST)"
    """The peer reset the connection before the first byte of a response."""
    TRUNCATED = "truncated"
    """Part of a response arrived, then FIN or RST."""
    MALFORMED = "malformed"
    """What arrived is not HTTP/1.1."""
    REFUSED = "refused"
    """The connection was refused: nothing listened."""
    NOT_SERVED = "accepted, never served"
    """The kernel accepted the connection; it ended (FIN, RST, or the run's end) with not one byte of an answer to a
    request that was sent on a connection opened after the signal."""
    TIMED_OUT = "timed out"
    """No end within the client's own time limit."""
    CONNECT_TIMED_OUT = "connect timed out"
    """The connection was neither accepted nor refused in time."""
    IDLE_FIN = "idle, closed (FIN)"
    """A connection without an open request was closed in good order."""
    IDLE_RST = "idle, reset (RST)"
    """A connection without an open request was reset."""
    IDLE_OPEN = "idle, left open"
    """A connection without an open request was still open when watching ended."""
    ABANDONED = "abandoned by the client"
    """The client gave up on purpose (end of the run); says nothing about the service."""


COMPLETE = frozenset({Outcome.COMPLETE, Outcome.COMPLETE_CLOSE})
"""A whole answer, whatever it says."""


class Population(Enum):
    """Groups of connections, each judged on its own."""

    IDLE = "idle keep-alive"
    """One finished request, then nothing."""
    NEVER_USED = "never used"
    """Connected, never a byte sent."""
    IN_FLIGHT = "in flight"
    """A whole slow request was sent before the signal and not answered yet."""
    HELD = "held"
    """A request whose last bytes are sent after the signal (where no slow path is known)."""
    STREAM = "streaming"
    """A response that was in the middle of its body at the signal."""
    OPEN_LOOP = "new connections"
    """One request on one new connection each, at a fixed rate, before and after the signal."""
    KEEP_ALIVE = "busy keep-alive"
    """Connections that keep sending requests, before and after the signal."""
    SLOW_SENDER = "slow sender"
    """A request that arrives one byte a second and never ends."""
    UNFINISHED = "unfinished"
    """A request whose head says that a body follows, which never comes whole: who waits for it waits for ever."""
    SLOW_READER = "slow reader"
    """A response that is read one byte a second."""
    WEBSOCKET = "WebSocket"
    """Open, and silent but for what the protocol asks for."""
    WEBSOCKET_BUSY = "busy WebSocket"
    """Messages are sent on it again and again."""
    HTTP2 = "HTTP/2 in flight"
    """As IN_FLIGHT, over HTTP/2 without TLS."""
    HTTP2_IDLE = "idle HTTP/2"
    """As IDLE, over HTTP/2 without TLS."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it. `path` is the target asked for; times are None where the step never came.

    `sent` is when the last byte of the request was handed to the kernel; `first_byte` and `ended` belong to the
    response (`ended` is also the time of a FIN, RST or refusal). `reused`: the connection had served a request before.
    """

    path: str
    outcome: Outcome
    begun: float
    sent: float | None = None
    first_byte: float | None = None
    ended: float | None = None
    status: int | None = None
    reused: bool = False
    body_bytes: int = 0
    detail: str = ""
    mark: str = ""
    """The request's own id, as sent in X-Request-ID."""
    keep_alive: float = 0.0
    """For how many seconds the response said that its connection is kept (`Keep-Alive: timeout=65`); 0: not said."""
    unframed: bool = False
    """The body had no length of its own: that its connection was closed was taken for its end."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection and its exchanges. `ending` tells how it closed after its last exchange (an IDLE_… outcome, or
    the last exchange's own); `opened` is None if it never was."""

    population: Population
    number: int
    begun: float
    opened: float | None
    closed: float | None
    ending: Outcome
    exchanges: tuple[Exchange, ...] = ()
    detail: str = ""
    announced: float | None = None
    """When the server said that it closes the connection by other means than a header: HTTP/2's GOAWAY, a WebSocket's
    close frame with 1001 or 1012. `detail` has its words."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load went: `family` is "ipv4", "ipv6" or "unix"; a Unix socket has port 0 and its path as `address`.

    `quick_path` and `slow_path` are the request targets in use; each `…_by` says where it comes from
    ("--slow-path", "found in server.js:12", "health check", "default"). `slow_seconds` is how long a slow request took
    when it was tried (0 if none is known).
    """

    family: str
    address: str
    port: int
    quick_path: str = "/"
    quick_by: str = "default"
    slow_path: str = ""
    slow_by: str = ""
    slow_seconds: float = 0.0
    stream_path: str = ""
    loopback_only: bool = False
    """It listens on a loopback address alone, which nothing outside a container reaches."""
    slow_status: int = 0
    """The status with which the slow path answered when it was tried, before any signal (0: it did not)."""
    slow_bytes: int = 0
    """How long the body of that answer was."""
    quick_is_health: bool = False
    """The quick path is a health endpoint, which says 503 during a stop on purpose."""
    websocket_path: str = ""
    """Where it accepts WebSockets, as tried."""
    http2: bool = False
    """It speaks HTTP/2 without TLS by prior knowledge, as tried."""
    http1: bool = True
    """It speaks HTTP/1.1; where it does not, every population speaks HTTP/2."""
    large_path: str = ""
    """What gave the longest body when it was tried."""
    published: bool = False
    """It was reached through a port that an engine publishes: what ends a connection may be the engine, then."""
    host: str = ""
    """What the Host header says; by default the address and the port."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a path that tells how the service is. `purpose` is "liveness" or "readiness"; `situation` says
    what was the matter: "well", "cut", "slow", "restored" (with the name of the dependency), or "stopping"."""

    purpose: str
    situation: str
    exchange: Exchange
    dependency: str = ""


SHARES = (0.5, 0.9, 0.99, 0.999)
"""The percentiles that are recorded of many latencies."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """Requests of a heavy load, counted: `after` the signal or before it, in so many `seconds`, on `connections` that
    stood at the signal or were opened then.

    Of `requests`, which were wholly sent, some were `answered` whole (of these `announced` with the close, and `errors`
    with a status from 500 on), `lost` counts every other end but a refusal (`refused`) and what the client gave up
    itself (`abandoned`). Those lost, and those in flight at the signal, are kept among the run's connections besides,
    a bounded number of them. `latencies`, in seconds, belong to `SHARES`; they come from a histogram and are up to
    3.2 % off, `longest` is exact.
    """

    population: Population
    after: bool
    seconds: float
    connections: int
    requests: int
    answered: int
    announced: int
    errors: int
    refused: int
    abandoned: int
    lost: int
    latencies: tuple[float, ...] = ()
    longest: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The connections of a load that is not ours, as the kernel saw them: counts.

    `early` came before the signal, `late` after it. Of the early ones that were `open` at the signal some were `busy`
    (asked, and not answered wholly), of others it was `unclear`. Ends of busy ones: `answered` (at least something was
    sent first; of these `answered_whole` are known to have been whole by their own heads, and `answered_cut` to have
    been ended by the server before), and by the server without a byte `unanswered_fin` and `unanswered_reset`. Of the
    others: `idle_fin`, `idle_reset`, `used_again` (it sent something first; of
    these `used_again_cut` are known to have been cut in an answer), `crossed` (asked again after the signal
    and not answered), `unclear_ends` (`unclear_resets` of them by RST). `left_by_client` ended from the client's side.
    Late ones: `refused`, `late_answered` (of which `late_answered_whole` and `late_answered_cut`), `late_unserved`
    (ended by the server without one byte) and `late_queued` (the same at once, as those are that meet the queue of a
    closing listener), `late_left` by the client. `left` stood or hung when the watch ended; `refused_early` were
    refused before the signal. `resets`, `overflows` and `drops` are the network namespace's own counters of resets sent
    and of connections that met a full queue. `missed` packets were not seen: then all is uncertain; those
    `missed_late` came when all that stood at the signal had ended, and may be of late ones alone.
    """

    early: int = 0
    late: int = 0
    open: int = 0
    busy: int = 0
    unclear: int = 0
    answered: int = 0
    answered_whole: int = 0
    answered_cut: int = 0
    unanswered_fin: int = 0
    unanswered_reset: int = 0
    idle_fin: int = 0
    idle_reset: int = 0
    used_again: int = 0
    used_again_cut: int = 0
    crossed: int = 0
    unclear_ends: int = 0
    unclear_resets: int = 0
    left_by_client: int = 0
    refused: int = 0
    refused_early: int = 0
    late_answered: int = 0
    late_answered_whole: int = 0
    late_answered_cut: int = 0
    late_unserved: int = 0
    late_queued: int = 0
    late_left: int = 0
    left: int = 0
    resets: int = 0
    overflows: int = 0
    drops: int = 0
    missed: int = 0
    missed_late: int = 0


@dataclass(frozen=True, slots=True)
class Outside:
    """A load command of the user's own that ran in the place of our load: its argv, how it ended (None: it was still
    running and was ended), what it printed, and what the kernel saw of its connections."""

    argv: tuple[str, ...]
    code: int | None
    output: str
    seen: Seen = Seen()
