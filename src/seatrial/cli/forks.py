"""Work on many things at once: forked copies of this process take a share each and give back what came of it.

A fork shares what is already read and imported, so it costs some milliseconds and no start-up. What the work does
besides giving its results (printing, changing values here) is lost in the copies. A copy that dies, for whatever
reason, only leaves its share to be done here. It must never be used where threads run.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

J = TypeVar("J")
R = TypeVar("R")

MAX_WORKERS = 8


class _Copy(NamedTuple):
    pid: int
    pipe: int


def workers_for(count: int, worth_one: int) -> int:
    """How many processes so many jobs are worth on this machine, if one is worth so many jobs."""
    return max(1, min(len(os.sched_getaffinity(0)), MAX_WORKERS, count // worth_one))


def each(work: Callable[[J], R], jobs: Sequence[J], workers: int) -> list[R]:
    """`[work(job) for job in jobs]`, by so many processes. The results must be picklable."""
    copies: dict[int, _Copy] = {}
    results: dict[int, list[R]] = {}
    try:
        for share in range(1, workers):
            if (copy := _fork(work, jobs[share::workers])) is not None:
                copies[share] = copy
        results[0] = [work(job) for job in jobs[0::workers]]
        for share in range(1, workers):
            given: list[R] | None = _given(copies.pop(share)) if share in copies else None
            results[share] = [work(job) for job in jobs[share::workers]] if given is None else given
    finally:
        for copy in copies.values():
            os.close(copy.pipe)
            os.kill(copy.pid, signal.SIGKILL)
            os.waitpid(copy.pid, 0)
    return [results[number % workers][number // workers] for number in range(len(jobs))]


def _fork(work: Callable[[J], R], share: Sequence[J]) -> _Copy | None:
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
            pickle.dump([work(job) for job in share], pipe, pickle.HIGHEST_PROTOCOL)
        code = 0
    finally:
        # Neither this process's buffers are written again nor its exit functions run: they are the other's.
        os._exit(code)


def _given(copy: _Copy) -> list[R] | None:
    """What a copy gave back; None if it died over it."""
    try:
        with open(copy.pipe, "rb") as pipe:  # noqa: PTH123  # a descriptor
            data = pipe.read()
    finally:
        _, status = os.waitpid(copy.pid, 0)
    if status:
        return None
    given: list[R] = pickle.loads(data)
    return given
