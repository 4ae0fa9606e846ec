"""A workload is restarted and loses a pod under load, on an API server of our own that speaks the real wire format."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.options import Progress
from seatrial.drill.rollouts.rollout import RolloutOptions, rollout
from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.recording import EventKind, Recording
from seatrial.model.verdict import Ruling, Verdict
from tests.engine.balancer import Balancer, balancer
from tests.requirements import missing_module, missing_program, require, too_busy

from .cluster import Cluster, Manner, cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
TRIES = 4
AROUND = 0.7


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Balancer]:
    require(missing_module("kubernetes") or missing_program("haproxy"))
    with balancer(tmp_path) as running:
        yield running


@pytest.fixture
def new_cluster(
    front: Balancer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Manner], Cluster]]:
    """Plays a cluster to which the kubeconfig leads."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def play(how: Manner) -> Cluster:
            played = stack.enter_context(cluster(front.ports, how))
            monkeypatch.setattr("seatrial.drill.rollouts.rollout.AROUND", AROUND)
            monkeypatch.setenv("KUBECONFIG", str(played.kubeconfig(tmp_path)))
            monkeypatch.setattr(
                "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig")
            )
            front.wait_ready()
            return played

        yield play


def drilled(front: Balancer, show: Callable[[Progress], None] = lambda _: None) -> tuple[Recording, dict[str, Verdict]]:
    """A recording and its verdicts; another one where the machine was too busy."""
    from seatrial.engine.kubernetes import Workload

    for _ in range(TRIES):
        options = RolloutOptions(url=f"{front.url}slow", rate=30.0, limit=60.0)
        recording = asyncio.run(rollout(Workload("deployment/api"), options, show))
        if "load generator" not in recording.runs[0].disturbed:
            return recording, {one.requirement: one for one in judge(recording)}
    return too_busy(recording.runs[0].disturbed)


def test_pods_that_drain_lose_nothing_though_the_watches_break_and_their_history_is_forgotten(
    front: Balancer, new_cluster: Callable[[Manner], Cluster]
) -> None:
    played = new_cluster(Manner("drains", pre_stop=1))

    def disturb(step: Progress) -> None:
        if step.text.startswith("rollout restart"):
            threading.Timer(0.3, played.store.disturb).start()
            threading.Timer(1.0, played.store.forget).start()

    recording, verdicts = drilled(front, disturb)
    verdict = verdicts["rollout-drops-nothing"]
    assert verdict.ruling is Ruling.PASS, verdict
    restart = "rollout restart (RollingUpdate, maxSurge 1, maxUnavailable 0)"
    assert f"while the {restart} and pod deletion replaced 3 replicas" in verdict.summary
    assert verdicts["exit-code-clean"].ruling is verdicts["stops-in-time"].ruling is Ruling.PASS
    run = recording.runs[0]
    steps = [(e.name, e.detail) for e in run.events if e.kind is EventKind.REPLACED]
    assert steps == [(name, step) for step in (restart, "pod deletion") for name in ("asked", "settled")]
    for one in (replica for replica in run.replicas if replica.told is not None):
        assert one.signalled == pytest.approx((one.told or 0.0) + 1.0), "its preStop hook sleeps for a second"
        assert one.removed is not None and one.ended is not None and one.removed < one.ended
        assert (one.code, one.node) == (0, "node-1")
    watched = [values for word, kind, values in played.asked if kind == "pods" and values.get("watch")]
    listed = [
        values for word, kind, values in played.asked if word == "GET" and kind == "pods" and "watch" not in values
    ]
    assert all(values["labelSelector"] == "app=api" and values["resourceVersion"] for values in watched)
    assert len(listed) > 1, "a forgotten history is answered by a new list"


def test_what_pods_lose_that_end_at_once_is_owed_to_each(
    front: Balancer, new_cluster: Callable[[Manner], Cluster]
) -> None:
    new_cluster(Manner("plain"))
    recording, verdicts = drilled(front)
    verdict = verdicts["rollout-drops-nothing"]
    assert verdict.ruling is Ruling.FAIL, verdict
    told = [one.name for one in recording.runs[0].replicas if one.told is not None]
    assert len(told) == 3 and any(name in verdict.summary for name in told)
    assert "its stop signal" in verdict.summary, "in flight at it, or sent between it and the end"
    assert verdicts["exit-code-clean"].ruling is Ruling.FAIL


def test_what_the_pods_get_as_secrets_is_known_as_far_as_it_may_be_read(
    front: Balancer, new_cluster: Callable[[Manner], Cluster]
) -> None:
    from seatrial.engine.kubernetes import Workload

    kept, hidden = ({"valueFrom": {"secretKeyRef": {"name": name, "key": "key"}}} for name in ("kept", "hidden"))
    variables = ({"name": "DB_PASSWORD", "value": "literal-s3cret"}, {"name": "A", **kept}, {"name": "B", **hidden})
    played = new_cluster(Manner(variables=variables, secrets={"kept": {"key": "kept-s3cret"}, "other": {"key": "x"}}))

    async def secrets() -> tuple[str, ...]:
        async with Workload("deployment/api") as workload:
            return workload.described().secrets

    assert asyncio.run(secrets()) == ("literal-s3cret", "kept-s3cret")
    assert [word for word, kind, _ in played.asked if kind == "secrets"] == ["GET", "GET"], "no other is read"


def test_what_the_cluster_refuses_is_said_in_its_own_words(
    front: Balancer, new_cluster: Callable[[Manner], Cluster]
) -> None:
    from seatrial.engine.kubernetes import Workload

    played = new_cluster(Manner())

    def refused(workload: Workload) -> str:
        with pytest.raises((InputError, UnsupportedError)) as told:
            asyncio.run(rollout(workload, RolloutOptions(url=front.url)))
        return told.value.message

    assert refused(Workload("deployment/web")) == "there is no deployment/web in namespace shop"
    assert "403 deployments is forbidden" in refused(Workload("deploy/api", namespace="other"))
    with pytest.raises(InputError, match="no context 'nowhere'"):
        Workload("deployment/api", context="nowhere")
    played.report(2, 1)
    assert "not all of its pods are available" in refused(Workload("deployment/api"))
    played.token = "another"
    assert "401 Unauthorized" in refused(Workload("deployment/api"))
    assert not [word for word, *_ in played.asked if word != "GET"], "nothing was replaced"
    workload = Workload("deployment/api")
    played.close()
    begun = time.monotonic()
    assert "does not answer" in refused(workload)
    assert time.monotonic() - begun < 30
