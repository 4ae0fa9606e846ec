"""A program that takes a service's place on a port and answers every request with 500, or another status. It ends with
its stdin.

    python -m seatrial.load.stand_in PORT [ADDRESS STATUS]

Without an address it listens on all of both families, so that a check finds it under whatever name it asks for.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from http import HTTPStatus

LARGEST = 65_536


async def serve(port: int, address: str = "", status: int = 500) -> None:
    """Listen until there is no more input."""
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request's head, and answer it."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(answer, [address] if address else ["0.0.0.0", "::"], port, limit=LARGEST)
    except OSError:  # a machine without IPv6
        server = await asyncio.start_server(answer, address or "0.0.0.0", port, limit=LARGEST)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    number, where, answered = [*sys.argv[1:], "", "500"][:3]
    asyncio.run(serve(int(number), where, int(answered)))
