"""How far a workload's own rollout is, by the rules of `kubectl rollout status`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Object = Mapping[str, Any]


def _deployment(workload: Object) -> str | None:
    status, wanted = workload.get("status") or {}, _size(workload)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return f"the rollout does not get on: {condition.get('message', 'its progress deadline is over')}"
    updated = int(status.get("updatedReplicas") or 0)
    left = int(status.get("replicas") or 0) - updated
    available = int(status.get("availableReplicas") or 0)
    return "" if updated >= wanted and left <= 0 and available >= updated else None


def _stateful_set(workload: Object) -> str | None:
    status = workload.get("status") or {}
    is_same = status.get("currentRevision") == status.get("updateRevision")
    return "" if is_same and int(status.get("readyReplicas") or 0) >= _size(workload) else None


def _daemon_set(workload: Object) -> str | None:
    status = workload.get("status") or {}
    wanted = int(status.get("desiredNumberScheduled") or 0)
    counts = (status.get("updatedNumberScheduled"), status.get("numberAvailable"))
    return "" if all(int(count or 0) >= wanted for count in counts) else None


def _size(workload: Object) -> int:
    replicas = workload["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of workload: its name in the client's calls, and how it says that its rollout is over."""

    name: str
    judged: Callable[[Object], str | None]

    def size(self, workload: Object) -> int:
        """How many pods it is to have."""
        if self.name == "daemon_set":
            return int((workload.get("status") or {}).get("desiredNumberScheduled") or 0)
        return _size(workload)

    def progress(self, workload: Object) -> str | None:
        """None while its rollout goes on, "" when it is over, else what went wrong."""
        observed = int((workload.get("status") or {}).get("observedGeneration") or 0)
        return self.judged(workload) if observed >= int(workload["metadata"].get("generation") or 0) else None


_DEPLOYMENT = Kind("deployment", _deployment)
_STATEFUL_SET = Kind("stateful_set", _stateful_set)
_DAEMON_SET = Kind("daemon_set", _daemon_set)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "deployment": _DEPLOYMENT,
        "deployments": _DEPLOYMENT,
        "deploy": _DEPLOYMENT,
        "statefulset": _STATEFUL_SET,
        "statefulsets": _STATEFUL_SET,
        "sts": _STATEFUL_SET,
        "daemonset": _DAEMON_SET,
        "daemonsets": _DAEMON_SET,
        "ds": _DAEMON_SET,
    }
)
"""By the words that kubectl takes."""


def why_not(workload: Object) -> str:
    """Why a restart would replace nothing, or ""."""
    spec = workload["spec"]
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    if spec.get("paused"):
        return "is paused"
    return "is updated on deletion only (OnDelete)" if strategy.get("type") == "OnDelete" else ""


def order_of(workload: Object) -> str:
    """Which comes first in its rollout, in words."""
    spec = workload["spec"]
    strategy = spec.get("strategy") or spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    words = [f"{name} {rolling[name]}" for name in ("maxSurge", "maxUnavailable") if name in rolling]
    return ", ".join([str(strategy.get("type") or "RollingUpdate"), *words])
