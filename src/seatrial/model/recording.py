"""Everything that a drill saw. A recording is the truth: verdicts and pictures are computed from it and nothing else.

All times are seconds (float) on one monotonic clock, relative to the moment at which the instance's command was
started: 0.0 is the start, and a value before it can't occur. Values are built up by the recorder in `drill/` and are
immutable afterwards. `seatrial.drill.archive` turns them into JSON and back without loss.
"""

from __future__ import annotations

from enum import Enum

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
    RAISED = "error raised"
    """An error that nobody catches was raised in the program; `name` is "exception" or "rejection"."""


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
    descriptors, processes."""

    time: float
    memory: int
    descriptors: int
    processes: int


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
    LOAD = "load"
    """Requests for a while, and nothing wrong: what it logs, writes and uses."""
    NON_ROOT = "non-root"
    """As a numeric user, where it runs as root."""
    READ_ONLY = "read-only"
    """With a read-only root and a tmpfs at /tmp."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A scenario that was not run because it does not apply, and why."""

    scenario: Scenario
    why: str


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
        """Why this scenario was left out, if it was because it does not apply."""
        return next((one.why for one in self.skipped if one.scenario is scenario), "")
