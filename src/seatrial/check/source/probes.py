"""The Kubernetes side of liveness-is-shallow and readiness-is-deep: probes and the source that answers them."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import source
from seatrial.check.interface import Context, Wrong
from seatrial.check.kubernetes import Seen, per_workload
from seatrial.check.source.probing import answered
from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.place import Sourced


def liveness(context: Context, requirement: str, remedy: str) -> Iterator[Finding]:
    """Liveness probes whose route asks a dependency."""

    def look(seen: Seen) -> Iterator[Wrong]:
        if seen.is_patched("livenessProbe"):
            return
        for each in answered(seen, "liveness"):
            asks = each.asks()
            if asks is not None and asks.place is not None:
                path = each.probe.handler.path
                where = f"{asks.value} ({asks.place.file}:{asks.place.line})"
                message = (
                    f"{each.container.name}: liveness asks {path}, which asks {where}: while that is down, all pods"
                )
                related = (Sourced("asked here", asks.place),)
                yield Wrong(message + " are restarted", each.probe.place, remedy, related=related)
                return

    yield from per_workload(requirement, Severity.WARNING, look, Confidence.MEDIUM)(context)


def readiness(context: Context, requirement: str, remedy: str) -> Iterator[Finding]:
    """Readiness probes whose route always says yes, in a program that has a data store."""

    def look(seen: Seen) -> Iterator[Wrong]:
        if seen.is_patched("readinessProbe"):
            return
        for each in answered(seen, "readiness"):
            actions, place, clients = list(each.actions()), each.place(), source.stores(each.program)
            if len(actions) == 1 and actions[0].is_constant and clients and place is not None:
                where = f"{each.probe.handler.path} ({place.file}:{place.line})"
                message = f"{each.container.name}: readiness asks {where}, which always says yes: not even with"
                related = (Sourced("answered here", place),)
                yield Wrong(f"{message} {clients[0]} down does it fail", each.probe.place, remedy, related=related)
                return

    yield from per_workload(requirement, Severity.INFO, look, Confidence.MEDIUM)(context)
