"""Gives a rule of compose and Dockerfiles its Kubernetes side, which is imported only where there are manifests."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from seatrial.check.interface import Check, Context, Wrong, per_service
from seatrial.model.documents import Documents, Unit
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place, Sourced
from seatrial.model.values import replace

if TYPE_CHECKING:
    from seatrial.model.kubernetes import Balancer


def is_probed(documents: Documents, unit: Unit) -> bool:
    """Whether manifests run what is built here, with probes."""
    return _is_known(documents) and bool(_running().is_probed(documents, unit))


def has_user(documents: Documents, unit: Unit) -> bool:
    """Whether manifests run what is built here, as a user that is not root."""
    return _is_known(documents) and bool(_running().has_user(documents, unit))


def memory_of(documents: Documents, unit: Unit) -> int:
    """The memory limit in bytes that manifests give what is built here; 0 where they say nothing of it."""
    return int(_running().memory_of(documents, unit)) if _is_known(documents) else 0


def balancer_of(documents: Documents, unit: Unit) -> Balancer | None:
    """What manifests put in front of what is built here, its places as seen from here."""
    found: Balancer | None = _running().balancer_of(documents, unit) if _is_known(documents) else None
    if found is None or documents.around is None:
        return found
    idle = Sourced(found.idle.value, _from_here(documents, found.idle.place)) if found.idle else None
    return replace(found, place=_from_here(documents, found.place) or found.place, idle=idle)


def _from_here(documents: Documents, place: Place | None) -> Place | None:
    return replace(place, file=posixpath.relpath(place.file, documents.prefix or ".")) if place else None


def _is_known(documents: Documents) -> bool:
    return documents.around is not None or documents.cluster is not None


def _running() -> Any:
    return import_module("seatrial.check.kubernetes.running")


def also(first: Check, name: str, severity: Severity, where: str) -> Check:
    """A check that says what `first` says, and what a look at workloads finds: `where` is "module.function" below
    `seatrial.check.kubernetes`."""

    def check(context: Context) -> Iterator[Finding]:
        yield from first(context)
        if context.documents.cluster is not None and context.documents.cluster.workloads:
            module, _, function = where.partition(".")
            kubernetes = import_module("seatrial.check.kubernetes")
            look = getattr(import_module(f"seatrial.check.kubernetes.{module}"), function)
            yield from kubernetes.per_workload(name, severity, look)(context)

    return check


def of_tasks(first: Check, name: str, severity: Severity, function: str) -> Check:
    """A check that says what `first` says, and what this function of `seatrial.check.ecs` finds in ECS' tasks."""

    def check(context: Context) -> Iterator[Finding]:
        yield from first(context)
        if context.documents.cluster is not None and context.documents.cluster.tasks:
            ecs = import_module("seatrial.check.ecs")
            yield from ecs.per_container(name, severity, getattr(ecs, function))(context)

    return check


def on_containers(name: str, severity: Severity, look: Callable[[Unit], Iterable[Wrong]]) -> Check:
    """A check of one service after the other, the containers of ECS' tasks among them."""
    first = per_service(name, severity, look)

    def check(context: Context) -> Iterator[Finding]:
        yield from first(context)
        if context.documents.cluster is not None and context.documents.cluster.tasks:
            ecs = import_module("seatrial.check.ecs")
            yield from ecs.per_container(name, severity, lambda seen: look(seen.unit))(context)

    return check
