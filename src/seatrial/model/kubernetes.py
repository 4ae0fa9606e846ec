"""What Kubernetes manifests say together: workloads with their containers, and the objects that concern them.

Values as written, each with its place; None means that nothing was said, and the `effective_…` properties fill in what
Kubernetes' API does then. Nothing here is judged. Patches are not applied: `patched` names what they touch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from seatrial.model.documents import ShellCommand
from seatrial.model.place import Place, Sourced
from seatrial.model.service import Hop
from seatrial.model.values import dataclass, field

if TYPE_CHECKING:
    from fractions import Fraction

    from seatrial.model.ecs import Task

DEFAULT_GRACE = 30
"""Seconds of `terminationGracePeriodSeconds` where nothing is said."""
LONG_RUNNING = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"})
"""Kinds whose pods are to run for ever."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What a probe or a lifecycle hook does. `kind` is the field's name: exec, httpGet, tcpSocket, grpc or sleep.

    `port` is a number or a port's name, as written; `path` is the service for grpc; `seconds` belongs to sleep.
    """

    kind: str
    place: Place
    command: tuple[str, ...] = ()
    port: Sourced[str] | None = None
    path: str = ""
    scheme: str = "HTTP"
    host: str = ""
    seconds: int = 0
    commands: tuple[ShellCommand, ...] = ()
    """What exec runs: the commands of the line that it gives to a shell, or the one that it is."""

    @property
    def what(self) -> tuple[object, ...]:
        """What it asks, without where it is written: equal for two probes that ask the same."""
        port = self.port.value if self.port else ""
        return self.kind, self.command, port, self.path or "/", self.scheme, self.host


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe. Times in seconds; `place` is its key's."""

    handler: Handler
    place: Place
    initial_delay: Sourced[int] | None = None
    period: Sourced[int] | None = None
    timeout: Sourced[int] | None = None
    failures: Sourced[int] | None = None

    @property
    def effective_delay(self) -> int:
        """Seconds before the first try."""
        return self.initial_delay.value if self.initial_delay else 0

    @property
    def effective_period(self) -> int:
        """Seconds between tries."""
        return (self.period.value if self.period else 0) or 10

    @property
    def effective_failures(self) -> int:
        """Failures in a row that count."""
        return (self.failures.value if self.failures else 0) or 3

    @property
    def patience(self) -> int:
        """About how many seconds a hang lasts before it counts."""
        return self.effective_period * self.effective_failures


@dataclass(frozen=True, slots=True)
class Variable:
    """One of a container's `env`: a literal `value`, or the kind of what it comes from (`secretKeyRef`, …)."""

    name: str
    place: Place
    value: Sourced[str] | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """One of a container's `ports`."""

    number: Sourced[int]
    name: str = ""
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Resources:
    """`resources` as written: exact amounts by name, cores for cpu and bytes for memory. `place` is its key's."""

    requests: Mapping[str, Sourced[Fraction]] = field(default_factory=dict)
    limits: Mapping[str, Sourced[Fraction]] = field(default_factory=dict)
    place: Place | None = None

    def request(self, name: str) -> Sourced[Fraction] | None:
        """What is requested; a limit without a request is one, too."""
        return self.requests.get(name) or self.limits.get(name)


