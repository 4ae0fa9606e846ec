"""What the fixes of Kubernetes manifests share: where a workload's pod and containers stand, and the edits of
requirements that have a compose side, too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.check.fixes.yaml_edits import Spot, What, adding, node, setting, spot_at
from seatrial.check.interface import Context
from seatrial.check.kubernetes import Seen
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Cluster, Container, Workload
from seatrial.model.remembered import remembered


def seen_of(context: Context, finding: Finding) -> Seen | None:
    """The workload that the finding speaks of: the one of its name in its file that begins last before its place."""
    cluster = context.documents.cluster
    named = _by_name(cluster).get(finding.service, []) if cluster else []
    found = [each for each in named if finding.place.file in _files(each)]
    nearest = min(found, key=lambda each: _distance(each, finding), default=None)
    return Seen(nearest, cluster, context.documents) if nearest and cluster else None


@remembered
def _by_name(cluster: Cluster) -> dict[str, list[Workload]]:
    found: dict[str, list[Workload]] = {}
    for each in cluster.workloads:
        found.setdefault(each.name, []).append(each)
    return found


def _files(each: Workload) -> set[str]:
    return {each.place.file, *(container.place.file for container in each.pod.containers)}


def _distance(each: Workload, finding: Finding) -> int:
    lines = [each.place.line, *(container.place.line for container in each.pod.containers)]
    return min(abs(line - finding.place.line) for line in lines)


def container_spot(context: Context, container: Container) -> Spot | None:
    """The container's mapping, where it has a name."""
    found = spot_at(context, container.place)
    return found.above() if found and found.path[-1:] == ("name",) else None


def pod_spot(context: Context, containers: Iterable[Container]) -> Spot | None:
    """The pod's `spec`."""
    found = next((container_spot(context, each) for each in containers), None)
    return found.above(2) if found and len(found.path) > 2 else None


def pointed(each: Seen, finding: Finding) -> Container | None:
    """The container whose place the finding has, or the only one, or the one that the message begins with."""
    containers = each.workload.pod.containers
    for container in containers:
        if container.place == finding.place:
            return container
    named = [one for one in containers if finding.message.startswith((f"{one.name}:", f"{one.name} "))]
    if len(named) == 1:
        return named[0]
    return containers[0] if len(containers) == 1 else None


def grace(context: Context, finding: Finding, seconds: str, what: What) -> Edit | None:
    """terminationGracePeriodSeconds of the pod."""
    each = seen_of(context, finding)
    spot = pod_spot(context, each.workload.pod.containers) if each else None
    return adding(context, finding, spot, ("terminationGracePeriodSeconds",), seconds, what) if spot else None


def readiness(context: Context, finding: Finding) -> Edit | None:
    """A readiness probe that connects to the port that a Service sends to."""
    each = seen_of(context, finding)
    container = pointed(each, finding) if each else None
    spot = container_spot(context, container) if container else None
    if each is None or container is None or spot is None:
        return None
    port = _port(each, container)
    if not port:
        return None
    what = What("add a readiness probe", todo="healthcheck-present: ask an address that says that it is ready")
    return adding(context, finding, spot, ("readinessProbe",), {"tcpSocket": {"port": port}}, what)


def _port(each: Seen, container: Container) -> str:
    """The number or the name of the port that is sent to."""
    names = {port.name for port in container.ports if port.name}
    for service in each.balanced:
        for target in service.ports:
            if target.value.isdigit() or target.value in names:
                return target.value
    tcp = [port for port in container.ports if port.protocol == "TCP"]
    return str(tcp[0].number.value) if tcp else ""


def memory(context: Context, finding: Finding) -> Iterator[Edit]:
    """A limit for each container that requests memory and has none."""
    each = seen_of(context, finding)
    for container in each.workload.pod.mains if each and "no memory limit" in finding.message else ():
        if "memory" not in container.resources.limits:
            edit = _memory(context, finding, container)
            if edit is not None:
                yield edit


def _memory(context: Context, finding: Finding, container: Container) -> Edit | None:
    """Twice what is requested."""
    spot, requested = container_spot(context, container), container.resources.requests.get("memory")
    if spot is None or requested is None or requested.value < 1:
        return None
    mebi = max(int(requested.value * 2 / (1024 * 1024)), 64)
    what = What("add a memory limit", todo="memory-limit: measure what it needs; this is twice the request")
    return adding(context, finding, spot, ("resources", "limits", "memory"), f"{mebi}Mi", what)


def user(context: Context, finding: Finding) -> Edit | None:
    """A number for the user that Kubernetes can check, or another one than root's."""
    from seatrial.check.fixes.non_root_user import NUMBER

    each = seen_of(context, finding)
    spot = spot_at(context, finding.place)
    if each is None or spot is None:
        return None
    what = What("run it as a user that is not root")
    if spot.path[-1] == "runAsUser":
        return setting(context, finding, spot, NUMBER, what)
    if spot.path[-1] == "runAsNonRoot" and node(context, spot.above()):
        number = "1000" if "USER node of" in finding.message else NUMBER
        return adding(context, finding, spot.above(), ("runAsUser",), number, what)
    return None
