"""The paths by which a project's Kubernetes manifests ask how its service is: what a drill asks, too."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.cli.workloads import Manifests
from seatrial.drill.options import Candidate
from seatrial.model.kubernetes import Container, Probe
from seatrial.model.service import Service


def probe_paths(service: Service, manifests: Manifests | None) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """The paths of the liveness and of the readiness probes, as candidates that are tried on the running service."""
    if manifests is None:
        return (), ()
    containers = [each for load in manifests.cluster.workloads for each in load.pod.mains]
    own = list(_own(service, containers))
    return (
        tuple(_asked("livenessProbe", (each.liveness for each in own))),
        tuple(_asked("readinessProbe", (each.readiness for each in own))),
    )


def _own(service: Service, containers: list[Container]) -> Iterator[Container]:
    """The containers that are this service: by their name, or because there is no other."""
    named = [each for each in containers if each.name == service.name]
    yield from named or (containers if len(containers) == 1 else ())


def _asked(field: str, probes: Iterator[Probe | None]) -> Iterator[Candidate]:
    for probe in probes:
        if probe is not None and probe.handler.kind == "httpGet":
            place = probe.place
            yield Candidate(probe.handler.path or "/", f"{field} in {place.file}:{place.line}", health=True)
