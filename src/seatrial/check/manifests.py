"""Gives a rule of compose and Dockerfiles its Kubernetes side, which is imported only where there are manifests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from seatrial.check.interface import Check, Context
from seatrial.model.finding import Finding, Severity


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
