"""Everything that a drill saw. A recording is the truth: verdicts and pictures are computed from it and nothing else.

All times are seconds (float) on one monotonic clock, relative to the moment at which the instance's command was
started: 0.0 is the start, and a value before it can't occur. Values are built up by the recorder in `drill/` and are
immutable afterwards. `seatrial.drill.archive` turns them into JSON and back without loss.
"""

from __future__ import annotations

from enum import Enum

from seatrial.model.service import Image
from seatrial.model.values import dataclass

FORMAT = 1
"""Version of the saved form. It changes when an older reader would misunderstand a newer recording."""


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


class EventKind(Enum):
    """What can happen to an instance."""

    STARTED = "started"
    LISTENING = "listening"
    READY = "ready"
    PROBE = "health probe"
    SIGNAL = "signal"
    """A signal was sent to PID 1; `name` is the signal."""
    NOT_LISTENING = "listener closed"
    FORKED = "process appeared"
    PROCESS_ENDED = "process ended"
    ZOMBIE = "zombie"
    REAPED = "orphan reaped"
    OOM = "out-of-memory kill"
    EXITED = "exited"
    OUTPUT_ENDED = "output ended"
    LOAD = "load"
    """A step of the load: `name` is "begun", "aimed", "ended"."""
    FROZEN = "frozen"
    """All processes were stopped by SIGSTOP; `name` is how many."""
    KILLED = "process killed"
    """One process was sent SIGKILL, to see what becomes of the service; `name` is "program" or "worker"."""
    ENGINE = "the engine said"
    """What the engine itself told of the instance: `name` is its own word ("health_status: unhealthy", "oom")."""
    RAISED = "error raised"
    """An error that nobody catches was raised in the program; `name` is "exception" or "rejection"."""
    DEPENDENCY = "dependency"
    """What the service depends on was changed; `name` is the dependency, `detail` "cut", "slow" or "restored"."""
    REPLACED = "replaced"
    """A new instance took the place of one; `name` is "new ready", "switched", "old asked to stop" or "old ended". On a
    distributed engine `name` is "asked" and then "settled" or "unsettled", `detail` the step ("rolling update")."""
    WORK = "work"
    """A step with a job; `name` is "given", "taken", "finished", "returned" or "lost"; `detail` is what was said."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at `time`; `name` and `detail` depend on the kind, `pid` is the instance's own."""

    time: float
    kind: EventKind
    name: str = ""
    detail: str = ""
    pid: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that the service wrote, without its line end. `stream` is "stdout" or "stderr"."""

    time: float
    stream: str
    text: str
    complete: bool = True
    """False for a last line that had no line end."""


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A process of the instance. `pid` and `parent` are those of the instance's own PID namespace.

    `handles` are the numbers of the signals that it had a handler for when last looked at (SigCgt), `ignores` those
    that it ignored (SigIgn). `ended` is None if it outlived PID 1 (the kernel killed it with the namespace);
    `killed_with_namespace` says so plainly. `threads` counts tasks.
    """

    pid: int
    parent: int
    argv: tuple[str, ...]
    first_seen: float
    last_seen: float
    ended: float | None = None
    killed_with_namespace: bool = False
    handles: tuple[int, ...] = ()
    ignores: tuple[int, ...] = ()
    user: int = 0
    blocks: tuple[int, ...] | None = None
    """The signals that its main thread blocked when last looked at (SigBlk), as for signalfd; None: not looked at."""
    once_handled: tuple[int, ...] = ()
    """The signals that it had a handler for at any look: a handler may be taken away by its own first call."""
    signal: int = 0
    """The signal that killed it, where the kernel tells (pidfd since Linux 6.15)."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How PID 1 ended. `code` is by the contract (128+N for a signal); `killed` if SIGKILL after the grace period was
    needed; `oom_kills` counts processes that the kernel killed for memory."""

    time: float
    code: int
    signal: int = 0
    killed: bool = False
    oom_kills: int = 0


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the run came to be ready. `by` is "health check", "HTTP", "port", "worker" or "" if it never was.

    `limit` is how long was waited at most; `detail` what the last attempt said.
    """

    ready: bool
    time: float | None
    by: str = ""
    limit: float = 0.0
    detail: str = ""


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
class Probe:
    """One run of the service's own health check while something was wrong on purpose. `situation` says what:
    "frozen" (SIGSTOP to all of it), "refused" (nothing listens), "error" (every request is answered by 500).

    `code` is None if it was killed when its time was over; `limit` is that time in seconds, which is shorter than the
    check's own where that is very long.
    """

    situation: str
    begun: float
    ended: float
    code: int | None
    limit: float
    output: str = ""


@dataclass(frozen=True, slots=True)
class FileGrown:
    """A file inside the instance that grew while requests were answered. Bytes; `before` is None for a new one.
    `marked`: what was added holds ids of the requests that were sent."""

    path: str
    before: int | None
    after: int
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What all processes of the instance used at one moment: bytes of memory (their own, and shared pages once), open
    descriptors, processes. `tasks` counts the threads of all, as a pids limit does; `most_descriptors` are those of the
    process that has the most, as a limit of open files counts them (0: not looked at)."""

    time: float
    memory: int
    descriptors: int
    processes: int
    tasks: int = 0
    most_descriptors: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """What all processes of the instance together took, as the watcher saw it in passing: `memory` in bytes (their own
    pages, and files that they share once), `cpu` in seconds since the start, that of ended processes included."""

    time: float
    memory: int
    cpu: float


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
    (asked, and not answered), of others it was `unclear`. Ends of busy ones: `answered` (at least something was sent
    first), and by the server without a byte `unanswered_fin` and `unanswered_reset`. Of the others: `idle_fin`,
    `idle_reset`, `used_again` (it sent something first), `crossed` (asked again after the signal and not answered),
    `unclear_ends`. `left_by_client` ended from the client's side. Late ones: `refused`, `late_answered`,
    `late_unserved` (ended by the server without one byte) and `late_queued` (the same at once, as those are that meet
    the queue of a closing listener), `late_left` by the client. `left` stood or hung when the
    watch ended; `refused_early` were refused before the signal. `resets`, `overflows` and `drops` are the network
    namespace's own counters of resets sent and of connections that met a full queue. `missed` packets were not seen:
    then all is uncertain.
    """

    early: int = 0
    late: int = 0
    open: int = 0
    busy: int = 0
    unclear: int = 0
    answered: int = 0
    unanswered_fin: int = 0
    unanswered_reset: int = 0
    idle_fin: int = 0
    idle_reset: int = 0
    used_again: int = 0
    crossed: int = 0
    unclear_ends: int = 0
    left_by_client: int = 0
    refused: int = 0
    refused_early: int = 0
    late_answered: int = 0
    late_unserved: int = 0
    late_queued: int = 0
    late_left: int = 0
    left: int = 0
    resets: int = 0
    overflows: int = 0
    drops: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Outside:
    """A load command of the user's own that ran in the place of our load: its argv, how it ended (None: it was still
    running and was ended), what it printed, and what the kernel saw of its connections."""

    argv: tuple[str, ...]
    code: int | None
    output: str
    seen: Seen = Seen()


@dataclass(frozen=True, slots=True)
class Health:
    """The health check by the contract, with Docker's defaults where nothing was said. Seconds."""

    interval: float
    timeout: float
    retries: int
    start_period: float


