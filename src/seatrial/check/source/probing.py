"""Probes of Kubernetes and the routes that answer them, joined through the image that is built here. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.kubernetes import Seen, moved
from seatrial.model.kubernetes import Container, Probe
from seatrial.model.place import Place, Sourced
from seatrial.model.source import Actions, Program, Route
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Answered:
    """A probe, and the route of the program that answers it. `prefix` leads to the program's places."""

    container: Container
    probe: Probe
    program: Program
    file: str
    route: Route
    prefix: str

    def actions(self) -> Iterator[Actions]:
        """What its handler does."""
        if self.route.actions is not None:
            yield from source.done_by(self.program, self.file, self.route.actions)

    def asks(self) -> Sourced[str] | None:
        """The dependency that the handler asks."""
        found = next((each.asks for each in self.actions() if each.asks), None)
        return Sourced(found.value, moved(found.place, self.prefix)) if found else None

    def place(self) -> Place | None:
        """Where the route is written."""
        return moved(self.route.place, self.prefix)


def answered(seen: Seen, kind: str) -> Iterator[Answered]:
    """The probes of this kind ("liveness", "readiness") that a route of a program from here answers."""
    for container in seen.workload.pod.mains:
        probe: Probe | None = container.liveness if kind == "liveness" else container.readiness
        if probe is None or probe.handler.kind != "httpGet" or not probe.handler.path:
            continue
        neighbour = seen.unit_of(container)
        program = source.program_of(neighbour.unit) if neighbour else None
        found = source.route_of(program, probe.handler.path) if program else None
        if neighbour is not None and program is not None and found is not None:
            yield Answered(container, probe, program, found[0].file, found[1], neighbour.prefix)
