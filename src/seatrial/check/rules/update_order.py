"""update-order: a rollout starts the new before it stops the old."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.interface import Bad, Context, FixSafety, Good, Rule, Wrong, over
from seatrial.check.kubernetes import STORES, Seen, per_workload
from seatrial.model.documents import Rollout, Unit
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Sourced

NAME = "update-order"
_FIELDS = ("strategy", "rollingUpdate", "maxUnavailable", "maxSurge", "replicas")
_BOUND = pattern(r"(\d{1,6})(%?)")
_CLAIMS = frozenset({"persistentVolumeClaim", "gcePersistentDisk", "awsElasticBlockStore", "hostPath"})


def _check(context: Context) -> Iterator[Finding]:
    yield from over(NAME, Severity.WARNING, services.production, _of_swarm)(context)
    yield from per_workload(NAME, Severity.WARNING, _look)(context)


def _of_swarm(unit: Unit) -> Iterator[Wrong]:
    """Services that Swarm replaces: nothing is said where a second one beside the first may not be."""
    entry = unit.compose
    if entry is None or entry.rollout is None:
        return
    stopping = _stopping(unit, entry.rollout, "an update stops {tasks}, and starts the new only then")
    failing = entry.rollout.failure_action
    if stopping is not None:
        yield stopping
    elif failing and failing.value == "continue":
        message = f"{unit.service.name}: an update goes on while the new tasks fail, until none of the old is left"
        yield Wrong(message, failing.place, "failure_action: rollback", Severity.INFO)
    if entry.rollback is not None:
        back = _stopping(unit, entry.rollback, "a rollback stops {tasks}, and starts the old only then")
        yield from (back,) if back else ()


def _stopping(unit: Unit, rollout: Rollout, what: str) -> Wrong | None:
    """What is said where all tasks are stopped before another one starts."""
    replicas = unit.compose.replicas.value if unit.compose and unit.compose.replicas else 1
    at_once = rollout.parallelism.value if rollout.parallelism else 1
    is_all = replicas > 0 and (at_once == 0 or at_once >= replicas)
    # Who writes stop-first for a single task wants no second one beside it.
    stops_first = rollout.order is None or (rollout.order.value == "stop-first" and replicas > 1)
    if not (stops_first and is_all and _may_run_twice(unit, rollout)):
        return None
    tasks = "the only task" if replicas == 1 else f"all {replicas} tasks at once"
    message = f"{unit.service.name}: {what.format(tasks=tasks)}"
    place = (rollout.order.place if rollout.order else None) or rollout.place
    remedy = _START_FIRST + services.since(unit, "order")
    return Wrong(message + ("" if rollout.order else " (order is stop-first by default)"), place, remedy)


def _may_run_twice(unit: Unit, rollout: Rollout) -> bool:
    """Whether it is sent to, and holds nothing that only one may have."""
    is_shared = any(mount.value.kind != "tmpfs" and not mount.value.read_only for mount in unit.service.mounts)
    return (
        bool(unit.service.ports) and not rollout.is_bound and not is_shared and services.image_name(unit) not in STORES
    )


_START_FIRST = "order: start-first, with a health check, so that the old waits for the new"


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


_SWARM = (
    "services:\n  web:\n    image: a.org/web:1\n    ports: ['80:80']\n    deploy:\n      replicas: 2\n"
    "      update_config: {UPDATE}\n"
)


def _stack(update: str) -> str:
    return _SWARM.replace("UPDATE", update)


def _with(strategy: str) -> str:
    return _WEB.replace("STRATEGY", strategy)


RULE = Rule(
    name=NAME,
    severity=Severity.WARNING,
    what="A rollout of a service behind a load balancer keeps enough of it ready: start first, then stop.",
    why="With `Recreate`, a `stop-first` of all tasks at once, or a maxUnavailable as large as the number of pods, "
    "there is a time in every rollout when nobody answers: from the stop of the last old one until the first new one "
    "is ready. Swarm stops first unless told otherwise, also on the way back (`rollback_config`), and with "
    "`failure_action: continue` it replaces all tasks by new ones that fail.",
    example=_with("{type: Recreate}"),
    instead=_with("{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}"),
    check=_check,
    fix_safety=FixSafety.UNSAFE,
    fix_note="Two versions then run side by side for a while, which the program has to bear.",
    sources=(
        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy",
        "https://docs.docker.com/reference/compose-file/deploy/#update_config",
    ),
    bad=(
        Bad({"web.yaml": _with("{type: Recreate}")}, "web.yaml:11:20", "all 2 pods"),
        Bad({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 2}}")}, "web.yaml:11:46", "all 2 pods"),
        Bad(
            {"web.yaml": _with("{rollingUpdate: {maxUnavailable: 1}}").replace("replicas: 2", "replicas: 1")},
            "web.yaml:11:46",
            "the only pod",
        ),
        Bad({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 0%, maxSurge: 0}}")}, "web.yaml:11:46", "refuses"),
        Bad({"compose.yaml": _stack("parallelism: 2")}, "compose.yaml:7:22", "all 2 tasks at once"),
        Bad({"compose.yaml": _stack("parallelism: 0, order: stop-first")}, "compose.yaml:7:46", "all 2 tasks at once"),
        Bad({"compose.yaml": _stack("delay: 5s").replace("replicas: 2", "replicas: 1")}, "compose.yaml:7:22", "only"),
        Bad({"compose.yaml": _stack("failure_action: continue")}, "compose.yaml:7:39", "goes on while"),
        Bad(
            {"compose.yaml": _stack("order: start-first") + "      rollback_config: {parallelism: 0}\n"},
            "compose.yaml:8:24",
            "a rollback stops all 2 tasks",
        ),
    ),
    good=(
        Good({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}")}),
        Good({"web.yaml": _with("{rollingUpdate: {maxUnavailable: 50%}}")}, "one of two"),
        Good({"web.yaml": _with("{type: Recreate}").removeprefix(_SERVICE)}, "no traffic"),
        Good({"web.yaml": _with("{type: Recreate}").replace("replicas: 2", "replicas: 1")}, "chosen, with one pod"),
        Good({"compose.yaml": _stack("parallelism: 2, order: start-first, failure_action: rollback")}),
        Good({"compose.yaml": _stack("parallelism: 1, delay: 10s")}, "one after the other"),
        Good({"compose.yaml": _stack("delay: 10s") + "      rollback_config: {delay: 5s}\n"}, "so is the way back"),
        Good({"compose.yaml": _stack("order: stop-first").replace("replicas: 2", "replicas: 1")}, "somebody's will"),
        Good({"compose.yaml": _stack("parallelism: 2").replace("'80:80'", "{target: 80, mode: host}")}, "its own port"),
        Good({"compose.yaml": _stack("parallelism: 2").replace("a.org/web:1", "redis:8")}, "its data is its own"),
        Good({"compose.yaml": _stack("parallelism: 2").replace("    ports: ['80:80']\n", "")}, "no traffic"),
    ),
)
