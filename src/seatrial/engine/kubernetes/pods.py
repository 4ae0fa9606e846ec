"""What Kubernetes tells of a workload's pods, put together to replicas: its lists and watches of pods and slices. Pure.

Moments are those at which the watch told of a change, on our own clock: the cluster's own are whole seconds. An end is
the exception: it is told late, and the cluster's seconds from the order to it bound it from above.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seatrial.model.recording import Replica

KILLED = 137
MOST_GRACE = 0.9
"""After so much of the grace period an end by SIGKILL was the kubelet's."""
ROUNDED = 1.0
"""The seconds that a difference of two truncated moments may lack."""
_SLEEP = re.compile(r"\bsleep\s+([0-9.]+)s?\b")

Object = Mapping[str, Any]


@dataclass(slots=True)
class Seen:
    """A pod as far as it is known; times are monotonic."""

    name: str
    slot: str
    node: str = ""
    created: float | None = None
    started: float | None = None
    ready: float | None = None
    is_ready: bool = False
    told: float | None = None
    removed: float | None = None
    was_routed: bool = False
    delay: float | None = 0.0
    ended: float | None = None
    is_gone: bool = False
    code: int | None = None
    killed: bool = False
    detail: str = ""
    restarts: int = 0
    restarts_before: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good: one that ended without being told to is started again."""
        return self.ended is not None and (self.told is None or self.ended >= self.told)


class Pods:
    """The pods of one workload, by uid, and the slices that lead to them. `are_paired`: a pod's successor has its
    name, as a StatefulSet's has."""

    def __init__(self, *, are_paired: bool = False) -> None:
        self._are_paired = are_paired
        self._is_listed = False
        self._slices: dict[str, frozenset[str]] = {}
        self.seen: dict[str, Seen] = {}

    # --- pods ---

    def listed(self, pods: Iterable[Object], now: float) -> None:
        """Take in a whole list: what is not in it is gone."""
        there = set()
        for pod in pods:
            there.add(pod["metadata"]["uid"])
            self.changed(pod, now)
        for uid in self.seen.keys() - there:
            self._gone(self.seen[uid], now)
        self._is_listed = True

    def deleted(self, pod: Object, now: float) -> None:
        """Take in that a pod's object is gone, as it was last."""
        self.changed(pod, now)
        if found := self.seen.get(pod["metadata"]["uid"]):
            self._gone(found, now)

    def _gone(self, pod: Seen, now: float) -> None:
        pod.is_gone, pod.is_ready = True, False
        pod.told = pod.told if pod.told is not None else now
        pod.ended = pod.ended if pod.is_over else now

    def changed(self, told: Object, now: float) -> None:
        """Take in a pod as it is now."""
        metadata, status = told["metadata"], told.get("status") or {}
        pod = self.seen.get(metadata["uid"]) or self._new(told, now)
        pod.node = str((told.get("spec") or {}).get("nodeName") or pod.node)
        containers = list(status.get("containerStatuses") or ())
        states = [container.get("state") or {} for container in containers]
        if pod.started is None and states and all("waiting" not in state for state in states):
            pod.started = now
        pod.is_ready = any(
            one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ()
        )
        if pod.is_ready and pod.ready is None:
            pod.ready = now
        if metadata.get("deletionTimestamp") and pod.told is None:
            pod.told = now
        ends = [state["terminated"] for state in states if "terminated" in state]
        if ends and len(ends) == len(states) and not pod.is_over:
            self._ended(pod, metadata, ends, now)
        pod.restarts = _restarts(told)
        waiting = (state["waiting"].get("reason", "") for state in states if "waiting" in state)
        pod.detail = next((reason for reason in waiting if reason != "ContainerCreating"), pod.detail)

    def _new(self, told: Object, now: float) -> Seen:
        metadata = told["metadata"]
        name = str(metadata["name"])
        taken = any(pod.name == name for pod in self.seen.values())
        pod = Seen(f"{name} ({metadata['uid'][:8]})" if taken else name, name if self._are_paired else "")
        pod.created = now if self._is_listed else None
        pod.delay = pre_stop_seconds(told.get("spec") or {})
        pod.restarts_before = 0 if self._is_listed else _restarts(told)
        self.seen[metadata["uid"]] = pod
        return pod

    def _ended(self, pod: Seen, metadata: Object, ends: list[Object], now: float) -> None:
        worst = next((end for end in ends if end.get("exitCode")), ends[0])
        pod.code = int(worst.get("exitCode") or 0)
        if worst.get("reason") not in (None, "", "Completed", "Error"):
            pod.detail = str(worst["reason"])
        pod.ended = now
        asked, grace = _seconds(metadata.get("deletionTimestamp")), metadata.get("deletionGracePeriodSeconds")
        finished = max(filter(None, (_seconds(end.get("finishedAt")) for end in ends)), default=None)
        if pod.told is None or asked is None or grace is None or finished is None:
            return
        took = finished - (asked - float(grace))
        pod.ended = max(pod.told, min(now, pod.told + took + ROUNDED))
        pod.killed = pod.code == KILLED and pod.detail != "OOMKilled" and took + ROUNDED >= MOST_GRACE * float(grace)

    # --- what leads to them ---

    def routed(self, name: str, endpoints: Iterable[Object], now: float) -> None:
        """Take in a slice of endpoints as it is now (empty when it is gone): which pods it leads clients to."""
        self._slices[name] = frozenset(
            str((one.get("targetRef") or {}).get("uid", ""))
            for one in endpoints
            if (one.get("conditions") or {}).get("ready") is not False
        )
        led = frozenset[str]().union(*self._slices.values())
        for uid, pod in self.seen.items():
            if uid in led:
                pod.was_routed, pod.removed = True, None
            elif pod.was_routed and pod.removed is None:
                pod.removed = now

    def all_routed(self, slices: Iterable[tuple[str, Iterable[Object]]], now: float) -> None:
        """Take in a whole list of slices."""
        there = dict(slices)
        for name in self._slices.keys() - there.keys():
            self.routed(name, (), now)
        for name, endpoints in there.items():
            self.routed(name, endpoints, now)

    # --- what came of it ---

    def replicas(self) -> tuple[Replica, ...]:
        """All pods that were seen, the oldest first."""
        return tuple(_replica(pod) for pod in sorted(self.seen.values(), key=lambda one: one.created or 0.0))


