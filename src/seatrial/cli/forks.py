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
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple, TypeVar

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
        shares = [partial(_done, work, jobs, first, waiting) for first in firsts]
        copies.extend(copy for share in shares if (copy := _fork(share)) is not None)
        results = dict(_done(work, jobs, 0, waiting))
        while copies:
            results |= _given(copies.pop()) or ()
    finally:
        gc.unfreeze()
        os.close(waiting)
        for copy in copies:
            os.close(copy.pipe)
            os.kill(copy.pid, signal.SIGKILL)
            os.waitpid(copy.pid, 0)
    return [results[number] if number in results else work(job) for number, job in enumerate(jobs)]


def aside(work: Callable[[], R]) -> Callable[[], R]:
    """Begin this work in a copy, where there is a processor for it; what this gives waits for the result, once."""
    copy = _fork(lambda: (work(),)) if len(os.sched_getaffinity(0)) > 1 else None

    def result() -> R:
        given = _given(copy) if copy else None
        return given[0] if given else work()

    return result


def _numbers(numbers: Sequence[int]) -> int:
    """A pipe that holds these numbers: whoever reads from it has the next one for himself."""
    reading, writing = os.pipe()
    try:
        os.write(writing, b"".join(number.to_bytes(_WIDTH) for number in numbers[:MAX_WAITING]))
    finally:
        os.close(writing)
    return reading


def _done(work: Callable[[J], R], jobs: Sequence[J], first: int, waiting: int) -> Iterator[tuple[int, R]]:
    """What comes of the first job, and of each that nobody else has begun: one process may be slower than another."""
    yield first, work(jobs[first])
    while number := os.read(waiting, _WIDTH):
        next_one = int.from_bytes(number)
        yield next_one, work(jobs[next_one])


def _fork(produce: Callable[[], Iterable[object]]) -> _Copy | None:
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
        # Pickled one by one: who is busy with that leaves more of the work to the others.
        pickled = [pickle.dumps(each, pickle.HIGHEST_PROTOCOL) for each in produce()]
        with open(writing, "wb") as pipe:  # noqa: PTH123 — an open descriptor, not a path
            pipe.writelines(pickled)
        code = 0
    finally:
        # Neither this process's buffers are written again nor its exit functions run: they are the other's.
        os._exit(code)


def _given(copy: _Copy) -> list[Any] | None:
    """What a copy gave back; None if it died over it."""
    try:
        with open(copy.pipe, "rb") as pipe:  # noqa: PTH123  # a descriptor
            data = BytesIO(pipe.read())
    finally:
        _, status = os.waitpid(copy.pid, 0)
    if status:
        return None
    given = []
    while data.tell() < len(data.getbuffer()):
        given.append(pickle.load(data))
    return given