class Scenario(Enum):
    """What was done to the instance of one run."""

    STOP = "stop"
    SECOND_SIGNAL = "second-signal"
    SLOW_CLIENTS = "slow-clients"
    INTERRUPT = "interrupt"
    ORPHAN = "orphan"
    FREEZE = "freeze"
    STAND_IN = "stand-in"
    """Not the service: its health check, with nothing in its place, and then something that answers 500."""
    CRASH = "crash"
    """SIGKILL to a worker, then to the program itself; PID 1 may be something in front of it."""
    RECOVERY = "recovery"
    """SIGKILL to the program, and the same command again on the files that it left behind."""
    EXCEPTION = "exception"
    REJECTION = "rejection"
    PORT_TAKEN = "port-taken"
    """Something else listens on the port already."""
    NO_SETTINGS = "no-settings"
    """The service's own environment variables are taken away."""
    NO_DEPENDENCY = "no-dependency"
    """Nothing listens where it expects what it depends on."""
    LOAD = "load"
    """Requests for a while, and nothing wrong: what it logs, writes and uses."""
    NON_ROOT = "non-root"
    """As a numeric user, where it runs as root."""
    READ_ONLY = "read-only"
    """With a read-only root and a tmpfs at /tmp."""
    DEPENDENCY = "dependency"
    """What it depends on is cut off, made slow and restored, while its liveness and readiness paths are asked."""
    OVERTIME = "overtime"
    """A request that never ends is in flight at the stop signal: how long does the program wait for it?"""
    OTHER_INIT = "other-init"
    """The same stop with an init where the service has none, and without one where it has."""
    ROLLOUT = "rollout"
    """It is replaced under load: a new instance ready behind the same front, then the old one stopped."""
    WORK = "work"
    """A queue worker has a job in hand at the stop signal."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One task or pod of a service on a distributed engine, while the service was replaced there.

    Times are None where the step never came, came before the recording began, or can't be seen. `told` is when the
    engine decided that it ends; `removed` when it was taken out of what clients are led to; `signalled` when its
    process got the stop signal; `closed` when the last of its listeners closed; `ended` when its process was gone, with
    `code` (`killed`: by the engine, when the grace period was over). `slot` is what it shares with the one whose place
    it takes; empty where the engine pairs none. `detail` is what the engine says of it.
    """

    name: str
    slot: str = ""
    node: str = ""
    created: float | None = None
    started: float | None = None
    ready: float | None = None
    told: float | None = None
    removed: float | None = None
    signalled: float | None = None
    closed: float | None = None
    ended: float | None = None
    code: int | None = None
    killed: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A scenario that was not run, and why. `wanted`: what it proves is asked of this service all the same, so that it
    is not proved; else it does not apply."""

    scenario: Scenario
    why: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """One instance from start to end.

    `signal` is the name of the signal of the scenario, `signalled` when it was sent (None: never got that far),
    `second_signalled` that of a repeated one. `load_lag` is the greatest lateness, in seconds, of the load generator's
    own timer while it measured: a large one means that the machine, not the service, was slow. `disturbed` says why
    the run proves nothing, if so. `log_truncated` counts lines that the recording dropped, not the service.
    """

    scenario: Scenario
    started_at: str
    readiness: Readiness
    target: Target | None
    signal: str
    grace: float
    signalled: float | None
    exit: Exit | None
    second_signalled: float | None = None
    events: tuple[Event, ...] = ()
    connections: tuple[Connection, ...] = ()
    processes: tuple[ProcessSeen, ...] = ()
    log: tuple[LogLine, ...] = ()
    log_truncated: int = 0
    rate: float = 0.0
    load_lag: float = 0.0
    disturbed: str = ""
    probes: tuple[Probe, ...] = ()
    files: tuple[FileGrown, ...] = ()
    usage: tuple[Usage, ...] = ()
    samples: tuple[Sample, ...] = ()
    """Some twenty a second, fewer of a long run."""
    asked: tuple[Asked, ...] = ()
    bulk: tuple[Bulk, ...] = ()
    """What was counted of a heavy load."""
    outside: Outside | None = None
    nofile: tuple[int, int] = (0, 0)
    """The soft and the hard limit of open files that the program has; 0: not looked at, -1: unlimited."""
    replicas: tuple[Replica, ...] = ()
    """Of a service on a distributed engine; then `signalled` is when the first replacement was asked for, and there is
    no `exit`: each replica has its own."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was drilled, as far as verdicts and reports need it. Environment values are never recorded."""

    name: str
    argv: tuple[str, ...]
    argv_place: str = ""
    final_argv: tuple[str, ...] = ()
    final_place: str = ""
    shell_form: bool = False
    init: str = ""
    """The init that PID 1 is ("tini", "seatrial-init", …), by the service's own wish; empty without one."""
    stop_signal: str = "SIGTERM"
    grace: float = 10.0
    user: str = ""
    healthcheck: tuple[str, ...] = ()
    start_period: float = 0.0
    lag: float = 0.0
    """Seconds for which a load balancer goes on sending after the signal, as the user said (0: nothing was said)."""
    accepted_codes: tuple[int, ...] = ()
    """Exit codes besides 0 that the user declared to be clean."""
    made: tuple[str, ...] = ()
    """Where the image would have files of other stages or images (COPY --from), which were not built."""
    health: Health | None = None
    restart: str = ""
    """The restart policy as written ("unless-stopped"); empty where none is."""
    memory: int = 0
    """The memory limit in bytes, 0 where none is said."""
    read_only: bool = False
    """Its files say that its root is read-only."""
    kept_paths: tuple[str, ...] = ()
    """Where volumes, binds and tmpfs are mounted."""
    composed: bool = False
    """A compose file describes it, which could have said a restart policy."""
    pids: int = 0
    """The limit of processes and threads, 0 where none is said, -1 for unlimited."""
    nofile: int = 0
    """The soft limit of open files, 0 where none is said, -1 for unlimited."""
    liveness: str = ""
    """The path that tells whether it is alive, and `readiness` whether it wants requests; empty where none is known."""
    readiness: str = ""
    dependencies: tuple[str, ...] = ()
    """What it depends on by its files, and how each was stood in for."""
    image: Image | None = None
    """Its image, where an engine has it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran: engine, kernel, cores, which limits are enforced, and what differs here from the real image."""

    engine: str
    kernel: str
    cores: int
    rootless: bool
    enforcement: tuple[str, ...] = ()
    approximations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """All runs of one trial."""

    tool: str
    recorded_at: str
    subject: Subject
    machine: Machine
    runs: tuple[Run, ...]
    format: int = FORMAT
    skipped: tuple[Skipped, ...] = ()

    def run(self, scenario: Scenario) -> Run | None:
        """The run of this scenario, if there was one."""
        return next((run for run in self.runs if run.scenario is scenario), None)

    def why_skipped(self, scenario: Scenario) -> str:
        """Why this scenario was left out, or ""."""
        return next((one.why for one in self.skipped if one.scenario is scenario), "")

    def does_not_apply(self, scenario: Scenario) -> bool:
        """Whether this scenario was left out because nothing that it proves is asked of this service."""
        return any(one.scenario is scenario and not one.wanted for one in self.skipped)
