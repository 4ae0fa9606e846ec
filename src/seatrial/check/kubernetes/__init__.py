"""Workloads of Kubernetes manifests as the rules look at them: what serves, what runs, what is somebody else's. Pure.

A rule of its own kind, or the Kubernetes side of one that looks at compose and Dockerfiles, is a function of a `Seen`;
`per_workload` makes a check of it. What a kustomize patch touches counts as said: a rule asks `seen.is_patched`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from seatrial.check import images, launch, services
from seatrial.check.interface import Check, Context, Wrong, finding
from seatrial.check.kubernetes.built import built_here
from seatrial.model.documents import Documents, Neighbour, Unit
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.kubernetes import Cluster, Container, KubernetesService, Workload
from seatrial.model.place import Place
from seatrial.model.values import dataclass, replace

STORES = services.SLOW_STORES | {
    "redis",
    "valkey",
    "memcached",
    "etcd",
    "zookeeper",
    "minio",
    "nats",
    "consul",
    "vault",
}
_STORE_WORDS = ("redis", "mysql", "postgres", "mongo", "kafka", "rabbitmq", "cassandra", "elasticsearch", "zookeeper")
_STORE_PORTS = frozenset({6379, 3306, 5432, 27017, 9042, 11211, 2181, 9092, 5672, 2379, 2380, 26379, 2049})
_IDLE = launch.SHELLS | {"sleep", "tail", "pause", "echo", "true", "cat", "env", "ls"}
_PLACEHOLDERS = ("$", "{", "<", "://", "PROJECT", "REGION", "REPO", "IMAGE", "YOUR", "CHANGE", "REPLACE", "_ID", "%")


@dataclass(frozen=True, slots=True)
class Seen:
    """A workload, and what surrounds it."""

    workload: Workload
    cluster: Cluster
    documents: Documents

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"{self.workload.kind} {self.workload.name}" if self.workload.name else self.workload.kind

    @property
    def is_system(self) -> bool:
        """Whether it is part of the cluster's own machinery, where other rules hold."""
        names = (self.workload.namespace, self.workload.pod.priority_class)
        is_named = names[0].endswith("-system") or names[1].startswith("system-")
        return is_named or self.workload.kind == "DaemonSet" or self.workload.pod.is_windows

    @property
    def is_service(self) -> bool:
        """Whether it is to run for long, at least once, and is nobody's machinery."""
        replicas = self.workload.replicas
        is_off = replicas is not None and replicas.value == 0
        return self.workload.is_long_running and not self.is_system and not is_off and not self.is_bench

    @property
    def is_bench(self) -> bool:
        """Whether it is a bare pod in which nothing runs by itself: somebody opens a shell in it."""
        return self.workload.kind == "Pod" and all(_is_idle(each) for each in self.workload.pod.mains)

    @property
    def balanced(self) -> tuple[KubernetesService, ...]:
        """The Services that spread connections over its pods."""
        found = self.cluster.services_of(self.workload)
        return tuple(
            each for each in found if not each.is_headless and "TCP" in each.protocols and not _is_for_metrics(each)
        )

    @property
    def replicas(self) -> int | None:
        """How many pods there are at least; None where somebody else decides."""
        scaler = self.cluster.autoscaler_of(self.workload)
        if scaler is not None:
            return scaler.minimum.value if scaler.minimum else 1
        if self.is_patched("replicas"):
            return None
        return self.workload.replicas.value if self.workload.replicas else 1

    @property
    def is_defaulted(self) -> bool:
        """Whether a LimitRange fills in what isn't said of its resources."""
        groups, namespace = self.workload.groups, self.workload.namespace
        return any(space == namespace and shared & groups for space, shared in self.cluster.defaulted)

    def is_patched(self, *names: str) -> bool:
        """Whether a patch of the workload touches one of these fields."""
        return bool(self.workload.patched.intersection(names))

    def served(self) -> tuple[Container, ...]:
        """The containers that a Service sends to; empty where that isn't known."""
        mains = self.workload.pod.mains
        targets = {port.value for service in self.balanced for port in service.ports}
        if not targets:
            return ()
        if len(mains) == 1:
            return mains
        return tuple(each for each in mains if any({str(p.number.value), p.name} & targets for p in each.ports))

    def unit_of(self, container: Container) -> Neighbour | None:
        """The service whose Dockerfile the container's image is built from."""
        return built_here(self.documents, self.cluster, container.image.value if container.image else "")


def _is_idle(container: Container) -> bool:
    named = container.argv[0] if container.argv else images.parse(container.image.value).name if container.image else ""
    return named.rpartition("/")[2] in _IDLE


def _is_for_metrics(service: KubernetesService) -> bool:
    """Whether only a monitoring system asks it."""
    names = service.port_names or ("",)
    return service.name.endswith("metrics") or all("metrics" in name for name in names)


@lru_cache(maxsize=256)
def is_placeholder(image: str) -> bool:
    """Whether somebody fills in the image before it is used."""
    head = image.partition("@")[0]
    return not image or any(mark in head for mark in _PLACEHOLDERS) or head in ("image", "k8s-image")


def is_store(container: Container) -> bool:
    """Whether it is a data store or a broker, by its image or by what it listens on."""
    name = images.parse(container.image.value).name if container.image else ""
    ports = {each.number.value for each in container.ports}
    is_named = name in STORES or any(word in name for word in _STORE_WORDS)
    return is_named or (bool(ports) and ports <= _STORE_PORTS)


def shell_of(seen: Seen, container: Container) -> str | None:
    """What sh is in the container's image: see `images`; that of the Dockerfile where it is built here."""
    found = seen.unit_of(container)
    if found is None:
        return images.shell_of(container.image.value) if container.image else None
    base = images.shell_of(found.unit.stages[-1].image) if found.unit.stages else None
    return _copied_shell(found.unit) if base == images.NO_SHELL else base


def _copied_shell(unit: Unit) -> str | None:
    texts = " ".join(each.arguments for stage in unit.stages for each in stage.instructions)
    return None if "busybox" in texts or "/bin" in texts else images.NO_SHELL


Look = Callable[[Seen], Iterable[Wrong]]


def seen(context: Context) -> Iterator[Seen]:
    """All workloads of the context."""
    cluster = context.documents.cluster
    if cluster is not None:
        yield from (Seen(workload, cluster, context.documents) for workload in cluster.workloads)


def per_workload(name: str, severity: Severity, look: Look, confidence: Confidence = Confidence.HIGH) -> Check:
    """A check that looks at one workload after the other."""

    def check(context: Context) -> Iterator[Finding]:
        for each in seen(context):
            for wrong in look(each):
                made = finding(name, severity, wrong, each.workload.name, confidence)
                if made is not None:
                    yield made

    return check


def moved(place: Place | None, prefix: str) -> Place | None:
    """A place of a neighbour, as seen from here."""
    if place is None or not prefix:
        return place
    return replace(place, file=posixpath.normpath(prefix + place.file))


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *others, last = tuple(names)
    return f"{', '.join(others)} and {last}" if others else last