def _replica(pod: Seen) -> Replica:
    again = pod.restarts - pod.restarts_before
    restarts = f"restarted {again} time{'s' if again > 1 else ''}" if again > 0 else ""
    signalled = pod.told + pod.delay if pod.told is not None and pod.delay is not None else None
    if signalled is not None and pod.ended is not None and pod.is_over:
        signalled = min(signalled, pod.ended)
    return Replica(
        name=pod.name,
        slot=pod.slot,
        node=pod.node,
        created=pod.created,
        started=pod.started,
        ready=pod.ready,
        told=pod.told,
        removed=pod.removed if pod.told is not None else None,
        signalled=signalled,
        ended=pod.ended if pod.is_over else None,
        code=pod.code if pod.is_over else None,
        killed=pod.killed,
        detail=", ".join(filter(None, (pod.detail, restarts))),
    )


def _restarts(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(container.get("restartCount") or 0) for container in statuses)


def pre_stop_seconds(spec: Object) -> float | None:
    """How long a pod's preStop hooks hold its signal up, the longest; None where that can't be read off."""
    delays = [_delay((container.get("lifecycle") or {}).get("preStop")) for container in spec.get("containers") or ()]
    return None if None in delays else max((delay for delay in delays if delay is not None), default=0.0)


def _delay(hook: Object | None) -> float | None:
    if not hook:
        return 0.0
    if "sleep" in hook:
        return float(hook["sleep"].get("seconds") or 0)
    command = " ".join(map(str, (hook.get("exec") or {}).get("command") or ()))
    found = _SLEEP.search(command)
    try:
        return float(found[1]) if found else None
    except ValueError:
        return None


def _seconds(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
