"""A relay between a service and something else that can be cut, made slow and restored. It knows bytes alone.

    python -m seatrial.load.relay ROUTES

ROUTES is JSON, a list of [listen, to]: each is [address, port] or the path of a Unix socket; a `to` of null accepts
connections and never answers. Where a third element is true, a `to` in this very network needs no way and gets none.
On its input it takes lines, "cut 0", "slow 0", "restore 0" (the number of a route), and answers each with "ok", as it
does once all listen. It ends with its input.

cut: nothing listens, and what was connected is reset. slow: connections are accepted, and no byte goes on, either way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from typing import Any

CHUNK = 65_536
BACKLOG = 4096
Address = Any
"""[address, port], or a path."""


class Route:
    """One way from where it listens to where it leads."""

    def __init__(self, listen: Address, to: Address | None) -> None:
        self._listen = listen
        self._to = to
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def restore(self) -> None:
        """Listen, and let bytes go on."""
        self._flows.set()
        if self._server is None:
            self._server = await _serve(self._relay, self._listen)

    async def slow(self) -> None:
        """Listen, and hold back every byte."""
        await self.restore()
        self._flows.clear()

    async def cut(self) -> None:
        """Listen no more, and reset what is connected."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            _reset(writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self._to is None:
                await reader.read()
                return
            await self._flows.wait()
            there, back = await _connect(self._to)
            self._writers.add(back)
            try:
                await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
            finally:
                self._writers.discard(back)
                back.close()
        except OSError:
            _reset(writer)  # a refusal or a reset on the other side is a reset on this one
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All bytes, then the end."""
        while data := await reader.read(CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        await self._flows.wait()
        with contextlib.suppress(OSError):
            writer.write_eof()


async def _serve(relay: Any, listen: Address) -> asyncio.Server:
    if isinstance(listen, str):
        return await asyncio.start_unix_server(relay, listen, backlog=BACKLOG)
    return await asyncio.start_server(relay, listen[0], listen[1], backlog=BACKLOG, reuse_address=True)


async def _connect(to: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await (asyncio.open_unix_connection(to) if isinstance(to, str) else asyncio.open_connection(*to))


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST where there is such a thing."""
    found = writer.get_extra_info("socket")
    if found is not None and found.family != socket.AF_UNIX:
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


def is_here(to: Address) -> bool:
    """Whether an address is one of this network's own."""
    with socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET) as trial:
        try:
            trial.bind((to[0], 0))
        except OSError:
            return False
    return True


async def main(routes: list[list[Any]]) -> None:
    """Listen, and do as the input says, until it ends."""
    known = [Route(listen, to) for listen, to, *rest in routes if not (rest and rest[0] and is_here(to))]
    for route in known:
        await route.restore()
    print("ok", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, number = line.split()
        await {"cut": known[int(number)].cut, "slow": known[int(number)].slow, "restore": known[int(number)].restore}[
            word
        ]()
        print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
