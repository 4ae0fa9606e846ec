"""A program that takes a service's place on a port and answers every request with 500. It ends with its stdin.

    python -m seatrial.load.stand_in PORT

It listens on all addresses of both families, so that a check finds it under whatever name it asks for.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

ANSWER = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
LARGEST = 65_536


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read a request's head, and answer it."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
    writer.close()


async def serve(port: int) -> None:
    """Listen until there is no more input."""
    try:
        server = await asyncio.start_server(answer, ["0.0.0.0", "::"], port, limit=LARGEST)
    except OSError:  # a machine without IPv6
        server = await asyncio.start_server(answer, "0.0.0.0", port, limit=LARGEST)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
