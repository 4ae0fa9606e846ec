"""The Kubernetes side of memory-limit: there is one, and the heap fits in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.check.interface import Wrong
from seatrial.check.kubernetes import Seen
from seatrial.check.rules import memory_limit
from seatrial.model.finding import Severity
from seatrial.model.kubernetes import Container
from seatrial.model.place import Sourced
from seatrial.model.values import replace

if TYPE_CHECKING:
    from fractions import Fraction

_MEBI = 1024 * 1024
_REMEDY = "give the heap about three quarters of the limit"


def look(seen: Seen) -> Iterator[Wrong]:
    """One finding a workload. Where nothing is said of memory, resources-set says so."""
    if seen.is_patched("resources", "limits", "args", "command", "env"):
        return
    for container in seen.workload.pod.mains:
        wrong = _too_large(container) or _missing(seen, container)
        if wrong is not None:
            yield wrong
            return


def _too_large(container: Container) -> Wrong | None:
    limit = container.resources.limits.get("memory")
    if limit is None:
        return None
    said = [each.value for each in container.environment if each.value and each.name in memory_limit.VARIABLES]
    said += [Sourced(" ".join(each.value), each.place) for each in (container.command, container.arguments) if each]
    for text in said:
        for heap, place in memory_limit.heaps_in(text):
            if heap >= limit.value:
                shown = f"{heap // _MEBI} MiB, and the memory limit is {int(limit.value) // _MEBI} MiB"
                message = f"{container.name}: the heap may grow to {shown}: it is killed before it collects its garbage"
                related = (Sourced("the limit", limit.place),) if limit.place else ()
                return Wrong(message, place, _REMEDY, Severity.ERROR, related=related)
    return _too_many(container, limit)


def _too_many(container: Container, limit: Sourced[Fraction]) -> Wrong | None:
    said = container.command or container.arguments
    environment = {each.name: each.value for each in container.environment if each.value}
    argv = Sourced(container.argv, said.place if said else None)
    wrong = memory_limit.too_many(argv, environment, limit)
    return replace(wrong, message=f"{container.name}: {wrong.message}") if wrong else None


def _missing(seen: Seen, container: Container) -> Wrong | None:
    resources = container.resources
    if "memory" in resources.limits or "memory" not in resources.requests or not seen.is_service or seen.is_defaulted:
        return None  # where it isn't requested either, resources-set says so
    message = f"{container.name} has no memory limit: a leak in it takes the whole node down"
    return Wrong(message, resources.place, "limits: {memory: 512Mi}, with what was measured")
