"""What drain costs: `python -m tests.drain.cost` prints the time of a request, of the import, and the memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import tracemalloc
from typing import Any

from seatrial.drain.aio import Life
from seatrial.drain.asgi import Middleware

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "http_version": "1.1"}
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


async def send(message: Any) -> None:
    """Nothing."""


async def timed(wanted: Any, number: int = 20_000) -> float:
    """Microseconds of one request, the best of five rounds."""
    rounds = []
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(number):
            await wanted(SCOPE, None, send)
        rounds.append((time.perf_counter() - begun) / number * 1e6)
    return min(rounds)


async def requests() -> tuple[float, float]:
    life = Life()
    life.attach(signals=False)
    return await timed(app), await timed(Middleware(app, life))


def imported(statement: str) -> float:
    """Milliseconds above an empty program, the best of seven."""

    def once(code: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", code], check=True)
        return (time.perf_counter() - begun) * 1000

    return min(once(statement) for _ in range(7)) - min(once("pass") for _ in range(7))


def main() -> None:
    bare, wrapped = asyncio.run(requests())
    print(f"one request: {bare:.2f} us bare, {wrapped:.2f} us with the middleware, {wrapped - bare:.2f} us more")
    for name in (
        "seatrial.drain",
        "seatrial.drain.secrets",
        "seatrial.drain.threads",
        "seatrial.drain.asgi",
        "asyncio",
    ):
        print(f"import {name}: {imported(f'import {name}'):.1f} ms")
    tracemalloc.start()
    asyncio.run(requests())
    print(f"memory: {tracemalloc.get_traced_memory()[0] / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
