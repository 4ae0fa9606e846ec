"""resources-set: the containers of a workload say what they need."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.check.kubernetes import Seen, listed, per_workload
from seatrial.model.finding import Severity
from seatrial.model.kubernetes import Container
from seatrial.model.place import Sourced

NAME = "resources-set"
_REMEDY = "resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}, with what was measured"


def _look(seen: Seen) -> Iterator[Wrong]:
    wrong = next((each for each in map(_contradiction, seen.workload.pod.containers) if each), None)
    if wrong is not None:
        yield wrong
    elif seen.is_service and not seen.is_patched("resources", "requests") and not seen.is_defaulted:
        yield from _missing(seen)


def _contradiction(container: Container) -> Wrong | None:
    for name, request in container.resources.requests.items():
        limit = container.resources.limits.get(name)
        if limit is not None and request.value > limit.value:
            message = f"{container.name} requests more {name} than its limit allows: Kubernetes refuses the pod"
            related = (Sourced("the limit", limit.place),) if limit.place else ()
            return Wrong(
                message, request.place, f"a request of {name} up to the limit", Severity.ERROR, related=related
            )
    return None


def _missing(seen: Seen) -> Iterator[Wrong]:
    silent = [each for each in seen.workload.pod.mains if not each.resources.requests and not each.resources.limits]
    if silent:
        whose = "" if len(seen.workload.pod.mains) == 1 else f" of {listed(each.name for each in silent)}"
        message = f"{seen.name} says nothing of the resources{whose}: it is evicted first, and nothing limits it"
        yield Wrong(message, silent[0].place, _REMEDY)
        return
    for container in seen.workload.pod.mains:
        lacking = [name for name in ("cpu", "memory") if container.resources.request(name) is None]
        if lacking:
            message = f"{container.name} has no request for {listed(lacking)}: the scheduler takes it for nothing"
            yield Wrong(message, container.resources.place, _REMEDY, Severity.INFO)
            return


_WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
_RESOURCES = "        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}\n"
_BARE = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: a.org/web:1\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="Each container of a service requests cpu and memory.",
    why="The scheduler places pods by their requests alone: without one a node is filled until it fails, and a pod "
    "without any is the first to be evicted (class BestEffort). Autoscalers compute from requests, too.",
    example=_WEB,
    instead=_WEB + _RESOURCES,
    check=per_workload(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="How much it needs is measured by the drill.",
    sources=("https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",),
    many="{count} workloads say nothing of their resources: {names}",
    bad=(
        Bad({"web.yaml": _WEB}, "web.yaml:8:15", "evicted"),
        Bad({"web.yaml": _WEB + "        resources: {requests: {cpu: 1}}\n"}, "web.yaml:10:9", "memory"),
        Bad(
            {"web.yaml": _WEB + "        resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}\n"},
            "web.yaml:10:40",
            "refuses",
        ),
        Bad({"pod.yaml": _BARE}, "pod.yaml:6:11", "Pod web says nothing"),
    ),
    good=(
        Good({"pod.yaml": _BARE.replace("spec:\n", "spec:\n  restartPolicy: OnFailure\n")}, "a job"),
        Good({"web.yaml": _WEB + _RESOURCES}),
        Good({"web.yaml": _WEB + "        resources: {limits: {cpu: 1, memory: 1Gi}}\n"}, "limits are requests, too"),
        Good({"web.yaml": _WEB.replace("name: web}", "name: web, namespace: kube-system}")}),
        Good({"web.yaml": _WEB.replace("apps", "batch").replace("Deployment", "Job")}, "a job"),
        Good({"web.yaml": _WEB + "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: all}\n"}, "filled in"),
        Good(
            {
                "web.yaml": _WEB,
                "o/kustomization.yaml": "resources: [../web.yaml]\npatches: [{path: p.yaml}]\n",
                "o/p.yaml": _WEB.replace("        image: a.org/web:1\n", _RESOURCES),
            },
            "a kustomize patch says it",
        ),
    ),
)