@dataclass(frozen=True, slots=True)
class Security:
    """A `securityContext`, of a pod or of a container. `place` is its key's."""

    place: Place | None = None
    run_as_non_root: Sourced[bool] | None = None
    run_as_user: Sourced[int] | None = None
    privileged: Sourced[bool] | None = None
    allow_escalation: Sourced[bool] | None = None
    read_only_root: Sourced[bool] | None = None
    added: tuple[Sourced[str], ...] = ()
    dropped: tuple[Sourced[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod. `place` is that of its name. `is_init` ones run before the others and end, except those
    with `restartPolicy: Always`, which are `is_sidecar`."""

    name: str
    place: Place
    image: Sourced[str] | None = None
    pull_policy: str = ""
    command: Sourced[tuple[str, ...]] | None = None
    arguments: Sourced[tuple[str, ...]] | None = None
    environment: tuple[Variable, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None
    resources: Resources = field(default_factory=Resources)
    security: Security = field(default_factory=Security)
    pre_stop: Handler | None = None
    post_start: Handler | None = None
    is_init: bool = False
    is_sidecar: bool = False
    hops: tuple[Hop, ...] = ()
    """From `argv` to what it starts, as far as its own words say."""
    directory: Sourced[str] | None = None
    """Its `workingDir`."""

    @property
    def argv(self) -> tuple[str, ...]:
        """What the manifest says that runs: command and args, without what the image adds."""
        return (self.command.value if self.command else ()) + (self.arguments.value if self.arguments else ())


@dataclass(frozen=True, slots=True)
class Volume:
    """One of a pod's `volumes`: its name and the field that says its kind (`emptyDir`, `hostPath`, …)."""

    name: str
    kind: str
    place: Place


@dataclass(frozen=True, slots=True)
class Pod:
    """What a workload's pods are made of."""

    containers: tuple[Container, ...] = ()
    grace: Sourced[int] | None = None
    restart_policy: Sourced[str] | None = None
    security: Security = field(default_factory=Security)
    volumes: tuple[Volume, ...] = ()
    host_network: Sourced[bool] | None = None
    host_pid: Sourced[bool] | None = None
    priority_class: str = ""
    is_windows: bool = False
    place: Place | None = None

    @property
    def effective_grace(self) -> int:
        """Seconds from the stop to SIGKILL, the preStop hook included."""
        return DEFAULT_GRACE if self.grace is None else self.grace.value

    @property
    def mains(self) -> tuple[Container, ...]:
        """The containers that run as long as the pod does."""
        return tuple(each for each in self.containers if not each.is_init)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a workload is replaced: `kind` is Recreate, RollingUpdate, OnDelete. A bound is a count or a percentage as
    written ("25%")."""

    kind: Sourced[str] | None = None
    max_unavailable: Sourced[str] | None = None
    max_surge: Sourced[str] | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that makes pods. `place` is that of its name; `labels` are its pods'.

    `patched` are the names of all fields that kustomize patches of it touch; patches are not applied.
    """

    kind: str
    name: str
    place: Place
    pod: Pod
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    replicas: Sourced[int] | None = None
    strategy: Strategy = field(default_factory=Strategy)
    patched: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    """The directories and kustomizations that it is part of: what shares one belongs together."""

    @property
    def is_long_running(self) -> bool:
        """Whether its pods are to run for ever. A pod that nobody makes is restarted unless it says otherwise."""
        policy = self.pod.restart_policy
        return self.kind in LONG_RUNNING or (self.kind == "Pod" and (policy is None or policy.value == "Always"))


@dataclass(frozen=True, slots=True)
class KubernetesService:
    """A Service. `ports` are its target ports as written, `port_names` the names of its own; `is_headless` says
    `clusterIP: None`."""

    name: str
    place: Place
    namespace: str = ""
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[Sourced[str], ...] = ()
    protocols: frozenset[str] = frozenset()
    kind: str = "ClusterIP"
    is_headless: bool = False
    port_names: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DisruptionBudget:
    """A PodDisruptionBudget; its bound as written."""

    name: str
    place: Place
    namespace: str = ""
    selector: Mapping[str, str] = field(default_factory=dict)
    max_unavailable: Sourced[str] | None = None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler and the workload that it scales."""

    name: str
    place: Place
    target_kind: str
    target_name: str
    namespace: str = ""
    minimum: Sourced[int] | None = None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Balancer:
    """What sends to Services from outside, over connections that it keeps: an Ingress, a Service's load balancer.

    `kind` is "alb", "nginx" (the community's) or "elb"; `idle` the seconds that it keeps them for, where that is said.
    """

    kind: str
    name: str
    place: Place
    namespace: str = ""
    services: frozenset[str] = frozenset()
    idle: Sourced[int] | None = None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Secret:
    """A Secret written into a manifest: its `values`, decoded. They must never be shown."""

    name: str
    place: Place
    namespace: str = ""
    values: Mapping[str, Sourced[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """All that the manifests of a project say.

    `overridden_images` are the names whose tag a kustomization or skaffold sets, `built_images` the directories (from
    the root) that skaffold builds images from; `defaulted` the namespaces, each with its groups, where a LimitRange
    fills in resources. `not_read` says of a file why it was left out.
    """

    workloads: tuple[Workload, ...] = ()
    services: tuple[KubernetesService, ...] = ()
    budgets: tuple[DisruptionBudget, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    secrets: tuple[Secret, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    overridden_images: frozenset[str] = frozenset()
    built_images: Mapping[str, str] = field(default_factory=dict)
    defaulted: tuple[tuple[str, frozenset[str]], ...] = ()
    not_read: tuple[Sourced[str], ...] = ()
    tasks: tuple[Task, ...] = ()
    """Task definitions of ECS, which is another kind of cluster."""

    def left_out(self) -> tuple[str, ...]:
        """One line for each reason why something was not read, with the first file that it holds for."""
        files: dict[str, list[str]] = {}
        for each in self.not_read:
            files.setdefault(each.value, []).append(each.place.file if each.place else "")
        more = {reason: f" (and {len(found) - 1} more)" if found[1:] else "" for reason, found in files.items()}
        return tuple(f"{found[0]} {reason}{more[reason]}" for reason, found in files.items())

    def services_of(self, workload: Workload) -> tuple[KubernetesService, ...]:
        """The Services that send to its pods."""
        near = _services_by_group(self)
        found = dict.fromkeys(each for group in sorted(workload.groups) for each in near.get(group, ()))
        return tuple(self.services[number] for number in found if _selects(self.services[number], workload))

    def balancers_of(self, workload: Workload) -> tuple[Balancer, ...]:
        """What sends to it from outside."""
        names = {service.name for service in self.services_of(workload)} if self.balancers else set()
        near = (each for each in self.balancers if each.groups & workload.groups)
        return tuple(each for each in near if each.namespace == workload.namespace and each.services & names)

    def autoscaler_of(self, workload: Workload) -> Autoscaler | None:
        """What scales it."""
        for each in self.autoscalers:
            names = (each.target_kind, each.target_name) == (workload.kind, workload.name)
            if names and each.namespace == workload.namespace and each.groups & workload.groups:
                return each
        return None


@lru_cache(maxsize=2)
def _services_by_group(cluster: Cluster) -> Mapping[str, tuple[int, ...]]:
    """The numbers of the Services of each group: in a large repository all but a few are none of a workload's."""
    found: dict[str, list[int]] = {}
    for number, service in enumerate(cluster.services):
        for group in service.groups:
            found.setdefault(group, []).append(number)
    return {group: tuple(numbers) for group, numbers in found.items()}


def _selects(chooser: KubernetesService | DisruptionBudget, workload: Workload) -> bool:
    if not chooser.selector or chooser.namespace != workload.namespace or not chooser.groups & workload.groups:
        return False
    return all(workload.labels.get(key) == value for key, value in chooser.selector.items())
