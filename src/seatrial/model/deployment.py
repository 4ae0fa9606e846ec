"""What is to be kept running: services with all that an engine does around them. Values only.

A `Service` says how one instance runs; a `Deployment` says how many there are, what is run before and after, and when
they are started again. Places are kept inside the `Service`; here they are needed for errors alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.model.finding import Finding
from seatrial.model.place import Place
from seatrial.model.service import Service
from seatrial.model.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Hook:
    """A command run at a moment of a service's life, that of an image where it is empty. `user` and `working_dir` empty
    are those of the service."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hooks:
    """`pre_start` runs to completion before the first start, `post_start` inside after each `up` or `start`, `pre_stop`
    inside before the stop signal."""

    pre_start: tuple[Hook, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()


@dataclass(frozen=True, slots=True)
class Restarting:
    """When it is started again. `policy` as Docker writes it ("no", "always", "unless-stopped", "on-failure[:N]").

    `delay` and `window` (seconds) and `attempts` are `deploy.restart_policy`'s; None where nothing was said.
    """

    policy: str = "no"
    delay: float | None = None
    window: float | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class WatchRule:
    """A rule of `develop.watch`: what happens when files below `path` (absolute) change. `hook` is what `sync+exec`
    runs inside."""

    path: str
    action: str
    target: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """One service of a project, and what is done around its instances.

    `on_unhealthy` is "" (nothing, as Docker), "restart" or "stop"; `probe` a URL that is asked instead of a command
    ("http://127.0.0.1:3000/health", "tcp://127.0.0.1:5432"). `shared_port` is how several instances listen at once:
    "" (find out), "reuse-port", "inherited" or "front". `network`: "host" (the machine's) or "own" (the project's).
    """

    service: Service
    place: Place | None = None
    replicas: int = 1
    container_name: str = ""
    restarting: Restarting = Restarting()
    hooks: Hooks = Hooks()
    labels: Mapping[str, str] = field(default_factory=dict)
    on_unhealthy: str = ""
    probe: str = ""
    shared_port: str = ""
    attach: bool = True
    network: str = "host"
    watch: tuple[WatchRule, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    """`extra_hosts`: names, and their addresses separated by commas."""

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name


@dataclass(frozen=True, slots=True)
class Fleet:
    """A whole project: its name, directory (absolute) and enabled services in file order; `off` are the services that
    profiles switch off. `docker_quirks`: Docker's way also where it is a known bug."""

    name: str
    directory: str
    deployments: tuple[Deployment, ...]
    off: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    files: tuple[str, ...] = ()
    docker_quirks: bool = False

    def deployment(self, name: str) -> Deployment | None:
        """The enabled service of that name."""
        return next((each for each in self.deployments if each.name == name), None)
