"""Everything that a drill saw. A recording is the truth: verdicts and pictures are computed from it and nothing else.

All times are seconds (float) on one monotonic clock, relative to the moment at which the instance's command was
started: 0.0 is the start, and a value before it can't occur. Values are built up by the recorder in `drill/` and are
immutable afterwards. `seatrial.drill.archive` turns them into JSON and back without loss.
"""

from __future__ import annotations

from enum import Enum

from seatrial.model.service import Image
from seatrial.model.traffic import Asked, Bulk, Connection, Outside, Target
from seatrial.model.values import dataclass

FORMAT = 1
"""Version of the saved form. It changes when an older reader would misunderstand a newer recording."""


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


WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the run came to be ready. `by` is "health check", "HTTP", "port", `WORKER` or "" if it never was.

    `limit` is how long was waited at most; `detail` what the last attempt said, and `status` that of its
    answer, where it was a request.
    """

    ready: bool
    time: float | None
    by: str = ""
    limit: float = 0.0
    detail: str = ""
    status: int = 0

    @property
    def is_well(self) -> bool:
        """Whether an answer made it ready that is no error of the server's."""
        return self.ready and 0 < self.status < 500


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
    """What all processes of the instance used at one moment: bytes of memory (`charged`: to its cgroup, by the kernel;
    else their own pages, and shared ones once), open descriptors, processes. `tasks` counts the threads of all, as a
    pids limit does; `most_descriptors` are those of the process that has the most, as a limit of open files counts them
    (0: not looked at)."""

    time: float
    memory: int
    descriptors: int
    processes: int
    tasks: int = 0
    most_descriptors: int = 0
    charged: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What all processes of the instance together took, as the watcher saw it in passing: `memory` in bytes (their own
    pages, and files that they share once), `cpu` in seconds since the start, that of ended processes included."""

    time: float
    memory: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Charged:
    """What the kernel charged to an instance under a memory limit, until it was looked at: the most at once in bytes,
    caches and the kernel's own included, and how often it was at its limit and pages had to be taken back first. -1
    where the kernel does not tell."""

    peak: int = -1
    refused: int = -1


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
    MEMORY = "memory"
    """The same requests at the memory limit that its peak under them proposes."""
    MORE_MEMORY = "more-memory"
    """And at the next larger one, where that was not enough."""
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
    memory: int = 0
    """The memory limit in bytes that it ran with, 0 for none; `charged` what that came to, where it was looked at."""
    charged: Charged | None = None
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
    workload: str = ""
    """What runs it in Kubernetes by the project's manifests: "Deployment api (deploy/api.yaml:4)"."""


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
    only: tuple[str, ...] = ()
    """What alone was asked for (`--only`), and `skip` what was not: names of requirements and runs."""
    skip: tuple[str, ...] = ()

    def run(self, scenario: Scenario) -> Run | None:
        """The run of this scenario, if there was one."""
        return next((run for run in self.runs if run.scenario is scenario), None)

    def why_skipped(self, scenario: Scenario) -> str:
        """Why this scenario was left out, or ""."""
        return next((one.why for one in self.skipped if one.scenario is scenario), "")

    def does_not_apply(self, scenario: Scenario) -> bool:
        """Whether this scenario was left out because nothing that it proves is asked of this service."""
        return any(one.scenario is scenario and not one.wanted for one in self.skipped)
