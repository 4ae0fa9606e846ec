"""The load generator as a program: `python -m seatrial.load.worker`, spoken to in JSON lines on stdin and stdout.

It runs inside the service's network namespace. It ends when its stdin ends, so it never outlives the drill, and it must
never write anything but answers to stdout. A defect of its own ends it with a traceback on stderr and exit code 70.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from seatrial.load import messages
from seatrial.load.generator import MAX_OPEN, Generator, request_once
from seatrial.load.interface import LoadError
from seatrial.model.traffic import Population

if TYPE_CHECKING:
    from seatrial.load.witness import Witness

BROKEN = 70
LONGEST_LINE = 1 << 20
_SPARE = 64
"""Descriptors that are not connections."""


class Worker:
    """Reads commands, carries them out (several at a time), answers."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._buffer = b""
        self._generator: Generator | None = None
        self._watch: Witness | None = None
        self._max_open = min(MAX_OPEN, (_raise_descriptors(2 * MAX_OPEN + _SPARE) - _SPARE) // 2)
        self._tasks: set[asyncio.Task[None]] = set()
        self._steps: dict[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
            "request": self._request,
            "begin": self._begin,
            "aim": self._aim,
            "signalled": self._signalled,
            "stop_sending": self._stop_sending,
            "witness": self._witness,
            "witnessed": self._witnessed,
            "ready": self._ready,
            "testify": self._testify,
            "finish": self._finish,
        }

    async def run(self) -> None:
        """Serve until stdin ends."""
        self._loop.set_exception_handler(_break)
        os.set_blocking(0, False)
        self._loop.add_reader(0, self._readable)
        await self._ended
        if self._generator is not None:
            self._generator.cancel()

    def _readable(self) -> None:
        try:
            data = os.read(0, 65536)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionResetError:  # stdin may be a socket pair whose other end died
            data = b""
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        if not data or len(self._buffer) > LONGEST_LINE:
            self._loop.remove_reader(0)
            if not self._ended.done():
                self._ended.set_result(None)
            return
        for line in lines:
            task = self._loop.create_task(self._answer(messages.decode(line)))
            self._tasks.add(task)
            task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler({"message": "a command failed", "exception": error})

    async def _answer(self, message: dict[str, Any]) -> None:
        number = message["id"]
        step = self._steps.get(message["do"])
        if step is None:
            self._say({"id": number, "error": f"unknown command {message['do']!r}"})
            return
        try:
            value = await step(message)
        except (_OrderError, LoadError) as error:
            self._say({"id": number, "error": str(error)})
            return
        self._say({"id": number, "ok": value})

    def _say(self, message: dict[str, Any]) -> None:
        data = memoryview(messages.encode(message))
        while data:
            try:
                data = data[os.write(1, data) :]
            except BlockingIOError:  # stdin and stdout may be one description, made non-blocking for reading
                select.select([], [1], [])
            except BrokenPipeError:
                if not self._ended.done():
                    self._ended.set_result(None)
                return

    async def _request(self, message: dict[str, Any]) -> list[Any]:
        target = messages.target_of(message["target"])
        population = Population(message["population"])
        return messages.exchange_row(await request_once(target, message["path"], message["timeout"], population))

    async def _begin(self, message: dict[str, Any]) -> None:
        if self._generator is not None:
            raise _OrderError("a load has begun already")
        self._generator = Generator(messages.plan_of(message["plan"]), self._max_open)
        await self._generator.begin()

    async def _aim(self, _message: dict[str, Any]) -> float:
        return await self._running().aim()

    async def _signalled(self, message: dict[str, Any]) -> None:
        if self._watch is not None:
            self._watch.signalled(message["when"])
        else:
            self._running().signalled(message["when"])

    async def _witness(self, message: dict[str, Any]) -> None:
        from seatrial.load.witness import Witness

        self._watch = Witness(message["port"])

    async def _witnessed(self, _message: dict[str, Any]) -> int:
        return self._watching().open

    async def _ready(self, _message: dict[str, Any]) -> None:
        await self._watching().ready()

    async def _testify(self, _message: dict[str, Any]) -> list[Any]:
        watch, self._watch = self._watching(), None
        return messages.seen_row(watch.testify())

    def _watching(self) -> Witness:
        if self._watch is None:
            raise _OrderError("nothing is watched")
        return self._watch

    async def _stop_sending(self, _message: dict[str, Any]) -> None:
        self._running().stop_sending()

    async def _finish(self, message: dict[str, Any]) -> list[Any]:
        generator = self._running()
        result = await generator.finish(message["within"])
        self._generator = None
        for part in messages.parts(result.connections):
            self._say({"id": message["id"], "part": part})
        return [result.lag, result.skipped, [messages.bulk_row(bulk) for bulk in result.bulk]]

    def _running(self) -> Generator:
        if self._generator is None:
            raise _OrderError("no load has begun")
        return self._generator


class _OrderError(Exception):
    """A command came when it makes no sense."""


def _raise_descriptors(wanted: int) -> int:
    """Raise the soft limit of open files towards the hard one; gives what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    return soft


def _break(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A defect of the generator: say it and end, a half-right record is worse than none."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        traceback.print_exception(error)
    else:
        print(context.get("message"), file=sys.stderr)
    sys.stderr.flush()
    os._exit(BROKEN)


def main() -> None:
    """Run the worker. ^C is the drill's to handle: the terminal sends it to every process of the group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(50_000)
    asyncio.run(_serve())


async def _serve() -> None:
    await Worker().run()


if __name__ == "__main__":
    main()
