"""What manifests say of an image that is built here: then the Dockerfile needn't say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images
from seatrial.check.kubernetes import is_built_as
from seatrial.model.documents import Documents, Neighbour, Unit
from seatrial.model.kubernetes import Container, Pod


def is_probed(documents: Documents, unit: Unit) -> bool:
    """Whether Kubernetes runs it and asks how it is. (It never looks at a HEALTHCHECK.)"""
    found = [container for container, _ in _containers(documents, unit)]
    return bool(found) and all(each.liveness or each.readiness or each.startup for each in found)


def has_user(documents: Documents, unit: Unit) -> bool:
    """Whether Kubernetes runs it, everywhere as a user that is not root."""
    users = [each.security.run_as_user or pod.security.run_as_user for each, pod in _containers(documents, unit)]
    return bool(users) and all(user is not None and user.value > 0 for user in users)


def _containers(documents: Documents, unit: Unit) -> Iterator[tuple[Container, Pod]]:
    cluster, here = documents.around or documents.cluster, Neighbour(documents.prefix, unit)
    for workload in cluster.workloads if cluster else ():
        for container in workload.pod.mains:
            image = container.image.value if container.image else ""
            reference = images.parse(image)
            built = cluster.built_images.get(image.partition("@")[0]) if cluster else None
            if image and is_built_as(here, reference, built):
                yield container, workload.pod
