"""What a compose file promises, service by service, before it is joined with an image.

Frozen values only; nothing here reads or decides. None always means that no file says anything, so that the join can
tell "not said" from "said to be empty" (`command: []` takes the image's command away, no `command` keeps it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seatrial.model.deployment import Hooks, WatchRule
from seatrial.model.finding import Finding
from seatrial.model.place import Place, Sourced
from seatrial.model.service import LAST_STACK_MINOR, Dependency, Limits, Logging, Mount, Port
from seatrial.model.values import dataclass, field

if TYPE_CHECKING:
    from seatrial.model.documents import Rollout


@dataclass(frozen=True, slots=True)
class ComposeBuild:
    """How the image is built. `context` is an absolute directory, or as written where it is remote (`is_remote`).

    `dockerfile` is as written (relative to the context), `dockerfile_inline` the text of a Dockerfile. An argument
    with the value None was named without one and is not in the environment: the Dockerfile's own default stays.
    """

    context: Sourced[str]
    is_remote: bool = False
    dockerfile: Sourced[str] | None = None
    dockerfile_inline: Sourced[str] | None = None
    target: Sourced[str] | None = None
    args: Mapping[str, Sourced[str | None]] = field(default_factory=dict)
    additional_contexts: Mapping[str, Sourced[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ComposeHealthcheck:
    """The fields of a health check that the file says; the others are the image's. Times in seconds.

    `test` is ("NONE",), ("CMD", argv…) or ("CMD-SHELL", line), also where it was written as a string.
    """

    place: Place
    test: Sourced[tuple[str, ...]] | None = None
    interval: Sourced[float] | None = None
    timeout: Sourced[float] | None = None
    start_period: Sourced[float] | None = None
    start_interval: Sourced[float] | None = None
    retries: Sourced[int] | None = None
    disable: Sourced[bool] | None = None

    @property
    def is_disabled(self) -> bool:
        """Whether the check is switched off (`disable: true` or the test `NONE`)."""
        return bool(self.disable and self.disable.value) or bool(self.test and self.test.value[:1] == ("NONE",))


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """`deploy.restart_policy` as written: condition "none", "on-failure" or "any"; times in seconds."""

    condition: str = "any"
    delay: float | None = None
    max_attempts: int | None = None
    window: float | None = None


@dataclass(frozen=True, slots=True)
class FileGrant:
    """A secret or config of the project that a service gets as a file.

    `kind` is "secret" or "config"; `target` the absolute path in the container; of `file` (absolute), `environment`
    (a variable's name) and `content` the one that the top-level element says; all three empty for an external one.
    `value` is what that variable holds, None where it is not set.
    """

    kind: str
    source: str
    target: str
    file: str = ""
    environment: str = ""
    content: str = ""
    external: bool = False
    value: str | None = None


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service of a compose project after interpolation, merging, `extends` and `include`.

    `place` is the service's own name in the file that said it last. `entrypoint` and `command` are argument lists (a
    string was split by compose's rules); the empty tuple resets what the image says. In `environment` (env_file
    included) a value of None removes the variable, also one that the image sets. `limits` has `deploy.resources`
    applied. `restart` is "no", "always", "unless-stopped", "on-failure" or "on-failure:N", from `restart` or else
    from `deploy.restart_policy`. `depends_on` includes links, volumes_from and shared namespaces. Bind sources in
    `volumes` are absolute; `tmpfs` mounts are among them. `extensions` are the `x-…` keys as plain values.
    """

    name: str
    place: Place
    image: Sourced[str] | None = None
    build: ComposeBuild | None = None
    command: Sourced[tuple[str, ...]] | None = None
    entrypoint: Sourced[tuple[str, ...]] | None = None
    environment: Mapping[str, Sourced[str | None]] = field(default_factory=dict)
    working_dir: Sourced[str] | None = None
    user: Sourced[str] | None = None
    group_add: tuple[Sourced[str], ...] = ()
    init: Sourced[bool] | None = None
    stop_signal: Sourced[str] | None = None
    stop_grace_period: Sourced[float] | None = None
    healthcheck: ComposeHealthcheck | None = None
    restart: Sourced[str] | None = None
    restart_policy: Sourced[RestartPolicy] | None = None
    rollout: Rollout | None = None
    rollback: Rollout | None = None
    replicas: Sourced[int] | None = None
    limits: Limits = field(default_factory=Limits)
    reserved_cpus: Sourced[float] | None = None
    logging: Sourced[Logging] | None = None
    read_only: Sourced[bool] | None = None
    privileged: Sourced[bool] | None = None
    volumes: tuple[Sourced[Mount], ...] = ()
    ports: tuple[Sourced[Port], ...] = ()
    expose: tuple[Sourced[Port], ...] = ()
    depends_on: tuple[Sourced[Dependency], ...] = ()
    cap_add: tuple[Sourced[str], ...] = ()
    cap_drop: tuple[Sourced[str], ...] = ()
    security_opt: tuple[Sourced[str], ...] = ()
    hostname: Sourced[str] | None = None
    extra_hosts: tuple[Sourced[tuple[str, str]], ...] = ()
    """Names and their addresses; a name may come several times."""
    container_name: Sourced[str] | None = None
    tty: Sourced[bool] | None = None
    stdin_open: Sourced[bool] | None = None
    profiles: tuple[Sourced[str], ...] = ()
    platform: Sourced[str] | None = None
    network_mode: Sourced[str] | None = None
    pid: Sourced[str] | None = None
    ipc: Sourced[str] | None = None
    sysctls: Mapping[str, Sourced[str]] = field(default_factory=dict)
    secrets: tuple[Sourced[FileGrant], ...] = ()
    configs: tuple[Sourced[FileGrant], ...] = ()
    env_files: tuple[Sourced[str], ...] = ()
    labels: Mapping[str, Sourced[str]] = field(default_factory=dict)
    hooks: Hooks = field(default_factory=Hooks)
    watch: tuple[WatchRule, ...] = ()
    attach: Sourced[bool] | None = None
    extensions: Mapping[str, Sourced[object]] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)
    """All keys that say something, and where."""
    open_keys: frozenset[str] = frozenset()
    """The keys at any depth whose values somebody's variables decide that aren't known here."""

    @property
    def stop_grace(self) -> Sourced[float] | None:
        """The grace period that Docker really gives: compose hands it whole seconds, cut off, so `1500ms` is 1."""
        period = self.stop_grace_period
        return Sourced(float(int(period.value)), period.place) if period else None

    @property
    def no_new_privileges(self) -> bool:
        """Whether `security_opt` says no-new-privileges."""
        words = {option.value.replace("=", ":").lower() for option in self.security_opt}
        return bool(words & {"no-new-privileges", "no-new-privileges:true"})


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """What was read. `services` are the enabled ones, in file order, `disabled` those with profiles that are off.

    `is_stack` says that it is meant for `docker stack deploy`, which reads it by the format 3.`stack_minor`.
    `directory` is absolute, `files` are the compose files as places call them; a service that can't be read at all is
    missing and explained in `findings`.
    """

    name: str
    directory: str
    services: Mapping[str, ComposeService]
    disabled: Mapping[str, ComposeService] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    extensions: Mapping[str, Sourced[object]] = field(default_factory=dict)
    is_stack: bool = False
    stack_minor: int = LAST_STACK_MINOR
