"""Health: is the process alive (shallow), and can it serve (deep)?

    health = Health()

    @health.check(timeout=1.0)
    def database() -> None: ...            # raise, or return False: down

    @health.check(critical=False)
    async def cache() -> None: ...         # not critical: degraded, still 200

Shallow touches no dependency and is what a liveness probe asks. Deep runs all checks side by side, each within its own
time, and keeps the result for `cache` seconds, so that probes can't overload what they ask about. In a stop it is 503.
What an exception says stays inside unless `details=True`: a health endpoint is often open to the world.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from seatrial.drain.background import awaited, start

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger("seatrial.drain.health")
SHALLOW, DEEP = "shallow", "deep"


class Status(Enum):
    """How a check, or all of them together, stands."""

    UP = "up"
    DEGRADED = "degraded"
    """Something that is not critical is down."""
    DOWN = "down"
    STOPPING = "stopping"


class Check(NamedTuple):
    """One named check. `critical`: without it nothing can be served."""

    name: str
    call: Callable[[], Any]
    timeout: float = 2.0
    critical: bool = True


class Result(NamedTuple):
    """What a check came to. `detail` is for the log, and for the answer only where it was asked for."""

    name: str
    ok: bool
    critical: bool
    seconds: float
    detail: str = ""


class Health:
    """The checks of a service and their last results. Safe to use from threads and from an event loop."""

    def __init__(
        self,
        *,
        cache: float = 1.0,
        details: bool = False,
        live: str = "/health",
        ready: str = "/health/ready",
        only_stopping: bool = False,
    ) -> None:
        self.cache, self.details, self.only_stopping = cache, details, only_stopping
        self._paths = {live: SHALLOW, ready: DEEP}
        self._checks: list[Check] = []
        self._lock = threading.Lock()
        self._until = 0.0
        self._results: tuple[Result, ...] = ()
        self._threads: dict[str, threading.Thread] = {}
        self._running: asyncio.Task[tuple[Result, ...]] | None = None
        self._failing: set[str] = set()

    def check(self, function: F | None = None, *, name: str = "", timeout: float = 2.0, critical: bool = True) -> Any:
        """Declare a check: it is down if it raises, returns False, or takes longer than its timeout."""
        if function is None:
            return lambda declared: self.check(declared, name=name, timeout=timeout, critical=critical)
        called = name or getattr(function, "__name__", "check")
        if any(check.name == called for check in self._checks):
            raise ValueError(f"two health checks are named {called!r}\nhint: give one of them name=…")
        self._checks.append(Check(called, function, timeout, critical))
        return function

    def route(self, path: str, *, stopping: bool = False) -> str:
        """Which check a path asks for: "shallow", "deep", or "" for none. With `only_stopping` the application answers
        its paths itself until the stop begins."""
        return "" if self.only_stopping and not stopping else self._paths.get(path, "")

    def results(self) -> tuple[Result, ...]:
        """Run all checks side by side, from a thread; what is younger than `cache` is not asked again."""
        with self._lock:  # the others wait for the one that asks
            if time.monotonic() < self._until:
                return self._results
            return self._keep(self._run_in_threads())

    def _run_in_threads(self) -> list[Result]:
        begun = time.monotonic()
        found: dict[str, Result] = {}
        for check in self._checks:
            if not self._is_stuck(check):
                done = partial(_noted, found, check, begun)
                self._threads[check.name] = start(partial(_blocking, check), done, f"seatrial-check-{check.name}")
        results = []
        for check in self._checks:
            self._threads[check.name].join(max(0.0, begun + check.timeout - time.monotonic()))
            results.append(found.get(check.name) or _timed_out(check))
        return results

    def _is_stuck(self, check: Check) -> bool:
        """Whether its last call is still at it: one thread for each check that hangs, not one for each probe."""
        thread = self._threads.get(check.name)
        return thread is not None and thread.is_alive()

    async def results_async(self) -> tuple[Result, ...]:
        """Run all checks side by side, from an event loop; checks that are no coroutine functions run in threads."""
        if time.monotonic() < self._until:
            return self._results
        if self._running is None or self._running.done() or self._running.get_loop() is not asyncio.get_running_loop():
            self._running = asyncio.create_task(self._run_in_loop())
        return await asyncio.shield(self._running)

    async def _run_in_loop(self) -> tuple[Result, ...]:
        return self._keep(list(await asyncio.gather(*(self._call(check) for check in self._checks))))

    async def _call(self, check: Check) -> Result:
        begun = time.monotonic()
        if self._is_stuck(check):
            return _timed_out(check)
        try:
            if inspect.iscoroutinefunction(check.call):
                call = check.call()
            else:
                note = partial(self._threads.__setitem__, check.name)
                call = awaited(check.call, f"seatrial-check-{check.name}", note)
            found = await asyncio.wait_for(call, check.timeout)
        except TimeoutError:
            return _timed_out(check)
        except Exception as error:
            return _result(check, begun, None, error)
        return _result(check, begun, found)

    def _keep(self, results: list[Result]) -> tuple[Result, ...]:
        for result in results:  # a line when it changes, not one for each probe
            if not result.ok and result.name not in self._failing:
                log.warning("health check %s is down: %s", result.name, result.detail)
            elif result.ok and result.name in self._failing:
                log.info("health check %s is up again", result.name)
        self._failing = {result.name for result in results if not result.ok}
        self._results, self._until = tuple(results), time.monotonic() + self.cache
        return self._results


def overall(results: tuple[Result, ...], *, ready: bool) -> Status:
    """All results as one: a check that is not critical only degrades."""
    if not ready:
        return Status.STOPPING
    if all(result.ok for result in results):
        return Status.UP
    return Status.DOWN if any(result.critical and not result.ok for result in results) else Status.DEGRADED


def _body(health: Health, results: tuple[Result, ...], *, ready: bool) -> tuple[int, bytes]:
    status = overall(results, ready=ready)
    checks: dict[str, Any] = {}
    for result in results:
        word = Status.UP if result.ok else Status.DOWN if result.critical else Status.DEGRADED
        checks[result.name] = {"status": word.value, "seconds": round(result.seconds, 3)}
        if health.details and result.detail:
            checks[result.name]["detail"] = result.detail
    code = 200 if status in (Status.UP, Status.DEGRADED) else 503
    return code, json.dumps({"status": status.value, "checks": checks}).encode() + b"\n"


_ALIVE = (200, b'{"status": "up"}\n')


def answer(health: Health, check: str, *, ready: bool) -> tuple[int, bytes]:
    """HTTP status and JSON body of a check, from a thread. A stop is told at once, without asking anything."""
    if check == SHALLOW:
        return _ALIVE
    return _body(health, health.results() if ready else (), ready=ready)


async def answer_async(health: Health, check: str, *, ready: bool) -> tuple[int, bytes]:
    """HTTP status and JSON body of a check, from an event loop."""
    if check == SHALLOW:
        return _ALIVE
    return _body(health, await health.results_async() if ready else (), ready=ready)


def _timed_out(check: Check) -> Result:
    return Result(check.name, False, check.critical, check.timeout, f"no answer within {check.timeout:g} s")


def _result(check: Check, begun: float, found: object, error: Exception | None = None) -> Result:
    if isinstance(error, TimeoutError) and not error.args:
        return _timed_out(check)
    detail = f"{type(error).__name__}: {error}" if error else "returned False" if found is False else ""
    return Result(check.name, not detail, check.critical, time.monotonic() - begun, detail)


def _blocking(check: Check) -> Any:
    """Call a check in a thread, a coroutine function in a loop of its own."""
    found = check.call()
    return asyncio.run(asyncio.wait_for(found, check.timeout)) if inspect.iscoroutine(found) else found


def _noted(found: dict[str, Result], check: Check, begun: float, value: object, error: Exception | None) -> None:
    found[check.name] = _result(check, begun, value, error)


def serve_in_thread(
    health: Health, is_ready: Callable[[], bool], *, host: str = "0.0.0.0", port: int = 8081
) -> ThreadingHTTPServer:
    """Answer health from a thread, for programs without HTTP. Returns the server: `.server_address`, `.shutdown()`."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # here: with it comes all of email

    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0  # of a client that sends nothing

        def do_HEAD(self) -> None:
            self.do_GET()  # what `wget --spider` asks

        def do_GET(self) -> None:
            check = health.route(self.path.partition("?")[0])
            status, body = answer(health, check, ready=is_ready()) if check else (404, b'{"status": "not found"}\n')
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name is the base class's
            """Probes are no news."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="seatrial-health-http", daemon=True).start()
    return server


class ReadyFile:
    """A file that is there while the service is ready, for exec probes: `test -e /tmp/ready`.

    `life.on_unready(ReadyFile("/tmp/ready").remove)`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        from pathlib import Path
        from tempfile import mkstemp

        self.path = Path(path)
        handle, name = mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        Path(name).replace(self.path)  # whole or not at all: a link in its place is replaced, not followed

    def remove(self) -> None:
        """The service is not ready any more."""
        self.path.unlink(missing_ok=True)
