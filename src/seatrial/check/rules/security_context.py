"""security-context: a service's containers give up the privileges that they don't need."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import FARGATE, Bad, FixSafety, Good, Rule, Wrong, task
from seatrial.check.kubernetes import Seen, listed, per_workload
from seatrial.check.manifests import of_tasks
from seatrial.model.finding import Severity
from seatrial.model.kubernetes import Container, Pod
from seatrial.model.place import Sourced

NAME = "security-context"
_ALL_BUT_ROOT = frozenset({"ALL", "SYS_ADMIN", "CAP_SYS_ADMIN"})
_OF_NODES = frozenset(
    {"nfs", "csi", "cni", "sysdig", "falco", "dind", "docker", "datadog", "kubelet", "tpu", "buildkit"}
)
"""Words in the names of images that mount, trace or start containers."""
_FIELDS = ("securityContext", "privileged", "allowPrivilegeEscalation", "capabilities", "runAsNonRoot", "runAsUser")
_REMEDY = (
    "securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true,"
    " capabilities: {drop: [ALL]}}"
)


def _look(seen: Seen) -> Iterator[Wrong]:
    """At most one finding a workload: a privilege that is asked for, or else what isn't given up."""
    if seen.is_system or seen.is_patched(*_FIELDS) or not seen.workload.is_long_running or seen.is_bench:
        return
    mains = seen.workload.pod.mains
    asked = [wrong for each in mains if not _works_on_the_node(each, seen.workload.pod) for wrong in _asked(each)]
    yield from (asked or list(_kept(seen)))[:1]


def _works_on_the_node(container: Container, pod: Pod) -> bool:
    """Whether it is there for the node itself or for a device of it, and can hardly do with less."""
    resources = (*container.resources.requests, *container.resources.limits)
    image = container.image.value if container.image else ""
    words = set(image.partition("@")[0].lower().replace(":", "/").replace("-", "/").replace("_", "/").split("/"))
    shares = pod.host_pid or pod.host_network or any(volume.kind == "hostPath" for volume in pod.volumes)
    return bool(shares or words & _OF_NODES) or any("/" in name for name in resources)


def _asked(container: Container) -> Iterator[Wrong]:
    security = container.security
    if security.privileged is not None and security.privileged.value:
        message = f"{container.name} is privileged: who breaks into it has the node"
        yield Wrong(message, security.privileged.place, "add the one capability that is needed", Severity.WARNING)
    for capability in security.added:
        if capability.value.upper() in _ALL_BUT_ROOT:
            message = f"{container.name} is given the capability {capability.value}, which is nearly root on the node"
            yield Wrong(message, capability.place, "add the one capability that is needed", Severity.WARNING)


def _kept(seen: Seen) -> Iterator[Wrong]:
    pod = seen.workload.pod
    for container in pod.mains:
        if _is(container.security.privileged, True):
            continue
        lacking = _lacking(container, pod)
        if set(lacking) - {"readOnlyRootFilesystem: true"}:
            nothing = len(lacking) == 4
            what = "keeps all privileges that it is born with" if nothing else f"lacks {listed(lacking)}"
            place = container.security.place or container.place
            yield Wrong(f"{seen.name}: {container.name} {what}", place, _REMEDY)
            return


def _lacking(container: Container, pod: Pod) -> list[str]:
    own, shared = container.security, pod.security
    user = own.run_as_user or shared.run_as_user
    said = own.run_as_non_root or shared.run_as_non_root
    drops = {each.value.upper() for each in own.dropped}
    met = {
        "runAsNonRoot: true": _is(said, True) or (user is not None and user.value > 0),
        "allowPrivilegeEscalation: false": _is(own.allow_escalation, False),
        "capabilities: {drop: [ALL]}": "ALL" in drops,
        "readOnlyRootFilesystem: true": _is(own.read_only_root, True),
    }
    return [name for name, is_met in met.items() if not is_met]


def _is(said: Sourced[bool] | None, wanted: bool) -> bool:
    return said is not None and said.value is wanted


_WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: web\n        image: a.org/web:1\n"
)
_SAFE = (
    "        securityContext:\n          runAsNonRoot: true\n          allowPrivilegeEscalation: false\n"
    "          readOnlyRootFilesystem: true\n          capabilities: {drop: [ALL]}\n"
)
_BARE = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: a.org/web:1\n"
)
RULE = Rule(
    name=NAME,
    severity=Severity.INFO,
    what="A service's containers are not root, gain no privileges, drop all capabilities and can't write their image.",
    why="What Kubernetes starts has root's user, fourteen capabilities and a writable file system unless it says "
    "otherwise. Each of them is a step for who breaks in, and most services need none. A privileged container has the "
    "node. Namespaces with the level `restricted` refuse such pods.",
    example=_WEB,
    instead=_WEB + _SAFE,
    check=of_tasks(per_workload(NAME, Severity.INFO, _look), NAME, Severity.INFO, "security"),
    fix_safety=FixSafety.UNSAFE,
    fix_note="The image may need root, or write somewhere; the drill says where.",
    sources=(
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted",
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
    ),
    many="{count} workloads keep privileges that they can give up: {names}",
    bad=(
        Bad({"web.yaml": _WEB}, "web.yaml:8:15", "keeps all"),
        Bad({"web.yaml": _WEB + _SAFE.replace("true\n          allow", "false\n          allow")}, "web.yaml:10:9"),
        Bad({"web.yaml": _WEB + "        securityContext: {privileged: true}\n"}, "web.yaml:10:39", "the node"),
        Bad(
            {"web.yaml": _WEB + "        securityContext: {capabilities: {add: [SYS_ADMIN]}}\n"},
            "web.yaml:10:48",
            "SYS_ADMIN",
        ),
        Bad({"pod.yaml": _BARE + "    securityContext: {privileged: true}\n"}, "pod.yaml:8:35", "the node"),
        Bad(task('"privileged": true', FARGATE), "task.json:3:15", "refused on Fargate"),
        Bad(task('"privileged": true'), "task.json:3:15", "the whole instance"),
    ),
    good=(
        Good({"web.yaml": _WEB + _SAFE}),
        Good(
            {
                "web.yaml": _WEB + "        securityContext: {privileged: true}\n"
                "        resources: {limits: {google.com/tpu: 4}}\n"
            },
            "a device of the node can't be had with less",
        ),
        Good({"web.yaml": _WEB + _SAFE.replace("          readOnlyRootFilesystem: true\n", "")}, "a matter of taste"),
        Good({"web.yaml": _WEB.replace("Deployment", "DaemonSet")}, "the cluster's own machinery"),
        Good({"web.yaml": _WEB.replace("apps", "batch").replace("Deployment", "Job")}, "a job"),
        Good({"pod.yaml": _BARE + "    command: [sleep, infinity]\n"}, "somebody opens a shell in it"),
        Good({"pod.yaml": _BARE.replace("spec:\n", "spec:\n  restartPolicy: Never\n")}, "a job"),
        Good(task('"privileged": false')),
    ),
)
