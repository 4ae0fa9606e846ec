#!/usr/bin/env python3
"""Measures what `seatrial.drain` costs: a request, the import, the memory; prints each beside its bar.

    .venv/bin/python bench/drain_cost.py

In processor time, so that a busy machine changes little: of many short rounds the best counts. The import and the
memory are what comes on top of asyncio and logging, which a server has anyway. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from seatrial.drain.aio import Life
from seatrial.drain.asgi import Middleware
from seatrial.drain.health import Health

ROOT = Path(__file__).resolve().parents[1]
SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "http_version": "1.1"}
START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b""}
BARS = {"request": 3.0, "import": 10.0, "memory": 1024.0}
ROUNDS, REQUESTS = 60, 2_000
WITH_ASYNCIO = "import asyncio, logging, sys, time, signal, threading, json\n"
IMPORT = WITH_ASYNCIO + "begun = time.process_time()\nimport {module}\nprint((time.process_time() - begun) * 1000)"
MEMORY = (
    WITH_ASYNCIO
    + """
def resident():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))

before = resident()
from seatrial.drain.asgi import Middleware
from seatrial.drain.aio import Life
from seatrial.drain.health import Health
life = Life()
app = Middleware(lambda *_: None, life, health=Health())
open_requests = [life.enter({}) for _ in range(100)]
print(resident() - before)
"""
)


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send(START)
    await send(BODY)


async def send(message: Any) -> None:
    """Nothing."""


async def one_round(wanted: Any) -> float:
    """Microseconds of processor time of a request."""
    begun = time.process_time()
    for _ in range(REQUESTS):
        await wanted(SCOPE, None, send)
    return (time.process_time() - begun) / REQUESTS * 1e6


async def requests(rounds: int = ROUNDS) -> tuple[float, float, float]:
    """A request bare, with the middleware, and with health too: the best round of each, measured in turns."""
    life = Life()
    life.attach(signals=False)
    kinds = (app, Middleware(app, life), Middleware(app, life, health=Health()))
    best = [1e9, 1e9, 1e9]
    for _ in range(rounds):
        for number, kind in enumerate(kinds):
            best[number] = min(best[number], await one_round(kind))
    return best[0], best[1], best[2]


def measured(code: str, times: int = 20) -> float:
    """The least number that a program prints."""
    argv = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n{code}"]
    return min(float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout) for _ in range(times))


def main() -> int:
    bare, wrapped, healthy = asyncio.run(requests())
    rows = [
        ("one request, ASGI middleware", wrapped - bare, BARS["request"], "µs", f"{bare:.2f} bare, {wrapped:.2f} with"),
        ("one request, with health too", healthy - bare, BARS["request"], "µs", f"{healthy:.2f} with"),
        ("memory: middleware, health, 100 requests", measured(MEMORY), BARS["memory"], "KiB", ""),
    ]
    for module in ("", ".secrets", ".logs", ".health", ".aio", ".threads", ".asgi", ".wsgi", ".serve"):
        name = f"seatrial.drain{module}"
        rows.append((f"import {name}", measured(IMPORT.format(module=name)), BARS["import"], "ms", ""))
    for name, value, bar, unit, note in rows:
        print(f"{name:<45} {value:8.2f} {unit:<4} (at most {bar:g}) {note}")
    return 0 if all(value <= bar for _, value, bar, _, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
