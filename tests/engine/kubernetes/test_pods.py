"""What Kubernetes tells of pods becomes replicas, and a workload's status says how far its rollout is."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.engine.kubernetes.pods import Pods, pre_stop_seconds
from seatrial.engine.kubernetes.progress import KINDS, order_of, why_not
from seatrial.engine.kubernetes.workload import selector

RUNNING = {"running": {"startedAt": "2026-11-21T20:00:00Z"}}


def pod(name: str, uid: str = "", state: dict[str, Any] | None = None, *, ready: bool = False, **metadata: Any) -> Any:
    statuses = [{"name": "api", "state": state}] if state else []
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "uid": uid or name, **metadata},
        "spec": {"nodeName": "node-1", "containers": [{"name": "api"}]},
        "status": {"conditions": conditions, "containerStatuses": statuses},
    }


def ended(code: int, finished: str = "2026-11-21T20:00:09Z", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": finished}}


def endpoint(uid: str, *, ready: bool = True) -> dict[str, Any]:
    return {"targetRef": {"uid": uid}, "conditions": {"ready": ready}}


GOING = {"deletionTimestamp": "2026-11-21T20:00:10Z", "deletionGracePeriodSeconds": 10}
"""Told at 20:00:00 to be gone within ten seconds."""


def test_a_replacement_is_put_together_from_watches() -> None:
    pods = Pods()
    pods.listed([pod("old", state=RUNNING, ready=True)], 1.0)
    pods.routed("slice", [endpoint("old")], 1.0)
    pods.changed(pod("new"), 2.0)
    pods.changed(pod("new", state={"waiting": {"reason": "ContainerCreating"}}), 2.1)
    pods.changed(pod("new", state=RUNNING), 2.5)
    pods.changed(pod("new", state=RUNNING, ready=True), 3.0)
    pods.routed("slice", [endpoint("old"), endpoint("new")], 3.1)
    pods.changed(pod("old", state=RUNNING, ready=True, **GOING), 3.2)
    pods.routed("slice", [endpoint("old", ready=False), endpoint("new")], 3.3)
    pods.changed(pod("old", state=ended(0), **GOING), 12.4)
    pods.deleted(pod("old", state=ended(0), **GOING), 13.0)
    old, new = pods.replicas()
    assert (old.created, old.told, old.signalled, old.removed, old.code) == (None, 3.2, 3.2, 3.3, 0)
    assert old.ended == 12.4, "which is before what the cluster's whole seconds allow"
    assert (new.created, new.started, new.ready, new.told, new.removed, new.detail) == (2.0, 2.5, 3.0, None, None, "")


def test_an_end_that_is_told_late_is_bounded_by_the_clusters_own_seconds() -> None:
    pods = Pods()
    pods.listed([pod("old", state=RUNNING, ready=True)], 1.0)
    pods.changed(pod("old", state=RUNNING, **GOING), 2.0)
    pods.changed(pod("old", state=ended(0, "2026-11-21T20:00:03Z"), **GOING), 20.0)
    assert pods.replicas()[0].ended == 6.0


@pytest.mark.parametrize(
    ("end", "killed", "detail"),
    [
        (ended(137), True, ""),
        (ended(137, "2026-11-21T20:00:02Z"), False, ""),
        (ended(137, reason="OOMKilled"), False, "OOMKilled"),
        (ended(143), False, ""),
    ],
)
def test_who_was_killed_at_the_end_of_its_grace_is_told(end: dict[str, Any], killed: bool, detail: str) -> None:
    pods = Pods()
    pods.listed([pod("old", state=RUNNING)], 1.0)
    pods.changed(pod("old", state=RUNNING, **GOING), 2.0)
    pods.changed(pod("old", state=end, **GOING), 12.0)
    (old,) = pods.replicas()
    assert (old.killed, old.detail) == (killed, detail)


def test_what_a_new_list_lacks_is_gone() -> None:
    pods = Pods()
    pods.listed([pod("old", state=RUNNING, ready=True)], 1.0)
    pods.all_routed([("slice", [endpoint("old")])], 1.0)
    pods.listed([pod("new", state=RUNNING, ready=True)], 5.0)
    pods.all_routed([], 5.1)
    old, new = pods.replicas()
    assert (old.told, old.ended, old.removed, old.code) == (5.0, 5.0, 5.1, None)
    assert (new.created, new.ready) == (5.0, 5.0)


def test_a_pod_that_takes_its_predecessors_name_is_its_successor() -> None:
    pods = Pods(are_paired=True)
    pods.listed([pod("db-0", "11111111-a", RUNNING, ready=True)], 1.0)
    pods.deleted(pod("db-0", "11111111-a", RUNNING), 2.0)
    pods.changed(pod("db-0", "22222222-b"), 3.0)
    assert [(one.name, one.slot) for one in pods.replicas()] == [("db-0", "db-0"), ("db-0 (22222222)", "db-0")]


def test_a_pod_whose_container_was_started_again_lives_on() -> None:
    pods = Pods()
    again = pod("old", state=RUNNING, ready=True)
    pods.listed([again], 1.0)
    pods.changed(pod("old", state=ended(1)), 2.0)
    again["status"]["containerStatuses"][0]["restartCount"] = 1
    pods.changed(again, 3.0)
    (old,) = pods.replicas()
    assert (old.ended, old.told, old.detail) == (2.0, None, "restarted 1 time")
    pods.changed(pod("old", state=RUNNING, **GOING), 4.0)
    pods.changed(pod("old", state=ended(0), **GOING), 12.0)
    (old,) = pods.replicas()
    assert (old.told, old.ended, old.code) == (4.0, 12.0, 0)


def test_why_a_pod_does_not_start_is_told() -> None:
    pods = Pods()
    pods.listed([], 1.0)
    pods.changed(pod("new", state={"waiting": {"reason": "ImagePullBackOff"}}), 2.0)
    assert pods.replicas()[0].detail == "ImagePullBackOff"


@pytest.mark.parametrize(
    ("hook", "seconds"),
    [
        (None, 0.0),
        ({"sleep": {"seconds": 7}}, 7.0),
        ({"exec": {"command": ["sleep", "5"]}}, 5.0),
        ({"exec": {"command": ["/bin/sh", "-c", "sleep 2.5 && nginx -s quit"]}}, 2.5),
        ({"exec": {"command": ["/leave"]}}, None),
        ({"httpGet": {"path": "/leave", "port": 80}}, None),
    ],
)
def test_how_long_a_hook_holds_the_signal_up_is_read_off_where_it_says(hook: Any, seconds: float | None) -> None:
    container = {"name": "api", "lifecycle": {"preStop": hook}} if hook else {"name": "api"}
    assert pre_stop_seconds({"containers": [{"name": "beside"}, container]}) == seconds


def test_a_hook_that_says_nothing_leaves_the_signal_unseen() -> None:
    pods = Pods()
    one = pod("old", state=RUNNING)
    one["spec"]["containers"][0]["lifecycle"] = {"preStop": {"httpGet": {"path": "/leave"}}}
    pods.listed([one], 1.0)
    pods.deleted(one, 3.0)
    assert (pods.replicas()[0].told, pods.replicas()[0].signalled) == (3.0, None)


def workload(generation: int = 2, observed: int = 2, spec: Any = None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 2, **(spec or {})},
        "status": {"observedGeneration": observed, **status},
    }


DONE = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
STUCK = [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": 'ReplicaSet "api" has timed out'}]


@pytest.mark.parametrize(
    ("kind", "told", "progress"),
    [
        ("deployment", workload(**DONE), ""),
        ("deploy", workload(observed=1, **DONE), None),
        ("deployment", workload(**{**DONE, "updatedReplicas": 1}), None),
        ("deployment", workload(**{**DONE, "replicas": 3}), None),
        ("deployment", workload(**{**DONE, "availableReplicas": 1}), None),
        ("deployment", workload(conditions=STUCK), 'the rollout does not get on: ReplicaSet "api" has timed out'),
        ("sts", workload(readyReplicas=2, currentRevision="b", updateRevision="b"), ""),
        ("sts", workload(readyReplicas=2, currentRevision="a", updateRevision="b"), None),
        ("ds", workload(desiredNumberScheduled=3, updatedNumberScheduled=3, numberAvailable=3), ""),
        ("ds", workload(desiredNumberScheduled=3, updatedNumberScheduled=3, numberAvailable=2), None),
    ],
)
def test_a_rollout_is_over_by_the_rules_of_kubectl(kind: str, told: dict[str, Any], progress: str | None) -> None:
    assert KINDS[kind].progress(told) == progress


def test_a_workload_that_a_restart_does_not_replace_is_told() -> None:
    assert why_not(workload(spec={"paused": True})) == "is paused"
    assert "OnDelete" in why_not(workload(spec={"updateStrategy": {"type": "OnDelete"}}))
    assert why_not(workload()) == ""
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
    assert order_of(workload(spec={"strategy": strategy})) == "RollingUpdate, maxSurge 25%, maxUnavailable 0"


def test_a_selector_is_written_as_a_list_takes_it() -> None:
    told = {
        "matchLabels": {"app": "api"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "old", "operator": "DoesNotExist"},
            {"key": "zone", "operator": "Exists"},
            {"key": "env", "operator": "NotIn", "values": ["dev"]},
        ],
    }
    assert selector(told) == "app=api,tier in (a,b),!old,zone,env notin (dev)"
