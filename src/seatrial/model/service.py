"""A service: what is to run, as its files promise it. Every value knows the file and line that said it.

A value of None means that no file says anything; the defaults of the contract are filled in by the `effective_…`
properties and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seatrial.model.place import Sourced
from seatrial.model.values import dataclass, field

DEFAULT_GRACE = 10.0
"""Seconds from the stop signal to SIGKILL where nothing says otherwise (Docker and compose)."""

LAST_STACK_MINOR = 13
"""Of the formats 3.x, the one by which `docker stack deploy` reads a file that says no version."""


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A health check by Docker's rules. Times in seconds; 0 stands for Docker's default, as in its own API.

    `test` is ("NONE",), ("CMD", argv…) or ("CMD-SHELL", line). The empty tuple inherits the image's.
    """

    test: Sourced[tuple[str, ...]]
    interval: Sourced[float] = Sourced(0.0)
    timeout: Sourced[float] = Sourced(0.0)
    start_period: Sourced[float] = Sourced(0.0)
    start_interval: Sourced[float] = Sourced(0.0)
    retries: Sourced[int] = Sourced(0)

    @property
    def is_disabled(self) -> bool:
        """Whether the check is switched off (`NONE`, `disable: true`)."""
        return self.test.value[:1] == ("NONE",)


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the service is said to listen on inside its container. `address` is that of the host on which it is
    published, "" for all."""

    number: int
    protocol: str = "tcp"
    published: int | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit: `name` without RLIMIT_ and in lower case ("nofile"); -1 is unlimited."""

    name: str
    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits. Bytes for memory, cores for cpus; None where nothing was said, -1 for unlimited swap or pids."""

    memory: Sourced[int] | None = None
    memory_swap: Sourced[int] | None = None
    memory_reservation: Sourced[int] | None = None
    cpus: Sourced[float] | None = None
    cpu_shares: Sourced[int] | None = None
    cpuset: Sourced[str] | None = None
    pids: Sourced[int] | None = None
    ulimits: tuple[Sourced[Ulimit], ...] = ()
    shm_size: Sourced[int] | None = None
    oom_score_adj: Sourced[int] | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another service that this one waits for (`depends_on`, links, volumes_from)."""

    service: str
    condition: str = "service_started"
    required: bool = True
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Logging:
    """The log driver and its options, as written."""

    driver: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume, bind or tmpfs. `kind` is "bind", "volume" or "tmpfs"; `source` is "" where it has none."""

    kind: str
    source: str
    target: str
    read_only: bool = False
    options: str = ""


@dataclass(frozen=True, slots=True)
class GrantedFile:
    """A secret or config as a file: `target` is its absolute path inside; of `file` (absolute) and `content` the one
    that holds it. `kind` is "secret" or "config"."""

    kind: str
    name: str
    target: str
    file: str = ""
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Hop:
    """One step from the declared command to the program that finally runs: `npm start` → `node server.js`.

    `by.value` names who takes the step ("npm start", "tini", "./entrypoint.sh"), `by.place` is where `argv` is written.
    `shell` is true where the step goes through a shell (npm scripts always do), `execs` where that shell is told to
    replace itself (`exec node server.js`). `before` and `after` are npm's pre… and post… scripts around the step.
    """

    argv: tuple[str, ...]
    by: Sourced[str]
    shell: bool = False
    execs: bool = False
    before: tuple[Sourced[str], ...] = ()
    after: tuple[Sourced[str], ...] = ()
    directory: str = ""
    """The directory (in the container) that `argv` is run in, "" where not known."""
    line: str = ""
    """What the shell is given, where that is a line and no file."""


SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})


def shell_line_of(argv: Sequence[str]) -> str:
    """The line of `sh -c line`, "" for anything else."""
    is_shell = len(argv) > 2 and argv[0].rpartition("/")[2] in SHELLS
    return argv[2] if is_shell and argv[1].startswith("-") and argv[1].endswith("c") else ""


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """How its image is built: `context` and `dockerfile` are absolute, `inline` is the text of `dockerfile_inline`."""

    context: str
    dockerfile: str
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    inline: str | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an image: bytes, and the step of the Dockerfile that made it."""

    size: int
    made_by: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image as an engine has it: bytes in all, and the layers that weigh most, the heaviest first."""

    name: str
    size: int
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """What is to run.

    `entrypoint` and `command` are as the contract leaves them after image and compose were joined; `argv` is what PID 1
    is started with. `shell_form` says that PID 1 is the image's shell given a line. `hops` leads from `argv` to the
    program that finally runs. `context` is the directory that the image is built from (absolute), `root` the one
    whose files appear at `workdir` (usually the same).
    """

    name: str
    context: str
    argv: Sourced[tuple[str, ...]] | None
    entrypoint: Sourced[tuple[str, ...]] | None = None
    command: Sourced[tuple[str, ...]] | None = None
    shell_form: bool = False
    hops: tuple[Hop, ...] = ()
    image: Sourced[str] | None = None
    base_images: tuple[Sourced[str], ...] = ()
    dockerfile: str | None = None
    compose_file: str | None = None
    workdir: Sourced[str] = Sourced("/")
    copies: tuple[Copy, ...] = ()
    made: tuple[str, ...] = ()
    """Absolute targets of COPY --from: what other stages or images would put there."""
    user: Sourced[str] | None = None
    group_add: tuple[str, ...] = ()
    environment: Mapping[str, Sourced[str]] = field(default_factory=dict)
    stop_signal: Sourced[str] | None = None
    stop_grace: Sourced[float] | None = None
    healthcheck: Healthcheck | None = None
    init: Sourced[bool] | None = None
    tty: bool = False
    stdin_open: bool = False
    restart: Sourced[str] | None = None
    limits: Limits = Limits()
    logging: Sourced[Logging] | None = None
    read_only: Sourced[bool] | None = None
    mounts: tuple[Sourced[Mount], ...] = ()
    granted: tuple[GrantedFile, ...] = ()
    """Secrets and configs of compose, those that are known here."""
    ports: tuple[Sourced[Port], ...] = ()
    depends_on: tuple[Sourced[Dependency], ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    no_new_privileges: bool = False
    hostname: str = ""
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    build: BuildPlan | None = None
    measured: Image | None = None
    """Its image, where an engine has it."""
    workload: Sourced[str] | None = None
    """What runs it in Kubernetes, in words: "Deployment api (deploy/api.yaml:4)"."""

    @property
    def effective_stop_signal(self) -> str:
        """The name of the signal that asks the service to stop, such as "SIGTERM"."""
        return self.stop_signal.value if self.stop_signal else "SIGTERM"

    @property
    def effective_grace(self) -> float:
        """Seconds from the stop signal to SIGKILL."""
        return self.stop_grace.value if self.stop_grace else DEFAULT_GRACE


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY or ADD from the build context that puts files into the final stage (`sources` relative to the context)."""

    sources: tuple[str, ...]
    target: str
    owner: str = ""


