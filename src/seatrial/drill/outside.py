"""A load command of the user's own in the place of our load: started beside the service, watched, ended.

What became of its connections is what the kernel tells; what the command prints is kept and shown, and never judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence

from seatrial.engine.interface import Instance
from seatrial.load.client import host_of
from seatrial.load.interface import LoadError
from seatrial.load.remote import Load
from seatrial.model.traffic import Outside, Seen, Target

TRAFFIC_LIMIT = 10.0
"""Seconds within which its first connection has to come."""
LEAD = 1.0
"""How long it runs before the stop signal."""
PAUSE = 0.02
GOES_ON = 0.5
"""How long it goes on after the service's end: what it then meets belongs to the stop, too."""
ENDING = 3.0
KEPT = 16_384
VARIABLE = "SEATRIAL_URL"
WHERE = "--load-from needs root, and an engine that runs on this Linux machine"


class OutsideError(LoadError):
    """The user's load command did not do what it is for."""


class OutsideLoad:
    """One load command. `begin`, then `end`; both may be called once. `close` at any time."""

    def __init__(self, load: Load, instance: Instance, argv: Sequence[str]) -> None:
        self._load, self._instance = load, instance
        self._argv = tuple(argv)
        self._output = b""
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._code: int | None = None
        self._seen = Seen()

    async def begin(self, target: Target) -> None:
        """Start it, and return when its connections have been there for a while, and how they stand was looked at:
        the signal has to come at once. OutsideError where none come."""
        if not target.port:
            raise OutsideError("the load command needs a TCP port, and the service listens on a Unix socket")
        if not self._instance.shares_network:
            what = "a load command can't be started in the service's own network here, and through a published port"
            raise OutsideError(f"{what} the kernel shows the connections of what publishes it", hint=WHERE)
        try:
            await self._load.witness(target.port)
        except LoadError as error:
            raise OutsideError(error.message.removeprefix("the load generator refused: ")) from None
        url = f"http://{target.address if target.family == 'ipv4' else f'[{target.address}]'}:{target.port}"
        url += target.quick_path
        argv = [word.replace("{url}", url).replace("{host}", host_of(target)) for word in self._argv]
        begun = time.monotonic()
        self._process = await self._instance.spawn_beside(("env", f"{VARIABLE}={url}", *argv))
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._readers = [
            asyncio.create_task(self._read(stream))
            for stream in (self._process.stdout, self._process.stderr)
            if stream is not None
        ]
        while not await self._load.witnessed():
            await self._pause(begun, PAUSE)
            if time.monotonic() - begun > TRAFFIC_LIMIT:
                what = f"the load command opened no connection to {url} within {TRAFFIC_LIMIT:g} s"
                raise OutsideError(what, hint="write {url} where it takes the address")
        await self._pause(begun, LEAD)
        await self._load.ready()

    async def _pause(self, begun: float, seconds: float) -> None:
        assert self._process is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
            await self._all_read()
            how = f"ended with exit code {self._process.returncode} after {time.monotonic() - begun:.2f} s"
            words = self._text().strip().splitlines()
            said = f": {words[-1]}" if words else ""
            hint = "give it a longer time: it has to run until the service has ended"
            raise OutsideError(f"the load command {how}, before the stop signal{said}", hint=hint)

    async def end(self) -> None:
        """Let it go on for a moment, end it and all that it started as Ctrl-C does, and take down what it printed and
        what was seen."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(TimeoutError):
            self._code = await asyncio.wait_for(process.wait(), GOES_ON)
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            os.killpg(process.pid, signal.SIGINT)  # all of `sh -c 'echo GET {url} | vegeta attack'`
            await asyncio.wait_for(process.wait(), ENDING)
        await self.close()
        with contextlib.suppress(LoadError):
            self._seen = await self._load.testify()

    async def close(self) -> None:
        """End it and all that it started at once. Idempotent."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await self._all_read()

    def outside(self) -> Outside:
        """Everything about it."""
        return Outside(self._argv, self._code, self._text(), self._seen)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(4096):
            self._output = (self._output + data)[-KEPT:]

    async def _all_read(self) -> None:
        if self._readers:
            await asyncio.wait(self._readers, timeout=ENDING)
        for reader in self._readers:
            reader.cancel()

    def _text(self) -> str:
        return self._output.decode("utf-8", "replace")
