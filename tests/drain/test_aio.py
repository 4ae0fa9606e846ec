"""The driver for asyncio: it does what the machine says, in order."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.drain.state import CODE_LATE, Event, Phase
from tests.drain.conftest import AsyncLife


def played(story: Callable[[AsyncLife], Awaitable[Any]], **options: Any) -> AsyncLife:
    """Run a story in a loop of its own."""

    async def main() -> AsyncLife:
        life = AsyncLife(**{"deadline": 5.0, **options})
        life.attach(signals=False)
        await story(life)
        await life.finish()
        return life

    return asyncio.run(asyncio.wait_for(main(), 20))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_a_stop_closes_then_waits_for_requests_then_for_workers_then_runs_hooks() -> None:
    told: list[str] = []

    async def story(life: AsyncLife) -> None:
        life.on_close(lambda: told.append("closed"))
        life.hook(lambda: told.append("hook"), name="hook")
        key = life.enter({"method": "GET", "path": "/slow"})
        queue: asyncio.Queue[int] = asyncio.Queue()

        async def work() -> None:
            async for _ in life.jobs(queue):
                pass
            told.append("worker")

        worker = asyncio.create_task(work())
        await asyncio.sleep(0)
        life.stop()
        await until(lambda: life.phase is Phase.REQUESTS)
        assert (told, life.ready, life.stopping) == (["closed"], False, True)
        told.append("request")
        life.leave(key)
        assert await life.stopped() == 0
        await worker

    played(story)
    assert told == ["closed", "request", "worker", "hook"]


def test_readiness_fails_at_once_and_accepting_goes_on_for_the_lag() -> None:
    async def story(life: AsyncLife) -> None:
        closed: list[int] = []
        life.on_close(lambda: closed.append(1))
        life._post(Event.SIGNAL, signal.SIGTERM)
        await until(lambda: life.phase is Phase.LAG)
        assert not life.ready
        assert closed == []
        life._post(Event.SIGNAL, signal.SIGTERM)
        assert await life.stopped() == 0
        assert closed == [1]

    played(story, lag=60.0, deadline=90.0)


def test_a_program_that_serves_nothing_skips_the_lag() -> None:
    async def story(life: AsyncLife) -> None:
        life.stop()
        await life.stopped()

    played(story, lag=60.0, deadline=90.0)


def test_a_third_signal_ends_the_process_at_once() -> None:
    async def story(life: AsyncLife) -> None:
        life.enter("a request")
        for _ in range(3):
            life._post(Event.SIGNAL, signal.SIGTERM)
        assert await life.stopped() == 143

    assert played(story, lag=60.0, deadline=90.0).ends == [143]


def test_a_stop_that_no_signal_asked_for_leaves_the_process_alone() -> None:
    async def story(life: AsyncLife) -> None:
        life.enter("a request")
        life.stop()
        assert await life.stopped() == CODE_LATE

    assert played(story, deadline=0.2).ends == []


def test_a_life_can_be_had_again_in_another_loop_as_test_clients_do() -> None:
    life = AsyncLife(deadline=5.0)

    async def once() -> None:
        life.attach(signals=False)
        assert (life.ready, life.stopping, life.phase) == (True, False, Phase.SERVING)
        life.stop()
        assert await life.stopped() == 0

    asyncio.run(once())
    asyncio.run(once())


def good(told: list[str]) -> Callable[[], Awaitable[None]]:
    async def hook() -> None:
        told.append("good")

    return hook


def raises(told: list[str]) -> Callable[[], Awaitable[None]]:
    async def hook() -> None:
        told.append("raises")
        raise ValueError("broken")

    return hook


def hangs(told: list[str]) -> Callable[[], Awaitable[None]]:
    async def hook() -> None:
        told.append("hangs")
        await asyncio.sleep(60)

    return hook


HOOKS = {"good": good, "raises": raises, "hangs": hangs}


@settings(max_examples=20, deadline=None)
@given(
    hooks=st.lists(st.tuples(st.sampled_from(["good", "raises", "hangs"]), st.booleans()), max_size=4),
    requests=st.lists(st.integers(0, 3), max_size=3),
    signals=st.integers(1, 3),
)
def test_any_order_of_hooks_requests_and_signals_ends_once_with_the_right_code(
    hooks: list[tuple[str, bool]], requests: list[int], signals: int
) -> None:
    told: list[str] = []

    async def story(life: AsyncLife) -> None:
        for number, (kind, alone) in enumerate(hooks):
            limit = 0.02 if kind == "hangs" else 5.0
            after = () if alone else None
            life.hook(HOOKS[kind](told), name=f"{kind} {number}", after=after, timeout=limit)
        keys = [(turns, life.enter(f"request {turns}")) for turns in requests]
        for _ in range(signals):
            life._post(Event.SIGNAL, signal.SIGTERM)
        for turns, key in keys:
            for _ in range(turns):
                await asyncio.sleep(0)
            life.leave(key)
        await life.stopped()
        assert life.ends == ([143] if signals == 3 else [])
        kinds = {kind for kind, _ in hooks}
        assert life.code == (143 if signals == 3 else 1 if kinds & {"raises", "hangs"} else 0)
        assert signals == 3 or len(told) == len(hooks)

    played(story, deadline=10.0)


def test_what_is_open_at_the_deadline_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def story(life: AsyncLife) -> None:
        life.enter({"method": "GET", "path": "/slow"})
        life._post(Event.SIGNAL, signal.SIGTERM)
        assert await life.stopped() == CODE_LATE

    assert played(story, deadline=0.2).ends == [CODE_LATE]
    assert "not done in time: GET /slow" in caplog.text


def test_hooks_run_although_a_request_hangs() -> None:
    told: list[str] = []

    async def story(life: AsyncLife) -> None:
        @life.hook
        async def hook() -> None:
            told.append("hook")

        life.enter("a request")
        life.stop()
        assert await life.stopped() == CODE_LATE

    played(story, deadline=0.4)
    assert told == ["hook"]


def test_a_failing_or_hanging_hook_is_logged_and_does_not_stop_the_next(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    async def story(life: AsyncLife) -> None:
        @life.hook
        async def broken() -> None:
            raise ValueError("no")

        @life.hook(timeout=0.05)
        async def hanging() -> None:
            await asyncio.sleep(60)

        life.hook(lambda: told.append("last"), name="last")
        life.stop()
        assert await life.stopped() == 1

    played(story)
    assert told == ["last"]
    assert "hook broken failed" in caplog.text
    assert "hook hanging not done after 0.05 s" in caplog.text


def test_independent_hooks_run_side_by_side() -> None:
    async def story(life: AsyncLife) -> None:
        both = asyncio.Barrier(2)

        @life.hook(after=(), timeout=5)
        async def one() -> None:
            await both.wait()

        @life.hook(after=(), timeout=5)
        async def other() -> None:
            await both.wait()

        life.stop()
        assert await life.stopped() == 0

    played(story)


def test_the_job_in_hand_finishes_and_no_other_is_taken() -> None:
    done: list[int] = []

    async def story(life: AsyncLife) -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        for number in range(5):
            queue.put_nowait(number)

        async def work() -> None:
            async for job in life.jobs(queue):
                if job == 1:
                    life.stop()
                    await until(lambda: life.phase is Phase.WORKERS)
                done.append(job)

        worker = asyncio.create_task(work())
        assert await life.stopped() == 0
        await worker
        assert queue.qsize() == 3

    played(story)
    assert done == [0, 1]


def test_a_job_that_takes_too_long_is_given_back_once_it_is_no_longer_done() -> None:
    back: list[str] = []

    async def story(life: AsyncLife) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        queue.put_nowait("job")

        async def give_back(job: str) -> None:
            back.append(job)

        async def work() -> None:
            async for _ in life.jobs(queue, give_back=give_back):
                life.stop()
                try:
                    await asyncio.sleep(60)
                finally:
                    back.append("cancelled")

        worker = asyncio.create_task(work())

        @life.hook
        async def hook() -> None:
            back.append("hook")

        assert await life.stopped() == CODE_LATE
        await asyncio.wait({worker})

    played(story, deadline=1.2)
    assert back == ["cancelled", "job", "hook"]


def test_jobs_come_from_a_function_or_an_async_iterable_too() -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    async def story(life: AsyncLife) -> None:
        assert [job async for job in life.jobs(numbers())] == [0, 1, 2]
        left: list[int | None] = [7, None, 8]

        async def take() -> int | None:
            if not left:
                life.stop()
                await until(lambda: not life._taking)
                return None
            return left.pop(0)

        assert [job async for job in life.jobs(take)] == [7, 8]
        assert await life.stopped() == 0

    played(story)


def test_a_job_that_arrives_with_the_stop_is_done_and_not_lost() -> None:
    async def story(life: AsyncLife) -> None:
        async def take() -> str:
            life.stop()
            await until(lambda: not life._taking)
            return "late"

        assert [job async for job in life.jobs(take)] == ["late"]
        assert await life.stopped() == 0

    played(story)


def test_something_that_is_no_source_is_refused() -> None:
    async def story(life: AsyncLife) -> None:
        with pytest.raises(TypeError, match="no source of jobs: int"):
            async for _ in life.jobs(3):  # type: ignore[arg-type]
                pass

    played(story)


def test_a_loop_over_running_ends_with_the_stop() -> None:
    turns: list[int] = []

    async def story(life: AsyncLife) -> None:
        async def work() -> None:
            while life.running:
                turns.append(1)
                await asyncio.sleep(0.001)

        worker = asyncio.create_task(work())
        await until(lambda: len(turns) > 2)
        life.stop()
        assert await life.stopped() == 0
        await worker

    played(story)


def exit_code(life: AsyncLife, main: Any) -> Any:
    with pytest.raises(SystemExit) as caught:
        life.run(main)
    return caught.value.code


def test_a_program_that_returns_exits_with_0_after_its_hooks() -> None:
    life, told = AsyncLife(), []
    life.hook(lambda: told.append("hook"), name="hook")

    async def main() -> None:
        told.append("main")

    assert exit_code(life, main()) == 0
    assert told == ["main", "hook"]


def test_a_code_that_the_program_asks_for_is_kept_and_the_hooks_run() -> None:
    life, told = AsyncLife(), []
    life.hook(lambda: told.append("hook"), name="hook")

    async def main() -> None:
        sys.exit(5)

    assert exit_code(life, main()) == 5
    assert told == ["hook"]


def test_a_program_that_raises_is_logged_drained_and_exits_with_1(caplog: pytest.LogCaptureFixture) -> None:
    life, told = AsyncLife(), []
    life.hook(lambda: told.append("hook"), name="hook")

    async def main() -> None:
        raise ValueError("broken")

    assert exit_code(life, main()) == 1
    assert told == ["hook"]
    assert "uncaught exception in main" in caplog.text
    assert "ValueError: broken" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_and_sigint_stop_alike_and_the_handlers_are_put_back(number: signal.Signals) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    life = AsyncLife()

    async def main() -> None:
        signal.raise_signal(number)
        await asyncio.sleep(60)

    assert exit_code(life, main()) == 0
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before


def test_an_exception_in_a_thread_stops_the_program_with_1(caplog: pytest.LogCaptureFixture) -> None:
    life = AsyncLife()

    def die() -> None:
        raise ValueError("in a thread")

    async def main() -> None:
        threading.Thread(target=die, name="poller").start()
        await asyncio.sleep(60)

    assert exit_code(life, main()) == 1
    assert "uncaught exception in thread poller" in caplog.text


def test_a_thread_that_ends_itself_stops_nothing() -> None:
    life = AsyncLife()

    async def main() -> None:
        thread = threading.Thread(target=sys.exit, args=(3,))
        thread.start()
        await asyncio.to_thread(thread.join)

    assert exit_code(life, main()) == 0


def test_an_asyncio_server_is_closed_without_resetting_what_waits() -> None:
    """With the loop busy: connections are in the queue, and one is accepted and has no transport yet."""
    answers: list[bytes] = []

    async def story(life: AsyncLife) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with life.request("echo"):
                writer.write(await reader.readline())
                await writer.drain()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        life.on_close(server.close)
        address = server.sockets[0].getsockname()
        clients = [socket.create_connection(address, 5) for _ in range(5)]
        for client in clients:
            client.sendall(b"hello\n")
        life.stop()
        assert await life.stopped() == 0
        for client in clients:
            client.settimeout(5)
            answers.append(client.recv(100))
            client.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 5)

    played(story)
    assert answers == [b"hello\n"] * 5


def test_an_exception_in_a_task_that_nobody_awaits_stops_the_program_with_1(caplog: pytest.LogCaptureFixture) -> None:
    life = AsyncLife()

    async def die() -> None:
        raise ValueError("in a task")

    async def main() -> None:
        task = asyncio.create_task(die())
        await asyncio.sleep(0.01)
        del task
        await asyncio.sleep(60)

    assert exit_code(life, main()) == 1
    assert "ValueError: in a task" in caplog.text


def test_a_server_in_the_process_gets_its_signal_when_accepting_ends() -> None:
    got: list[tuple[int, Phase]] = []
    before = signal.getsignal(signal.SIGTERM)
    life = AsyncLife(lag=60.0, deadline=90.0)
    signal.signal(signal.SIGTERM, lambda number, _: got.append((number, life.phase)))

    async def main() -> None:
        life.attach()
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: life.phase is Phase.LAG)
        assert got == []
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: bool(got))
        await life.stopped()

    try:
        asyncio.run(asyncio.wait_for(main(), 20))
        life.restore_signals()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [number for number, _ in got] == [signal.SIGTERM]
    assert got[0][1] is not Phase.LAG


def test_the_last_resort_is_armed_a_little_above_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    async def story(life: AsyncLife) -> None:
        life.stop()
        await life.stopped()
        assert 5.0 < life.armed < 6.0
        life.enter("a request")
        with caplog.at_level(logging.ERROR):
            life._last_resort()
        assert life.ends == [CODE_LATE]

    played(story)
    assert "not done in time: a request" in caplog.text
