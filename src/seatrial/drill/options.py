"""What a caller asks of a drill, and what it is told while the drill runs. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from seatrial.drill.programs import StandIn
from seatrial.model.recording import Scenario
from seatrial.model.service import Service

READY_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A request target that may serve a purpose, and where it comes from ("found in server.js:12")."""

    path: str
    by: str
    health: bool = False
    """It reports the service's health: during a stop it may answer 503 on purpose."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Request targets to try on the running service, the likeliest first."""

    quick: tuple[Candidate, ...] = ()
    slow: tuple[Candidate, ...] = ()
    stream: tuple[Candidate, ...] = ()
    websocket: tuple[Candidate, ...] = ()
    liveness: tuple[Candidate, ...] = ()
    readiness: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """How to drill. Seconds; a path of "" and a grace of None leave it to the service's files and to trying.

    `rate` is new connections a second in the stop scenario. `lag` is for how long a balancer goes on sending after the
    signal. `only` and `skip` choose scenarios; `parallel` is how many instances may run at once (0: one for each
    scenario). `environment` is added to the service's own. `tool` goes into the recording.
    """

    rate: float = 50.0
    connections: int = 0
    """Keep-alive connections of a heavy load beside the aimed ones."""
    load_from: tuple[str, ...] = ()
    """A command that makes the load of the stop drill in the place of ours."""
    slow_path: str = ""
    stream_path: str = ""
    quick_path: str = ""
    websocket_path: str = ""
    grace: float | None = None
    ready_timeout: float = READY_TIMEOUT
    lag: float = 0.0
    only: frozenset[Scenario] = frozenset()
    skip: frozenset[Scenario] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int | None = None
    parallel: int = 0
    candidates: Candidates = Candidates()
    accepted_codes: tuple[int, ...] = ()
    job: str = ""
    """A shell line that gives a queue worker a job, and `job_state` one that prints what became of it."""
    job_state: str = ""
    dependencies: tuple[StandIn, ...] = ()
    """What stands around each instance."""
    has_listened: bool = False
    """Another instance of the service did: one that does not is no worker."""
    others: tuple[Service, ...] = ()
    """The project's other services, on which it may depend."""
    secrets: tuple[str, ...] = ()
    """What is secret in files that the services are given."""
    approximations: tuple[str, ...] = ()
    """What of the project's files is not followed on any engine here, for the report."""
    tool: str = "seatrial"

    def names_targets(self) -> bool:
        """Whether the caller names a request target: then the service is one that listens."""
        return bool(self.quick_path or self.slow_path or self.stream_path or self.websocket_path)

    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios to run, in the order of their enum."""
        return tuple(s for s in Scenario if (not self.only or s in self.only) and s not in self.skip)


class Stage(Enum):
    """How far the instance of a scenario is."""

    PREPARING = "preparing"
    STARTING = "starting"
    WAITING = "waiting for readiness"
    READY = "ready"
    LOADING = "load running"
    SIGNALLED = "signal sent"
    KILLED = "killed after the grace period"
    ENOUGH = "ended by the drill"
    EXITED = "exited"
    DONE = "done"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of the drill, as it happens: `time` is absolute `time.monotonic()`, `text` one line for people."""

    time: float
    scenario: Scenario
    stage: Stage
    text: str = ""
