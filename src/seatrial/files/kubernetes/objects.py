"""Turns the documents of one manifest into objects of the model. Pure; what is wrong becomes findings.

Objects of other kinds, and of other API groups (Knative's Service is none of Kubernetes'), are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from seatrial.files.compose.nodes import Listing, Node, Table
from seatrial.files.kubernetes.containers import read_pod
from seatrial.files.kubernetes.fields import Fields
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import (
    Autoscaler,
    Balancer,
    DisruptionBudget,
    KubernetesService,
    Pod,
    Secret,
    Strategy,
    Workload,
)
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass, field

_GROUPS = {
    "Deployment": ("apps/", "extensions/"),
    "StatefulSet": ("apps/",),
    "DaemonSet": ("apps/", "extensions/"),
    "ReplicaSet": ("apps/", "extensions/"),
    "ReplicationController": ("v1",),
    "Job": ("batch/",),
    "CronJob": ("batch/",),
    "Pod": ("v1",),
    "Service": ("v1",),
    "Secret": ("v1",),
    "LimitRange": ("v1",),
    "PodDisruptionBudget": ("policy/",),
    "HorizontalPodAutoscaler": ("autoscaling/",),
    "List": ("v1",),
}
KINDS = tuple(_GROUPS)
_OF_BALANCERS = {"Ingress": ("networking.k8s.io/", "extensions/"), "ConfigMap": ("v1",)}
_IDLE = pattern(r"(?:^|,)\s*idle_timeout\.timeout_seconds=([0-9]{1,5})")


@dataclass(slots=True)
class Objects:
    """What has been read so far."""

    workloads: list[Workload] = field(default_factory=list)
    services: list[KubernetesService] = field(default_factory=list)
    budgets: list[DisruptionBudget] = field(default_factory=list)
    autoscalers: list[Autoscaler] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    balancers: list[Balancer] = field(default_factory=list)
    idle_of_nginx: Sourced[int] | None = None
    """What the settings of ingress-nginx say, wherever they are."""
    defaulted: list[Sourced[str]] = field(default_factory=list)
    """The namespaces of LimitRanges."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many objects there are."""
        few = len(self.services) + len(self.budgets) + len(self.autoscalers)
        return len(self.workloads) + few + len(self.secrets) + len(self.defaulted)

    def add(self, root: Node) -> None:
        """Read one document; a list has its items read."""
        for table in _documents(root):
            fields = Fields(table, self.findings)
            kind, version = fields.string("kind"), fields.string("apiVersion")
            versions = _GROUPS.get(kind) or _OF_BALANCERS.get(kind)
            if versions and version.startswith(versions):
                self._add(kind, fields)

    def _add(self, kind: str, fields: Fields) -> None:
        metadata = fields.sub("metadata")
        name = (metadata.text("name") or metadata.text("generateName")) if metadata else None
        place = (name.place if name else None) or fields.key("kind") or fields.table.place
        head = _Head(kind, name.value if name else "", place, metadata.string("namespace") if metadata else "")
        readers: dict[str, Callable[[_Head, Fields], None]] = {
            "Service": self._service,
            "Secret": self._secret,
            "LimitRange": lambda found, _fields: self.defaulted.append(Sourced(found.namespace, found.place)),
            "PodDisruptionBudget": self._budget,
            "HorizontalPodAutoscaler": self._autoscaler,
            "Ingress": self._ingress,
            "ConfigMap": self._settings,
        }
        readers.get(kind, self._workload)(head, fields)

    def _workload(self, head: _Head, fields: Fields) -> None:
        spec = fields.sub("spec")
        if spec is None:
            return
        owner = _job_of(spec) if head.kind == "CronJob" else spec
        template = (fields if head.kind == "Pod" else owner.sub("template")) if owner else None
        inner = template.sub("spec") if template else None
        if template is None or inner is None or owner is None:
            return
        metadata = template.sub("metadata")
        pod: Pod = read_pod(inner)
        self.workloads.append(
            Workload(
                head.kind,
                head.name,
                head.place,
                pod,
                head.namespace,
                metadata.mapping("labels") if metadata else {},
                owner.number("replicas") if head.kind != "Pod" else None,
                _strategy(owner),
            )
        )

    def _service(self, head: _Head, fields: Fields) -> None:
        spec = fields.sub("spec")
        if spec is None:
            return
        self._balanced(head, fields.sub("metadata"))
        ports = tuple(spec.tables("ports"))
        targets = (port.text("targetPort") or port.text("port") for port in ports)
        self.services.append(
            KubernetesService(
                head.name,
                head.place,
                head.namespace,
                spec.mapping("selector"),
                tuple(target for target in targets if target),
                frozenset(port.string("protocol") or "TCP" for port in ports),
                spec.string("type") or "ClusterIP",
                spec.string("clusterIP") == "None",
                tuple(port.string("name") for port in ports),
            )
        )

    def _balanced(self, head: _Head, metadata: Fields | None) -> None:
        """The load balancer of a Service, where it is told how long to keep connections."""
        annotations = metadata.sub("annotations") if metadata else None
        said = (
            annotations.text("service.beta.kubernetes.io/aws-load-balancer-connection-idle-timeout")
            if annotations
            else None
        )
        if said is not None and said.value.isdecimal():
            idle = Sourced(int(said.value), said.place)
            self.balancers.append(Balancer("elb", head.name, head.place, head.namespace, frozenset({head.name}), idle))

    def _ingress(self, head: _Head, fields: Fields) -> None:
        metadata, spec = fields.sub("metadata"), fields.sub("spec")
        annotations = metadata.sub("annotations") if metadata else None
        if spec is None or annotations is None:
            return
        kind = next(
            (kind for mark, kind in _MARKS.items() if any(mark in key for key in annotations.table.entries)), ""
        )
        if not kind:
            return
        said = annotations.text("alb.ingress.kubernetes.io/load-balancer-attributes") if kind == "alb" else None
        found = _IDLE.search(said.value) if said else None
        idle = Sourced(int(found.group(1)), said.place) if said and found else None
        names = frozenset(_backends(spec))
        self.balancers.append(Balancer(kind, head.name, head.place, head.namespace, names, idle))

    def _settings(self, _head: _Head, fields: Fields) -> None:
        data = fields.sub("data")
        said = data.text("upstream-keepalive-timeout") if data else None
        if said is not None and said.value.isdecimal():
            self.idle_of_nginx = Sourced(int(said.value), said.place)

    def _budget(self, head: _Head, fields: Fields) -> None:
        spec = fields.sub("spec")
        selector = spec.sub("selector") if spec else None
        if spec is not None and selector is not None:
            labels = selector.mapping("matchLabels")
            bound = spec.text("maxUnavailable")
            self.budgets.append(DisruptionBudget(head.name, head.place, head.namespace, labels, bound))

    def _autoscaler(self, head: _Head, fields: Fields) -> None:
        spec = fields.sub("spec")
        target = spec.sub("scaleTargetRef") if spec else None
        if spec is not None and target is not None:
            kind, name = target.string("kind"), target.string("name")
            minimum = spec.number("minReplicas")
            self.autoscalers.append(Autoscaler(head.name, head.place, kind, name, head.namespace, minimum))

    def _secret(self, head: _Head, fields: Fields) -> None:
        values: dict[str, Sourced[str]] = {}
        for key in ("data", "stringData"):
            inner = fields.sub(key)
            for name in inner.table.entries if inner else ():
                text = inner.text(name) if inner else None
                if text is not None:
                    values[name] = Sourced(_decoded(text.value) if key == "data" else text.value, text.place)
        self.secrets.append(Secret(head.name, head.place, head.namespace, values))


