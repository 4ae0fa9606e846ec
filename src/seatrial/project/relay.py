"""The supervisor's end of the relay (`front`): starts it, tells it where the instances are, replaces it if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seatrial.model.errors import SeatrialError

PATIENCE = 15.0


class RelayError(SeatrialError):
    """The relay can't do what was asked: a port is taken, most often."""


class Relay:
    """The relay of one project; none runs until it is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._told: Mapping[str, Any] = {}
        self._lock = asyncio.Lock()

    async def tell(self, services: Mapping[str, Any]) -> None:
        """Let it become this, and wait until it is. Raises RelayError."""
        async with self._lock:
            if services == self._told and (not services or self._streams is not None):
                return
            if not services and self._streams is None and not self._path.exists():
                return
            wanted = {"services": services} if services else {"end": True}
            try:
                async with asyncio.timeout(PATIENCE):
                    answer = await self._ask(wanted)
            except (OSError, ValueError, TimeoutError) as error:
                self.let_go()
                if not services:
                    return  # it is gone, which is what was wanted
                raise RelayError(f"the relay before the services does not answer: {error}") from None
            if "error" in answer:
                raise RelayError(f"the relay can't listen: {answer['error']}", hint="ss -ltnp shows who does")
            self._told = services
            if not services:
                self.let_go()

    async def _ask(self, wanted: Mapping[str, Any]) -> dict[str, str]:
        for is_last in (False, True):
            if self._streams is None:
                await self._connect(start="services" in wanted)
            assert self._streams is not None
            reader, writer = self._streams
            try:
                writer.write(json.dumps(wanted).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
                if not line:
                    raise ConnectionResetError("it has ended")
                answer: dict[str, str] = json.loads(line)
                return answer
            except ConnectionError:
                self.let_go()
                if is_last or "services" not in wanted:
                    raise
        raise AssertionError("the last attempt answers or raises")

    async def _connect(self, *, start: bool) -> None:
        try:
            self._streams = await asyncio.open_unix_connection(str(self._path))
        except (FileNotFoundError, ConnectionRefusedError):
            if not start:
                raise
            await asyncio.to_thread(self._start)
            self._streams = await asyncio.open_unix_connection(str(self._path))

    def _start(self) -> None:
        process = subprocess.Popen(
            (sys.executable, "-P", "-m", "seatrial.project.front", str(self._path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        assert process.stdout is not None
        with process.stdout as answer:
            if not answer.readline():
                raise ConnectionRefusedError("it could not be started")
        process.returncode = 0  # it outlives us, and nobody shall complain that it wasn't waited for

    def let_go(self) -> None:
        """Close our end; it goes on."""
        if self._streams is not None:
            with contextlib.suppress(OSError):
                self._streams[1].close()
            self._streams = None
        self._told = {}
