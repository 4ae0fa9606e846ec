"""Health: shallow and deep, side by side, cached, and silent about details."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from seatrial.drain.health import DEEP, SHALLOW, Health, ReadyFile, answer, answer_async, serve_in_thread


def asked(health: Health, check: str = DEEP, *, ready: bool = True, asynchronous: bool = False) -> tuple[int, Any]:
    if asynchronous:
        status, body = asyncio.run(answer_async(health, check, ready=ready))
    else:
        status, body = answer(health, check, ready=ready)
    return status, json.loads(body)


def failing() -> None:
    raise ConnectionError("postgres://user:password@db refused")


BOTH = pytest.mark.parametrize("asynchronous", [False, True], ids=["thread", "loop"])


@BOTH
def test_all_checks_up_is_200(asynchronous: bool) -> None:
    health = Health()
    health.check(lambda: None, name="database")
    health.check(lambda: True, name="cache")
    status, body = asked(health, asynchronous=asynchronous)
    assert (status, body["status"]) == (200, "up")
    assert {name: check["status"] for name, check in body["checks"].items()} == {"database": "up", "cache": "up"}


@BOTH
def test_a_critical_check_that_raises_is_503_without_its_words(asynchronous: bool) -> None:
    health = Health()
    health.check(failing, name="database")
    status, body = asked(health, asynchronous=asynchronous)
    assert (status, body["status"], body["checks"]["database"]["status"]) == (503, "down", "down")
    assert "password" not in json.dumps(body)


def test_details_are_told_when_asked_for() -> None:
    health = Health(details=True)
    health.check(failing, name="database")
    assert "refused" in asked(health)[1]["checks"]["database"]["detail"]


@BOTH
def test_what_is_not_critical_only_degrades(asynchronous: bool) -> None:
    health = Health()
    health.check(lambda: False, name="cache", critical=False)
    status, body = asked(health, asynchronous=asynchronous)
    assert (status, body["status"], body["checks"]["cache"]["status"]) == (200, "degraded", "degraded")


@BOTH
def test_a_check_that_hangs_is_down_after_its_timeout(asynchronous: bool) -> None:
    gate, health = threading.Event(), Health()
    health.check(lambda: gate.wait(30) and None, name="stuck", timeout=0.05)
    try:
        assert asked(health, asynchronous=asynchronous)[0] == 503
    finally:
        gate.set()


@BOTH
def test_a_check_that_hangs_for_ever_costs_one_thread_and_not_one_for_each_probe(asynchronous: bool) -> None:
    gate, calls, health = threading.Event(), [], Health(cache=0)

    def stuck() -> None:
        calls.append(1)
        gate.wait(30)

    health.check(stuck, timeout=0.02)
    try:
        assert [asked(health, asynchronous=asynchronous)[0] for _ in range(3)] == [503, 503, 503]
        assert len(calls) == 1
    finally:
        gate.set()


def test_checks_run_side_by_side() -> None:
    health, together = Health(), threading.Barrier(3, timeout=10)
    for number in range(3):
        health.check(lambda: together.wait() and None, name=f"check {number}", timeout=10)
    assert asked(health)[0] == 200


def test_coroutine_checks_run_side_by_side() -> None:
    health, arrived = Health(), []

    async def met() -> None:
        arrived.append(1)
        while len(arrived) < 3:
            await asyncio.sleep(0)

    for number in range(3):
        health.check(met, name=f"check {number}", timeout=10)
    assert asked(health, asynchronous=True)[0] == 200


def test_a_result_is_kept_for_a_while() -> None:
    calls: list[int] = []
    health = Health(cache=60)
    health.check(lambda: calls.append(1), name="counted")
    asked(health)
    asked(health)
    assert len(calls) == 1
    health.cache = 0
    health._until = 0.0
    asked(health)
    asked(health)
    assert len(calls) == 3


def test_readiness_during_a_stop_is_503_and_asks_nothing() -> None:
    health = Health()
    health.check(failing)
    assert asked(health, ready=False) == (503, {"status": "stopping", "checks": {}})


def test_the_shallow_check_asks_nothing_and_stays_200_in_a_stop() -> None:
    health = Health()
    health.check(failing)
    assert asked(health, SHALLOW, ready=False) == (200, {"status": "up"})


def test_a_coroutine_check_also_runs_from_a_thread() -> None:
    health = Health()

    async def fine() -> None: ...

    health.check(fine)
    assert asked(health)[0] == 200


def test_a_health_that_only_speaks_in_a_stop_leaves_the_path_to_the_application() -> None:
    health = Health(live="", ready="/ready", only_stopping=True)
    assert health.route("/ready") == ""
    assert health.route("/ready", stopping=True) == DEEP


def test_two_checks_of_one_name_are_refused() -> None:
    health = Health()
    health.check(failing)
    with pytest.raises(ValueError, match="two health checks are named 'failing'"):
        health.check(failing)


def test_a_failing_check_is_logged_once_and_not_for_each_probe(caplog: pytest.LogCaptureFixture) -> None:
    health = Health(cache=0)
    health.check(failing)
    asked(health)
    asked(health)
    assert caplog.text.count("health check failing is down: ConnectionError") == 1


def test_a_program_without_http_answers_from_a_thread() -> None:
    ready = threading.Event()
    server = serve_in_thread(Health(), ready.is_set, host="127.0.0.1", port=0)
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        with urllib.request.urlopen(f"{base}/health", timeout=10) as response:
            assert response.status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/health/ready?x", timeout=10)
        assert (caught.value.code, json.load(caught.value)["status"]) == (503, "stopping")
        caught.value.close()
        with urllib.request.urlopen(urllib.request.Request(f"{base}/health", method="HEAD"), timeout=10) as response:
            assert (response.status, response.read()) == (200, b"")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/other", timeout=10)
        assert caught.value.code == 404
        caught.value.close()
    finally:
        server.shutdown()
        server.server_close()


def test_the_ready_file_is_there_until_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    ready = ReadyFile(path)
    assert path.read_text().strip().isdigit()
    ready.remove()
    ready.remove()
    assert list(tmp_path.iterdir()) == []


def test_the_time_of_a_check_is_told() -> None:
    health = Health()
    health.check(lambda: time.sleep(0.002), name="slow")
    assert asked(health)[1]["checks"]["slow"]["seconds"] > 0
