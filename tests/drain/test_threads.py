"""The driver for threads: the same stories as for asyncio."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seatrial.drain.core import deadline_from, describe, lag_from
from seatrial.drain.health import ReadyFile
from seatrial.drain.state import CODE_LATE, DEADLINE, Event, Phase
from tests.drain.conftest import ThreadLife


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.001)


def started(call: Callable[[], Any], name: str = "worker") -> threading.Thread:
    thread = threading.Thread(target=call, name=name, daemon=True)
    thread.start()
    return thread


def test_a_stop_closes_then_waits_for_requests_then_for_workers_then_runs_hooks() -> None:
    life, told = ThreadLife(deadline=5.0), []
    life.on_close(lambda: told.append("closed"))
    life.hook(lambda: told.append("hook"), name="hook")
    begun = threading.Event()

    def work() -> None:
        while life.running:
            begun.set()
            time.sleep(0.001)
        told.append("worker")

    key = life.enter("a request")
    worker = started(work)
    assert begun.wait(10)
    life.stop()
    until(lambda: life.phase is Phase.REQUESTS)
    assert (told, life.ready) == (["closed"], False)
    told.append("request")
    life.leave(key)
    assert life.stopped() == 0
    worker.join(10)
    assert told[:2] == ["closed", "request"]
    assert set(told[2:]) == {"worker", "hook"}


def test_a_second_signal_ends_the_lag() -> None:
    life = ThreadLife(lag=60.0, deadline=90.0)
    life.on_close(lambda: None)
    life._post(Event.SIGNAL, signal.SIGTERM)
    until(lambda: life.phase is Phase.LAG)
    life._post(Event.SIGNAL, signal.SIGTERM)
    assert life.stopped() == 0


def test_a_third_signal_ends_the_process_at_once() -> None:
    life = ThreadLife(lag=60.0, deadline=90.0)
    life.enter("a request")
    for _ in range(3):
        life._post(Event.SIGNAL, signal.SIGINT)
    assert life.stopped() == 130
    until(lambda: bool(life.ends))
    assert life.ends == [130]


def test_the_ready_file_is_gone_as_soon_as_the_stop_begins(tmp_path: Path) -> None:
    life = ThreadLife(lag=60.0, deadline=90.0)
    life.on_close(lambda: None)
    life.on_unready(ReadyFile(tmp_path / "ready").remove)
    assert (tmp_path / "ready").exists()
    life.stop()
    until(lambda: life.phase is Phase.LAG and not (tmp_path / "ready").exists())
    for _ in range(3):
        life._post(Event.SIGNAL, signal.SIGTERM)
    life.stopped()


def test_what_is_open_at_the_deadline_is_named_and_its_job_given_back(caplog: pytest.LogCaptureFixture) -> None:
    life, back, gate = ThreadLife(deadline=0.3), [], threading.Event()

    def work() -> None:
        for _ in life.jobs(["a job"], give_back=back.append):
            life.stop()
            gate.wait(10)

    worker = started(work, "importer")
    assert life.stopped() == CODE_LATE
    assert back == ["a job"]
    assert "not done in time: worker importer with a job in hand" in caplog.text
    gate.set()
    worker.join(10)


def test_the_job_in_hand_finishes_and_no_other_is_taken() -> None:
    life, done = ThreadLife(deadline=5.0), []
    jobs: queue.Queue[int] = queue.Queue()
    for number in range(5):
        jobs.put(number)

    def work() -> None:
        for job in life.jobs(jobs):
            if job == 1:
                life.stop()
                until(lambda: life.phase is Phase.WORKERS)
            done.append(job)

    worker = started(work)
    assert life.stopped() == 0
    worker.join(10)
    assert (done, jobs.qsize()) == ([0, 1], 3)


def test_jobs_come_from_a_function_too() -> None:
    life, left = ThreadLife(deadline=5.0), [1, None, 2]

    def take() -> int | None:
        if not left:
            life.stop()
            until(lambda: not life._taking)
            return None
        return left.pop(0)

    assert list(life.jobs(take)) == [1, 2]
    assert life.stopped() == 0


def test_a_worker_that_died_is_not_waited_for() -> None:
    life = ThreadLife(deadline=5.0)
    worker = started(lambda: life.running)
    worker.join(10)
    assert life.workers
    life.stop()
    assert life.stopped() == 0


def test_a_failing_or_hanging_hook_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    life, told, gate = ThreadLife(deadline=5.0), [], threading.Event()

    @life.hook
    def broken() -> None:
        raise ValueError("no")

    @life.hook(timeout=0.05)
    def hanging() -> None:
        gate.wait(10)

    life.hook(lambda: told.append("last"), name="last")
    life.stop()
    assert life.stopped() == 1
    gate.set()
    assert told == ["last"]
    assert "hook broken failed" in caplog.text
    assert "hook hanging not done after 0.05 s" in caplog.text


def test_independent_hooks_run_side_by_side() -> None:
    life, both = ThreadLife(deadline=10.0), threading.Barrier(2, timeout=5)
    life.hook(both.wait, name="one", after=(), timeout=5)
    life.hook(both.wait, name="other", after=(), timeout=5)
    life.stop()
    assert life.stopped() == 0


def exit_code(life: ThreadLife, main: Callable[[], Any]) -> Any:
    with pytest.raises(SystemExit) as caught:
        life.run(main)
    return caught.value.code


def test_a_program_that_returns_exits_with_0_and_one_that_raises_with_1(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ValueError("broken")

    assert exit_code(ThreadLife(), lambda: None) == 0
    assert exit_code(ThreadLife(), broken) == 1
    assert "ValueError: broken" in caplog.text


def test_a_code_that_the_program_asks_for_is_kept() -> None:
    def leave() -> None:
        raise SystemExit(5)

    assert exit_code(ThreadLife(), leave) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_in_the_main_thread_ends_at_a_signal(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    life = ThreadLife()

    def main() -> None:
        assert life.running
        signal.raise_signal(number)
        while life.running:
            time.sleep(0.001)

    assert exit_code(life, main) == 0
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("grace", "deadline"), [(None, DEADLINE), ("", DEADLINE), ("30", 29.0), ("10s", 9.0), ("2", 1.5)]
)
def test_the_deadline_is_below_the_engines_grace_period(grace: str | None, deadline: float) -> None:
    assert deadline_from(grace) == deadline


@pytest.mark.parametrize("grace", ["soon", "0", "-3", "nan", "inf"])
def test_a_grace_period_that_is_none_is_refused(grace: str) -> None:
    with pytest.raises(ValueError, match="SEATRIAL_GRACE"):
        deadline_from(grace)


@pytest.mark.parametrize("lag", ["long", "-1", "nan", "inf"])
def test_a_lag_that_is_none_is_refused(lag: str) -> None:
    with pytest.raises(ValueError, match="SEATRIAL_LAG"):
        lag_from(lag)


def test_times_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_GRACE", "30")
    monkeypatch.setenv("SEATRIAL_LAG", "5")
    plan = ThreadLife().machine.plan
    assert (plan.lag, plan.deadline) == (5.0, 29.0)


def test_open_things_are_named_by_method_and_path() -> None:
    assert describe({"REQUEST_METHOD": "PUT", "PATH_INFO": "/x"}) == "PUT /x"
    assert describe({"type": "websocket", "path": "/ws"}) == "websocket /ws"
    assert describe("the importer") == "the importer"
