"""Fix for probes-distinct: liveness is more patient than readiness, and a slow start has a probe of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from seatrial.check.fixes.interface import made
from seatrial.check.fixes.kubernetes import container_spot, seen_of
from seatrial.check.fixes.yaml_edits import Value, What, adding
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Container, Handler, Probe

_PERIOD = 10


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the number, or the probe: unsafe, for a hang is noticed later then. Another address than the one of readiness
    only a person knows."""
    each = seen_of(context, finding)
    for container in each.workload.pod.mains if each else ():
        alive = container.liveness
        delay = alive.initial_delay.place if alive and alive.initial_delay else None
        if alive is None or finding.place not in (alive.place, delay):
            continue
        if "both ask" in finding.message and container.readiness is not None:
            yield from made(_patient(context, finding, container, (alive, container.readiness)))
        elif "asks" not in finding.message:
            yield from made(_startup(context, finding, container, alive))


def _patient(context: Context, finding: Finding, container: Container, probes: tuple[Probe, Probe]) -> Edit | None:
    alive, ready = probes
    spot = container_spot(context, container)
    count = str(max(2 * ready.patience // alive.effective_period, alive.effective_failures) + 1)
    what = What("let liveness be more patient than readiness")
    return adding(context, finding, spot, ("livenessProbe", "failureThreshold"), count, what) if spot else None


def _startup(context: Context, finding: Finding, container: Container, alive: Probe) -> Edit | None:
    spot, handler = container_spot(context, container), _handler(alive.handler)
    if spot is None or not handler:
        return None
    slowest = max(alive.effective_delay, container.readiness.effective_delay if container.readiness else 0)
    value: dict[str, Value] = {
        **handler,
        "periodSeconds": str(_PERIOD),
        "failureThreshold": str(max(2 * slowest // _PERIOD, 30)),
    }
    return adding(context, finding, spot, ("startupProbe",), value, What("add a startup probe"))


def _handler(handler: Handler) -> dict[str, Value]:
    """The same question, written anew; nothing where it has more to it (headers)."""
    port = handler.port.value if handler.port else ""
    if handler.kind == "exec":
        return {"exec": {"command": [json.dumps(word, ensure_ascii=False) for word in handler.command]}}
    if handler.kind == "tcpSocket" and port:
        return {"tcpSocket": {"port": port}}
    if handler.kind != "httpGet" or not port or handler.host:
        return {}
    scheme: dict[str, Value] = {} if handler.scheme == "HTTP" else {"scheme": handler.scheme}
    return {"httpGet": {"path": json.dumps(handler.path or "/"), "port": port, **scheme}}
