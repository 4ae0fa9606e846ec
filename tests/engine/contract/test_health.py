"""The health monitor: statuses, streaks, intervals, results."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.contract import health
from seatrial.engine.contract.health import Check, Happening, Kind, Monitor, Result, Status
from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Service

CHECK = Check(Kind.EXECUTE, ("true",), interval=10.0, timeout=2.0)


def result(begun: float, code: int, output: str = "") -> Result:
    return Result(begun, begun + 0.5, code, output)


def test_every_status_lists_every_happening() -> None:
    assert all(happening in health.MOVES[status] for status, happening in itertools.product(Status, Happening))


def test_first_probe_is_an_interval_after_the_start_and_the_next_after_the_end_of_it() -> None:
    monitor = Monitor(CHECK).start(100.0)
    assert (monitor.due, monitor.status) == (110.0, Status.STARTING)
    probing = monitor.begin()
    assert (probing.due, probing.probe) == (None, 1)
    assert probing.take(result(110.0, 0), 111.5).due == 121.5


def test_start_interval_counts_until_the_first_success_in_the_start_period() -> None:
    check = Check(Kind.EXECUTE, ("true",), interval=30.0, start_period=60.0, start_interval=2.0)
    monitor = Monitor(check).start(0.0)
    assert monitor.due == 2.0
    monitor = monitor.begin().take(result(2.0, 1), 3.0)
    assert (monitor.due, monitor.streak) == (5.0, 0)
    monitor = monitor.begin().take(result(5.0, 0), 6.0)
    assert (monitor.due, monitor.status) == (36.0, Status.HEALTHY)


def test_failure_in_the_start_period_counts_once_it_was_healthy() -> None:
    check = Check(Kind.EXECUTE, ("true",), start_period=60.0, retries=1)
    monitor = Monitor(check).start(0.0).begin().take(result(1.0, 1), 2.0)
    assert (monitor.streak, monitor.status) == (0, Status.STARTING)
    monitor = monitor.begin().take(result(3.0, 0), 3.0).begin().take(result(4.0, 1), 4.0)
    assert (monitor.streak, monitor.status) == (1, Status.UNHEALTHY)


@pytest.mark.parametrize("code", [1, 2, 127, -1])
def test_every_code_but_0_is_a_failure(code: int) -> None:
    monitor = Monitor(CHECK).start(0.0)
    for _ in range(3):
        assert monitor.status is Status.STARTING
        monitor = monitor.begin().take(result(1.0, code), 1.0)
    assert (monitor.status, monitor.streak, monitor.has_failed) == (Status.UNHEALTHY, 3, True)


def test_start_keeps_the_results_and_forgets_the_streak() -> None:
    monitor = Monitor(CHECK).start(0.0).begin().take(result(1.0, 1), 1.0).close()
    assert (monitor.status, monitor.streak, monitor.due) == (Status.UNHEALTHY, 1, None)
    again = monitor.start(50.0)
    assert (again.status, again.streak, len(again.log)) == (Status.STARTING, 0, 1)


def test_without_a_check_there_is_no_status_ever() -> None:
    monitor = Monitor().start(0.0)
    assert (monitor.status, monitor.due, monitor.close().status) == (Status.NONE, None, Status.NONE)
    assert monitor.resume(5.0).due is None


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 20)), max_size=30), st.integers(1, 5), st.floats(0, 60))
def test_streaks_are_those_of_a_naive_model(probes: list[tuple[int, float]], retries: int, period: float) -> None:
    monitor = Monitor(Check(Kind.EXECUTE, ("true",), start_period=period, retries=retries)).start(0.0)
    now, streak, status = 0.0, 0, "starting"
    for code, after in probes:
        now += after
        monitor = monitor.begin().take(Result(now, now, code), now)
        if code == 0:
            streak, status = 0, "healthy"
        elif not (status == "starting" and now < period):
            streak += 1
            status = "unhealthy" if streak >= retries else status
        assert (monitor.status.value, monitor.streak) == (status, streak)
        assert monitor.due is not None and monitor.due > now
    assert [each.code for each in monitor.log] == [code for code, _ in probes][-5:]


def test_output_is_cut_after_4096_bytes() -> None:
    assert health.cut("a" * 4096) == "a" * 4096
    assert health.cut("a" * 4097) == "a" * 4096 + "..."
    assert health.cut("é" * 3000) == "é" * 2048 + "..."
    assert len(Monitor(CHECK).start(0.0).begin().take(result(0.0, 0, "x" * 9999), 0.0).log[0].output) == 4099


def test_timeout_is_said_in_dockers_words() -> None:
    assert health.timed_out(CHECK, 0.0, 2.0, "so far").output == "Health check exceeded timeout (2s): so far"
    assert [health.duration(seconds) for seconds in (0.5, 1, 1.5, 90, 3600)] == [
        "500ms",
        "1s",
        "1.5s",
        "1m30s",
        "1h0m0s",
    ]


def service(*test: str, **times: float) -> Service:
    said = {name: Sourced(value) for name, value in times.items()}
    return Service("web", "/", None, healthcheck=Healthcheck(Sourced(tuple(test)), **said))  # type: ignore[arg-type]


def test_forms_of_the_test() -> None:
    assert health.of_service(service("CMD", "curl", "-f")) == Check(Kind.EXECUTE, ("curl", "-f"))
    shell = health.of_service(service("CMD-SHELL", "curl -f localhost"))
    assert shell is not None and shell.argv == ("/bin/sh", "-c", "curl -f localhost")
    assert health.of_service(service("NONE")) is None
    assert health.of_service(Service("web", "/", None)) is None


def test_zero_stands_for_the_default() -> None:
    check = health.of_service(service("CMD", "true", interval=0.0, timeout=5.0))
    assert check == Check(Kind.EXECUTE, ("true",), 30.0, 5.0, 0.0, 5.0, 3)


def test_probe_by_address_needs_no_command() -> None:
    http = health.of_service(Service("web", "/", None), "http://127.0.0.1:3000/health")
    assert http == Check(Kind.HTTP, ("http://127.0.0.1:3000/health",))
    tcp = health.of_service(service("CMD", "true", interval=2.0), "tcp://localhost:5432")
    assert tcp == Check(Kind.TCP, ("localhost", "5432"), interval=2.0)


@pytest.mark.parametrize("probe", ["ftp://x/", "tcp://localhost", "http:///path", "localhost:80", "tcp://x:99999"])
def test_address_that_can_not_be_probed_is_refused(probe: str) -> None:
    with pytest.raises(ValueError, match="must be http"):
        health.of_service(Service("web", "/", None), probe)


@pytest.mark.parametrize("times", [{"interval": 0.0001}, {"timeout": -1.0}, {"retries": -1}, {"start_interval": 1e-9}])
def test_times_that_docker_refuses_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="service web"):
        health.of_service(service("CMD", "true", **times))


@pytest.mark.parametrize("test", [("curl", "-f"), ("CMD",), ("CMD-SHELL",)])
def test_test_without_a_known_word_is_refused(test: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must begin with"):
        health.of_service(service(*test))
