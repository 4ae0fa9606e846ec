"""What manifests say of an image that is built here: then the Dockerfile needn't say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.kubernetes.built import is_built_from
from seatrial.model.documents import Documents, Unit
from seatrial.model.kubernetes import Balancer, Container, Pod, Workload


def is_probed(documents: Documents, unit: Unit) -> bool:
    """Whether Kubernetes runs it and asks how it is. (It never looks at a HEALTHCHECK.)"""
    found = [container for container, _ in _containers(documents, unit)]
    return bool(found) and all(each.liveness or each.readiness or each.startup for each in found)


def has_user(documents: Documents, unit: Unit) -> bool:
    """Whether Kubernetes runs it, everywhere as a user that is not root."""
    users = [each.security.run_as_user or pod.security.run_as_user for each, pod in _containers(documents, unit)]
    return bool(users) and all(user is not None and user.value > 0 for user in users)


def memory_of(documents: Documents, unit: Unit) -> int:
    """The memory limit that manifests give it, or what `fix` would make of their request, in bytes; 0 if neither."""
    found = [
        limit.value if limit else requested.value * 2 if requested else 0
        for container, _ in _containers(documents, unit)
        for limit, requested in [(container.resources.limits.get("memory"), container.resources.requests.get("memory"))]
    ]
    return int(max(found, default=0))


def balancer_of(documents: Documents, unit: Unit) -> Balancer | None:
    """What sends to it from outside, over connections that it keeps."""
    cluster = documents.around or documents.cluster
    for _, workload in _run(documents, unit):
        for found in cluster.balancers_of(workload) if cluster else ():
            return found
    return None


def _containers(documents: Documents, unit: Unit) -> Iterator[tuple[Container, Pod]]:
    yield from ((container, workload.pod) for container, workload in _run(documents, unit))


def _run(documents: Documents, unit: Unit) -> Iterator[tuple[Container, Workload]]:
    cluster = documents.around or documents.cluster
    is_built = is_built_from(documents, cluster, unit) if cluster else None
    for workload in cluster.workloads if cluster else ():
        for container in workload.pod.mains:
            if is_built is not None and container.image and container.image.value and is_built(container.image.value):
                yield container, workload
