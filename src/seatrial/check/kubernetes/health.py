"""The Kubernetes side of healthcheck-present and healthcheck-port: probes of what a Service sends to. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import Wrong
from seatrial.check.kubernetes import Seen
from seatrial.model.finding import Severity
from seatrial.model.kubernetes import Container, Handler

_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


def present(seen: Seen) -> Iterator[Wrong]:
    """A workload behind a Service without a readiness probe."""
    if not seen.is_service or seen.is_patched(*_PROBES):
        return
    served = seen.served()
    if not served or any(each.readiness for each in seen.workload.pod.containers):
        return
    sender = seen.balanced[0].name
    message = f"{seen.name} has no readiness probe: Service {sender} sends to a pod as soon as its process runs"
    yield Wrong(message, served[0].place, "readinessProbe: {httpGet: {path: /ready, port: …}}, or tcpSocket at least")


def port(seen: Seen) -> Iterator[Wrong]:
    """A probe of a port by a name that the container doesn't give to any."""
    if seen.is_patched("ports", *_PROBES):
        return
    for container in seen.workload.pod.containers:
        for handler in _handlers(container):
            name = handler.port
            if name is None or name.value.isdigit() or name.value in {each.name for each in container.ports}:
                continue
            if "$" in name.value or "{" in name.value:
                continue
            message = f"{container.name}: no port of the container is called {name.value!r}: the probe always fails"
            yield Wrong(message, name.place, "the name of one of the container's ports, or a number", Severity.ERROR)
            break


def _handlers(container: Container) -> Iterator[Handler]:
    for probe in (container.liveness, container.readiness, container.startup):
        if probe is not None and probe.handler.kind in ("httpGet", "tcpSocket"):
            yield probe.handler
