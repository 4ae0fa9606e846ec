"""update-order: a rollout starts the new before it stops the old."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import Bad, FixSafety, Good, Rule, Wrong
from seatrial.check.kubernetes import Seen, per_workload
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

NAME = "update-order"
_FIELDS = ("strategy", "rollingUpdate", "maxUnavailable", "maxSurge", "replicas")
_BOUND = pattern(r"(\d{1,6})(%?)")
_CLAIMS = frozenset({"persistentVolumeClaim", "gcePersistentDisk", "awsElasticBlockStore", "hostPath"})


def _look(seen: Seen) -> Iterator[Wrong]:
    if seen.workload.kind != "Deployment" or seen.is_patched(*_FIELDS):
        return
    wrong = _impossible(seen) or (_outage(seen) if seen.is_service and seen.balanced else None)
    if wrong is not None:
        yield wrong


def _impossible(seen: Seen) -> Wrong | None:
    strategy = seen.workload.strategy
    bounds = strategy.max_unavailable, strategy.max_surge
    if any(bound is None or _count(bound, 100) != 0 for bound in bounds):
        return None
    place = bounds[0].place if bounds[0] else None
    message = (
        f"{seen.name}: maxUnavailable and maxSurge are both 0: Kubernetes refuses it, for no pod could be replaced"
    )
    return Wrong(message, place, "maxSurge: 1", Severity.ERROR)


def _outage(seen: Seen) -> Wrong | None:
    strategy, replicas = seen.workload.strategy, seen.replicas
    if strategy.kind is not None and strategy.kind.value == "Recreate":
        if replicas is None or replicas < 2 or any(each.kind in _CLAIMS for each in seen.workload.pod.volumes):
            return None  # with one pod, or a volume that only one may have, it is what has to be
        message = f"{seen.name}: Recreate stops all {replicas} pods before the first new one starts"
        return Wrong(message, strategy.kind.place, "type: RollingUpdate, with maxUnavailable: 0")
    bound = strategy.max_unavailable
    count = _count(bound, replicas) if bound is not None and replicas is not None else None
    if bound is None or count is None or replicas is None or count < max(replicas, 1):
        return None
    pods = "the only pod" if replicas <= 1 else f"all {replicas} pods"
    message = f"{seen.name}: with maxUnavailable {bound.value} a rollout may stop {pods} before a new one is ready"
    return Wrong(message, bound.place, "maxUnavailable: 0, and maxSurge: 1")


def _count(bound: Sourced[str], replicas: int) -> int | None:
    """The pods that a bound stands for; a share of unavailable ones is rounded down."""
    found = _BOUND.fullmatch(bound.value)
    if found is None:
        return None
    number = int(found.group(1))
    return number * replicas // 100 if found.group(2) else number


_SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\n"
)
_WEB = (
    _SERVICE + "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 2\n"
    "  strategy: STRATEGY\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)


def _with(strategy: str) -> str:
    return _WEB.replace("STRATEGY", strategy)


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A rollout of a service behind a load balancer keeps enough pods ready: start first, then stop.",
    why="With `Recreate`, or a maxUnavailable as large as the number of pods, there is a time in every rollout when "
    "nobody answers: from the stop of the last old pod until the first new one is ready.",
    example=_with("{type: Recreate}"),
    instead=_with("{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}"),
    check=per_workload(NAME, Severity.WARNING, _look),
    fix_safety=FixSafety.UNSAFE,
    fix_note="Two versions then run side by side for a while, which the program has to bear.",
    sources=("https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy",),
    bad=(
        Bad({"web.yaml": _with("{type: Recreate}")}, "web.yaml:11:20", "all 2 pods"),
        Bad({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 2}}")}, "web.yaml:11:46", "all 2 pods"),
        Bad(
            {"web.yaml": _with("{rollingUpdate: {maxUnavailable: 1}}").replace("replicas: 2", "replicas: 1")},
            "web.yaml:11:46",
            "the only pod",
        ),
        Bad({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 0%, maxSurge: 0}}")}, "web.yaml:11:46", "refuses"),
    ),
    good=(
        Good({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}")}),
        Good({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 50%}}")}, "one of two"),
        Good({"web.yaml": _with("{type: Recreate}").removeprefix(_SERVICE)}, "no traffic"),
        Good({"web.yaml": _with("{type: Recreate}").replace("replicas: 2", "replicas: 1")}, "chosen, with one pod"),
    ),
)
