"""Work shared among forked processes: the same results in the same order, whatever becomes of the copies."""

from __future__ import annotations

import os
import select
import signal

import pytest

from seatrial.cli import forks


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 50])
def test_the_results_are_those_of_one_process(workers: int, count: int) -> None:
    assert forks.each(lambda number: number * number, range(count), workers) == [n * n for n in range(count)]


def test_results_larger_than_a_pipe_arrive() -> None:
    assert [len(each) for each in forks.each(lambda number: "x" * number, [10, 1 << 20, 1 << 20], 3)] == [
        10,
        1 << 20,
        1 << 20,
    ]


def test_others_do_a_share() -> None:
    assert len(set(forks.each(lambda _: os.getpid(), range(6), 3))) == 3


def test_who_is_slow_leaves_the_rest_to_the_others() -> None:
    reading, writing = os.pipe()

    def work(number: int) -> int:
        if number == 1:  # the copy's first
            assert select.select([reading], [], [], 60)[0], "the others wait for it"
        if number == 9:
            os.write(writing, b"x")
        return os.getpid()

    done_by = forks.each(work, range(10), 2)
    os.close(reading)
    os.close(writing)
    assert done_by.pop(1) != os.getpid() and set(done_by) == {os.getpid()}


def test_more_jobs_than_are_handed_out_are_done_too() -> None:
    count = forks.MAX_WAITING + 100
    assert forks.each(lambda number: number, range(count), 2) == [*range(count)]


def test_the_share_of_a_copy_that_dies_is_done_here() -> None:
    here = os.getpid()

    def work(number: int) -> int:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    assert forks.each(work, range(9), 3) == list(range(9))


def test_what_fails_fails_here_and_leaves_no_process() -> None:
    here = os.getpid()

    def work(number: int) -> int:
        if number == 0 and os.getpid() == here:
            raise KeyboardInterrupt
        return number

    with pytest.raises(KeyboardInterrupt):
        forks.each(work, range(9), 3)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_an_exception_in_a_copy_is_raised_here() -> None:
    def work(number: int) -> int:
        return 1 // (number - 4)

    with pytest.raises(ZeroDivisionError):
        forks.each(work, range(9), 2)


def test_few_jobs_are_worth_no_fork() -> None:
    assert forks.workers_for(10, 32) == 1 and forks.workers_for(10_000, 32) <= forks.MAX_WORKERS


def test_what_is_begun_aside_is_given_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    assert forks.aside(os.getpid)() != os.getpid()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert forks.aside(os.getpid)() == os.getpid(), "there is no processor for another"


def test_what_is_begun_aside_and_dies_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    here = os.getpid()

    def work() -> str:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return "here"

    assert forks.aside(work)() == "here"
