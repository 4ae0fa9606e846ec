"""The Kubernetes side of grace-period-fits: preStop and the server's own patience within the pod's grace period."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import patience
from seatrial.check.interface import Wrong
from seatrial.check.kubernetes import Seen, hooks, moved
from seatrial.model.finding import Severity
from seatrial.model.kubernetes import Container, Pod
from seatrial.model.place import Sourced

_MARGIN = 5
_FIELD = "terminationGracePeriodSeconds"


def look(seen: Seen) -> Iterator[Wrong]:
    """At most one finding a workload."""
    pod = seen.workload.pod
    if not seen.workload.is_long_running or seen.is_patched(_FIELD, "lifecycle", "preStop"):
        return
    if pod.grace is not None and pod.grace.value == 0 and seen.is_service and not _is_idle(pod):
        message = f"{seen.name}: {_FIELD} 0 kills its pods at once, in the middle of their requests"
        yield Wrong(message, pod.grace.place, f"{_FIELD}: 30, or as long as the longest request")
        return
    wrongs = (_of_container(seen, container) for container in pod.mains)
    yield from [wrong for wrong in wrongs if wrong is not None][:1]


def _is_idle(pod: Pod) -> bool:
    """Whether all that it runs is a wait: a pod to open a shell in."""
    programs = (each.argv[0].rpartition("/")[2] if each.argv else "" for each in pod.mains)
    return all(program in ("sleep", "tail", "pause") for program in programs)


def _of_container(seen: Seen, container: Container) -> Wrong | None:
    pod = seen.workload.pod
    hook = container.pre_stop
    held = (hooks.seconds_of(hook) or 0.0) if hook else 0.0
    patient = _patience(seen, container)
    needed = held + (patient.seconds if patient else 0.0)
    left = pod.effective_grace - needed
    said = f"{_FIELD} is {pod.effective_grace} s" + ("" if pod.grace else " (the default)")
    remedy = f"{_FIELD}: {needed + (_MARGIN if patient else 30):g}"
    if patient is not None and left < 0:
        before = f"preStop sleeps {held:g} s, then " if held else ""
        message = f"{container.name}: {before}{patient.by} gives requests {patient.seconds:g} s to end, and {said}"
        place = (pod.grace.place if pod.grace else None) or (hook.place if hook else container.place)
        related = (Sourced(patient.by, patient.place),) if patient.place and patient.place != place else ()
        return Wrong(message, place, remedy, related=related)
    if hook is None or held == 0 or patient is not None or left >= _MARGIN:
        return None
    related = (Sourced("the grace period", pod.grace.place),) if pod.grace and pod.grace.place else ()
    rest = "nothing of it is left" if left <= 0 else f"{left:g} s of it are left"
    message = f"{container.name}: preStop sleeps {held:g} s, and {said}: {rest} for the program to stop"
    return Wrong(message, hook.place, remedy, Severity.WARNING if left <= 0 else Severity.INFO, related=related)


def _patience(seen: Seen, container: Container) -> patience.Patience | None:
    environment = {each.name: each.value for each in container.environment if each.value}
    place = (container.command or container.arguments or Sourced((), None)).place
    found = patience.of_command(container.argv, place, environment)
    if found is not None or container.command is not None:
        return found
    neighbour = seen.unit_of(container)
    if neighbour is None or container.arguments is not None:
        return None
    built = patience.of_unit(neighbour.unit)
    return patience.Patience(built.seconds, built.by, moved(built.place, neighbour.prefix)) if built else None
