"""Work on many things at once: forked copies of this process take one after the other and give back what came of it.

A fork shares what is already read and imported, so it costs some milliseconds and no start-up. What the work does
besides giving its results (printing, changing values here) is lost in the copies. A copy that dies, for whatever
reason, only leaves its share to be done here. It must never be used where threads run.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

J = TypeVar("J")
R = TypeVar("R")

MAX_WORKERS = 8
_WIDTH = 2
MAX_WAITING = 4096 // _WIDTH
"""Jobs that are handed out one by one: a pipe takes so many on any machine without anybody reading. More are left."""


class _Copy(NamedTuple):
    pid: int
    pipe: int


def workers_for(count: int, worth_one: int) -> int:
    """How many processes so many jobs are worth on this machine, if one is worth so many jobs."""
    return max(1, min(len(os.sched_getaffinity(0)), MAX_WORKERS, count // worth_one))


def each(work: Callable[[J], R], jobs: Sequence[J], workers: int) -> list[R]:
    """`[work(job) for job in jobs]`, by so many processes. The results must be picklable."""
    if workers < 2 or len(jobs) < 2:
        return [work(job) for job in jobs]
    copies: list[_Copy] = []
    waiting = _numbers(range(workers, len(jobs)))
    gc.freeze()  # who looks for garbage among what is shared has it copied, page by page
    try:
        firsts = range(1, min(workers, len(jobs)))
        copies.extend(copy for first in firsts if (copy := _fork(work, jobs, first, waiting)) is not None)
        results = _done(work, jobs, 0, waiting)
        while copies:
            results |= _given(copies.pop()) or {}
    finally:
        gc.unfreeze()
        os.close(waiting)
        for copy in copies:
            os.close(copy.pipe)
            os.kill(copy.pid, signal.SIGKILL)
            os.waitpid(copy.pid, 0)
    return [results[number] if number in results else work(job) for number, job in enumerate(jobs)]


def _numbers(numbers: Sequence[int]) -> int:
    """A pipe that holds these numbers: whoever reads from it has the next one for himself."""
    reading, writing = os.pipe()
    try:
        os.write(writing, b"".join(number.to_bytes(_WIDTH) for number in numbers[:MAX_WAITING]))
    finally:
        os.close(writing)
    return reading


def _done(work: Callable[[J], R], jobs: Sequence[J], first: int, waiting: int) -> dict[int, R]:
    """What comes of the first job, and of each that nobody else has begun: one process may be slower than another."""
    results = {first: work(jobs[first])}
    while number := os.read(waiting, _WIDTH):
        next_one = int.from_bytes(number)
        results[next_one] = work(jobs[next_one])
    return results


def _fork(work: Callable[[J], R], jobs: Sequence[J], first: int, waiting: int) -> _Copy | None:
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return None
    if pid:
        os.close(writing)
        return _Copy(pid, reading)
    code = 1
    try:
        os.close(reading)
        with open(writing, "wb") as pipe:  # noqa: PTH123 — an open descriptor, not a path
            pickle.dump(_done(work, jobs, first, waiting), pipe, pickle.HIGHEST_PROTOCOL)
        code = 0
    finally:
        # Neither this process's buffers are written again nor its exit functions run: they are the other's.
        os._exit(code)


def _given(copy: _Copy) -> dict[int, R] | None:
    """What a copy gave back; None if it died over it."""
    try:
        with open(copy.pipe, "rb") as pipe:  # noqa: PTH123  # a descriptor
            data = pipe.read()
    finally:
        _, status = os.waitpid(copy.pid, 0)
    if status:
        return None
    given: dict[int, R] = pickle.loads(data)
    return given
