"""pre-stop-delay: a pod that a Service sends to goes on for the seconds in which it is still sent to."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.check.kubernetes import Seen, hooks, is_store, per_workload
from seatrial.check.source import patience as by_source
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import Container

NAME = "pre-stop-delay"
_KINDS = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "Pod"})
_REMEDY = "lifecycle: {preStop: {sleep: {seconds: 5}}} (from Kubernetes 1.30), before that exec: sleep 5"


def _look(seen: Seen) -> Iterator[Wrong]:
    """At most one finding a workload: a hook that can't work, or else no hook at all."""
    faults = (_fault(seen, each) for each in seen.workload.pod.mains)
    yield from [*(each for each in faults if each), *_missing(seen)][:1]


def _fault(seen: Seen, container: Container) -> Wrong | None:
    hook = container.pre_stop
    why = hooks.fault(seen, container, hook) if hook else ""
    if hook is None or not why:
        return None
    message = f"{container.name}: the preStop hook fails at once, and the stop is not held back: {why}"
    return Wrong(message, hook.place, _REMEDY, Severity.WARNING)


def _missing(seen: Seen) -> Iterator[Wrong]:
    if seen.workload.kind not in _KINDS or not seen.is_service or seen.is_patched("lifecycle", "preStop"):
        return
    strategy = seen.workload.strategy.kind
    if strategy is not None and strategy.value == "Recreate":
        return  # it is away during a rollout anyway
    served = seen.served()
    if not served or any(each.pre_stop for each in seen.workload.pod.mains) or all(is_store(each) for each in served):
        return
    if any(_waits_itself(seen, each) for each in served):
        return
    services = seen.balanced
    message = (
        f"{seen.name} has no preStop sleep: Service {services[0].name} goes on sending to a pod for a moment after its"
        " stop signal"
    )
    yield Wrong(message, served[0].place, _REMEDY, confidence=Confidence.MEDIUM)


def _waits_itself(seen: Seen, container: Container) -> bool:
    """Whether the program's own handler goes on serving before it closes."""
    neighbour = seen.unit_of(container)
    if neighbour is None or not neighbour.unit.has_source:
        return False
    program = source.program_of(neighbour.unit)
    is_known = program is not None and any(name in ("lightship", "seatrial.drain") for name in program.external)
    return is_known or by_source.delay(neighbour.unit) >= 1


_SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\n"
)
_WEB = (
    _SERVICE + "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: IMAGE\n"
)
_OWN = _WEB.replace("IMAGE", "a.org/web:1")
_HOOK = "        lifecycle: {preStop: {exec: {command: [COMMAND]}}}\n"
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="A pod behind a Service holds back its stop for some seconds, by a preStop hook that the image can run.",
    why="The stop signal and the removal of the pod from the Service's endpoints start at the same time, and every "
    "node and load balancer learns of the removal later. Requests that come in between meet a closed listener. A "
    "preStop sleep keeps the pod serving until nobody sends any more. An exec hook whose program the image lacks "
    "fails at once and holds nothing back.",
    example=_OWN,
    instead=_OWN + "        lifecycle:\n          preStop:\n            sleep: {seconds: 5}\n",
    check=per_workload(NAME, Severity.INFO, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="How long the load balancer lags can't be known from the files; every stop takes that much longer.",
    sources=(
        "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow",
        "https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/",
    ),
    consequence_of=("tolerates-lb-lag",),
    many="{count} workloads behind a Service have no preStop sleep: {names}",
    bad=(
        Bad({"web.yaml": _OWN}, "web.yaml:14:15", "no preStop"),
        Bad(
            {
                "web.yaml": _WEB.replace("IMAGE", "gcr.io/distroless/static:nonroot")
                + _HOOK.replace("COMMAND", "sleep, 5")
            },
            "web.yaml:16:47",
            "has no sleep",
        ),
        Bad({"web.yaml": _OWN + _HOOK.replace("COMMAND", '"sleep 5"')}, "web.yaml:16:47", "'sleep 5'"),
        Bad({"a.yml": _SERVICE, "b.yml": _OWN.removeprefix(_SERVICE)}, "b.yml:9:15", "Service web"),
    ),
    good=(
        Good({"web.yaml": _OWN + "        lifecycle: {preStop: {sleep: {seconds: 5}}}\n"}),
        Good({"web.yaml": _OWN + _HOOK.replace("COMMAND", '"sleep", "5"')}),
        Good({"web.yaml": _OWN.removeprefix(_SERVICE)}, "nobody sends to it"),
        Good({"web.yaml": _WEB.replace("IMAGE", "postgres:17.2")}, "no web server"),
        Good({"web.yaml": _OWN.replace("app: web}, ports", "app: other}, ports")}, "another Service"),
        Good({"web.yaml": _OWN.replace("kind: Deployment", "kind: DaemonSet")}, "the cluster's own machinery"),
    ),
)
