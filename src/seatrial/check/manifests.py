"""Gives a rule of compose and Dockerfiles its Kubernetes side, which is imported only where there are manifests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from seatrial.check.interface import Check, Context
from seatrial.model.documents import Documents, Unit
from seatrial.model.finding import Finding, Severity


def is_probed(documents: Documents, unit: Unit) -> bool:
    """Whether manifests run what is built here, with probes."""
    return _is_known(documents) and bool(_running().is_probed(documents, unit))


def has_user(documents: Documents, unit: Unit) -> bool:
    """Whether manifests run what is built here, as a user that is not root."""
    return _is_known(documents) and bool(_running().has_user(documents, unit))


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
