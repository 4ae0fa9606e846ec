"""The drill's end of the load generator: the same steps as coroutines.

The generator is a program of its own; who starts it decides in which network namespace it runs. What the service does
is never an exception here; what the generator itself does wrong is a `LoadError` with its own last words.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from seatrial.load import messages
from seatrial.load.interface import LoadError, Plan, Result
from seatrial.model.traffic import Connection, Exchange, Population, Seen, Target

WORKER = (sys.executable, "-P", "-m", "seatrial.load.worker")
"""The argv of a generator. `-P`: modules of the directory that it is started in must not take the place of ours."""
STUCK = 60.0
"""Seconds beyond those that a step is to take, within which it is answered: a generator that is alive is never as slow.
"""
_LAST_WORDS = 8192
_CLOSING = 2.0


async def start_local() -> Load:
    """A generator in the network namespace of the caller."""
    pipe = asyncio.subprocess.PIPE
    return Load(await asyncio.create_subprocess_exec(*WORKER, stdin=pipe, stdout=pipe, stderr=pipe))


class Load:
    """A load generator. Made around a started `WORKER` that has pipes on stdin, stdout and stderr."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0
        self._lead = 0.0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._parts: dict[int, list[Connection]] = {}
        self._stderr = b""
        self._error: LoadError | None = None
        self._closing = False
        self._reading = asyncio.create_task(self._read())

    async def request(
        self, target: Target, path: str, timeout: float, population: Population = Population.OPEN_LOOP
    ) -> Exchange:
        """One request on a connection of its own, in the protocol of a population; never raises for what the server
        does."""
        asked = {"target": messages.target_row(target), "path": path, "population": population.value}
        row = await self._ask("request", timeout, timeout=timeout, **asked)
        return messages.exchange_of(row)

    async def begin(self, plan: Plan) -> None:
        """Open all populations that stay open and start the open loop; returns when they are open (or failed to)."""
        self._lead = plan.lead
        await self._ask("begin", plan=messages.plan_row(plan))

    async def aim(self) -> float:
        """Bring in-flight, held, streaming and slow requests into position and renew what ended meanwhile; returns the
        moment at which they were all in position, or could not be brought there."""
        return float(await self._ask("aim", self._lead))

    async def signalled(self, when: float) -> None:
        """Tell the generator when the stop signal was sent: held requests are completed, and a connection opened from
        then on counts as new after the signal."""
        await self._ask("signalled", when=when)

    async def witness(self, port: int) -> None:
        """Begin to watch what becomes of all connections to a port. LoadError where this machine forbids it."""
        await self._ask("witness", port=port)

    async def witnessed(self) -> int:
        """How many connections stand under the watch."""
        return int(await self._ask("witnessed"))

    async def ready(self) -> None:
        """Have the watch look how all connections stand: the stop signal comes next."""
        await self._ask("ready")

    async def testify(self) -> Seen:
        """End the watch; what was seen."""
        return messages.seen_of(await self._ask("testify"))

    async def stop_sending(self) -> None:
        """No new connections or requests from now on; open ones go on."""
        await self._ask("stop_sending")

    async def finish(self, within: float) -> Result:
        """Wait up to `within` seconds for open requests to end, close everything, return all connections."""
        number = self._number + 1
        lag, skipped, bulk = await self._ask("finish", within, within=within)
        counted = tuple(messages.bulk_of(row) for row in bulk)
        return Result(tuple(self._parts.pop(number, ())), lag, skipped, counted)

    async def close(self) -> None:
        """End the generator. Idempotent, and never raises for how it ended."""
        self._closing = True
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _CLOSING)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await asyncio.wait({self._reading}, timeout=_CLOSING)
        self._reading.cancel()

    async def _ask(self, step: str, takes: float = 0.0, /, **values: Any) -> Any:
        if self._error is not None:
            raise self._error
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # a dead generator is told by the end of its output
            self._process.stdin.write(messages.encode({"id": number, "do": step, **values}))
            await self._process.stdin.drain()
        try:
            return await asyncio.wait_for(answer, takes + STUCK)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            raise LoadError(f"the load generator did not answer {step!r} within {takes + STUCK:g} s") from None
        finally:
            self._waiting.pop(number, None)

    async def _read(self) -> None:
        """Both pipes at once: a generator that complains at length must not block on it."""
        complaints = asyncio.create_task(self._read_stderr())
        reason = ""
        try:
            await self._read_answers()
        except (ValueError, KeyError, TypeError) as error:
            reason = f"its answer can't be read ({error})"
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        code = await self._process.wait()
        await asyncio.wait({complaints}, timeout=_CLOSING)
        complaints.cancel()
        self._error = self._failure(code, reason)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(self._error)

    async def _read_answers(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while data := await self._process.stdout.read(65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._hear(messages.decode(line))

    def _hear(self, message: dict[str, Any]) -> None:
        number = message["id"]
        answer = self._waiting.get(number)
        if "part" in message:
            self._parts.setdefault(number, []).extend(messages.connection_of(row) for row in message["part"])
        elif answer is None or answer.done():
            return
        elif "error" in message:
            answer.set_exception(LoadError(f"the load generator refused: {message['error']}"))
        else:
            answer.set_result(message["ok"])

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(_LAST_WORDS):
            self._stderr = (self._stderr + data)[-_LAST_WORDS:]

    def _failure(self, code: int, reason: str) -> LoadError:
        if self._closing:
            return LoadError("the load generator was closed")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        words = self._stderr.decode("utf-8", "replace").strip()
        message = f"the load generator {how}" + (f": {reason}" if reason else "") + (f"\n{words}" if words else "")
        missing = "ModuleNotFoundError" in words
        return LoadError(
            message, hint="pip install 'seatrial[cli]'" if missing else "please report this with its output"
        )