def signal_number(text: str) -> int:
    """The number of a signal written as Docker allows: "TERM", "SIGTERM", "15", "RTMIN+3", in any case.

    Raises ValueError for anything else. Source: moby/sys/signal, ParseSignal.
    """
    import signal  # slow: it makes an enumeration of them all

    word = text.strip().upper().removeprefix("SIG")
    if word.isascii() and word.isdigit():
        if 0 < int(word) <= signal.SIGRTMAX:
            return int(word)
        raise ValueError(f"{text!r} is not a signal")
    for base, sign in (("RTMIN+", 1), ("RTMAX-", -1)):
        if word.startswith(base) and word[len(base) :].isdigit():
            number = int(signal.SIGRTMIN if sign > 0 else signal.SIGRTMAX) + sign * int(word[len(base) :])
            if signal.SIGRTMIN <= number <= signal.SIGRTMAX:
                return number
            raise ValueError(f"{text!r} is not a signal")
    try:
        return int(signal.Signals["SIG" + word])
    except KeyError:
        raise ValueError(f"{text!r} is not a signal") from None


def signal_name(number: int) -> str:
    """The name of a signal: "SIGTERM", "SIGRTMIN+3", or "signal 99" for one that has none."""
    import signal  # as above

    try:
        return signal.Signals(number).name
    except ValueError:
        if signal.SIGRTMIN < number < signal.SIGRTMAX:
            return f"SIGRTMIN+{number - int(signal.SIGRTMIN)}"
        return f"signal {number}"
