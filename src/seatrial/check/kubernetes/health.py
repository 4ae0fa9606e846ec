"""The Kubernetes side of healthcheck-present and healthcheck-port: probes of what a Service sends to. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.interface import Wrong
from seatrial.check.kubernetes import Seen, moved
from seatrial.check.rules.healthcheck_timing import LONGEST
from seatrial.model.finding import Confidence, Severity
from seatrial.model.kubernetes import Container, Handler
from seatrial.model.place import Sourced

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


def timing(seen: Seen) -> Iterator[Wrong]:
    """Probes that let a container hang for long. Of two the sooner one counts."""
    if not seen.is_service or seen.is_patched(*_PROBES):
        return
    for container in seen.workload.pod.mains:
        probes = [each for each in (container.liveness, container.readiness) if each]
        probe = min(probes, key=lambda each: each.patience, default=None)
        if probe is None or probe.patience <= LONGEST:
            continue
        said = probe.period or probe.failures
        minutes, each = probe.patience / 60, f"{probe.effective_failures} × {probe.effective_period} s"
        message = f"{container.name}: that it hangs is noticed after up to {minutes:.0f} min: {each}"
        yield Wrong(message, said.place if said else probe.place, "ask every 10 to 30 s, three times")
        return


def port(seen: Seen) -> Iterator[Wrong]:
    """A probe of a port by a name that the container gives to none, or of one where its program does not listen."""
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
        yield from _by_source(seen, container)


def _by_source(seen: Seen, container: Container) -> Iterator[Wrong]:
    """A probe of a number that nobody declares, where the source that is built into the image listens on another."""
    declared = {port.number.value for each in seen.workload.pod.containers for port in each.ports}
    asked = [handler.port for handler in _handlers(container) if handler.port and handler.port.value.isdigit()]
    wrong = [port for port in asked if int(port.value[:9]) not in declared]
    listened = _listened(seen, container) if wrong else []
    for port in wrong:
        if listened and int(port.value[:9]) not in {each.value for each in listened}:
            message = f"{container.name}: the probe asks port {port.value}, and the program listens on "
            message += " and ".join(dict.fromkeys(str(each.value) for each in listened))
            related = (Sourced("it listens here", listened[0].place),)
            remedy = f"ask port {listened[0].value}"
            yield Wrong(message, port.place, remedy, confidence=Confidence.MEDIUM, related=related)
            return


def _listened(seen: Seen, container: Container) -> list[Sourced[int]]:
    """The ports that the program of the container's image listens on; nothing where it may be others."""
    neighbour = seen.unit_of(container)
    if neighbour is None or container.command or container.arguments or not neighbour.unit.has_source:
        return []
    from seatrial.check import source

    program = source.program_of(neighbour.unit)
    if program is None or not program.complete or not source.is_own_program(program):
        return []
    variables = {each.name: each.value for each in container.environment}
    given = {name: value for name, value in variables.items() if value is not None}
    text = seen.documents.texts.get(container.place.file, "")
    found: list[Sourced[int]] = []
    for each in (listen for facts in program.files for listen in facts.listens):
        name = each.port.variable
        is_from_elsewhere = name and name not in given and (name in variables or "envFrom" in text)
        number = each.port.resolved({**neighbour.unit.service.environment, **given})
        if is_from_elsewhere or number is None or not 0 < number < 65536:
            return []
        found.append(Sourced(int(number), moved(each.place, neighbour.prefix)))
    return found


def _handlers(container: Container) -> Iterator[Handler]:
    for probe in (container.liveness, container.readiness, container.startup):
        if probe is not None and probe.handler.kind in ("httpGet", "tcpSocket"):
            yield probe.handler
