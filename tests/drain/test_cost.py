"""What drain costs, within wide bounds: bench/drain_cost.py measures it exactly, against the bars of the docs.

Counted rather than timed where that can be: the same on every machine, however busy.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from seatrial.drain.aio import Life
from seatrial.drain.asgi import Middleware
from seatrial.drain.health import Health

SOURCES = Path(__file__).parents[2] / "src"
SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": [], "http_version": "1.1"}
LINES = 40
"""Lines of ours that a request may run through: 0.03 to 0.05 µs each on machines of today, so 2 to 3 µs."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def send(message: Any) -> None:
    """Nothing."""


def lines_run(wanted: Any) -> int:
    """How many lines of our files one request runs through."""
    counted = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if "/drain/" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
            return None
        counted[0] += event == "line"
        return trace

    before = sys.gettrace()
    request = wanted(SCOPE, None, send)
    sys.settrace(trace)
    try:
        with pytest.raises(StopIteration):
            request.send(None)
    finally:
        sys.settrace(before)
    return counted[0]


def test_a_request_runs_through_few_lines() -> None:
    async def main() -> int:
        life = Life()
        life.attach(signals=False)
        wrapped = Middleware(app, life, health=Health())
        await wrapped(SCOPE, None, send)
        return lines_run(wrapped)

    assert 10 < asyncio.run(main()) <= LINES


def test_requests_leave_no_memory_behind() -> None:
    async def main() -> int:
        life = Life()
        life.attach(signals=False)
        wrapped = Middleware(app, life, health=Health())
        for _ in range(100):
            await wrapped(SCOPE, None, send)
        tracemalloc.start()
        try:
            for _ in range(500):
                await wrapped(SCOPE, None, send)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert asyncio.run(main()) < 10_000


HEAVY = ("http.server", "email.message", "tempfile", "ssl", "multiprocessing.context", "urllib.request")


@pytest.mark.slow
@pytest.mark.parametrize("module", ["asgi", "wsgi", "serve", "gunicorn", "logs", "secrets"])
def test_an_import_brings_nothing_heavy_along(module: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r}); import asyncio, logging; before = set(sys.modules)\n"
        f"import seatrial.drain.{module}; print('\\n'.join(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    new = set(done.stdout.split())
    assert f"seatrial.drain.{module}" in new
    assert not new & set(HEAVY)
    assert len([name for name in new if not name.startswith("seatrial")]) <= 25


@pytest.mark.slow
def test_the_library_takes_less_than_a_megabyte() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCES)!r}); import asyncio, logging, tracemalloc; tracemalloc.start()\n"
        "from seatrial.drain.asgi import Middleware; from seatrial.drain.aio import Life\n"
        "from seatrial.drain.health import Health\n"
        "life = Life(); app = Middleware(None, life, health=Health()); some = [life.enter({}) for _ in range(100)]\n"
        "print(tracemalloc.get_traced_memory()[0])"
    )
    argv = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1 << 20