@dataclass(frozen=True, slots=True)
class _Head:
    kind: str
    name: str
    place: Place
    namespace: str


def _documents(root: Node) -> Iterator[Table]:
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Table):
            continue
        items = node.get("items")
        kind = Fields(node).string("kind")
        if kind.endswith("List") and isinstance(items, Listing):
            waiting.extend(reversed(items.items))
        else:
            yield node


_MARKS = {"alb.ingress.kubernetes.io/": "alb", "nginx.ingress.kubernetes.io/": "nginx"}


def _backends(spec: Fields) -> Iterator[str]:
    """The Services that an Ingress sends to, also by the names of older versions."""
    parts = [spec.sub("defaultBackend"), spec.sub("backend")]
    for rule in spec.tables("rules"):
        http = rule.sub("http")
        parts += [path.sub("backend") for path in http.tables("paths")] if http else []
    for each in parts:
        service = each.sub("service") if each else None
        if each is not None:
            yield service.string("name") if service else each.string("serviceName")


def _job_of(spec: Fields) -> Fields | None:
    template = spec.sub("jobTemplate")
    return template.sub("spec") if template else None


def _strategy(spec: Fields) -> Strategy:
    # A StatefulSet and a DaemonSet call theirs updateStrategy.
    strategy = spec.sub("strategy") or spec.sub("updateStrategy")
    if strategy is None:
        return Strategy()
    rolling = strategy.sub("rollingUpdate")
    if rolling is None:
        return Strategy(strategy.text("type"))
    return Strategy(strategy.text("type"), rolling.text("maxUnavailable"), rolling.text("maxSurge"))


def _decoded(text: str) -> str:
    from base64 import b64decode

    try:
        return b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""
