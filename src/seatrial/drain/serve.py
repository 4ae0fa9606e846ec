"""Run an application under a server, with the order of the stop that the server alone lacks.

Each function blocks, and ends the process with the right code. The servers are imported here and nowhere else, by name:
none is needed to import this module. Options go to the server as they are.

| server | what is added |
| --- | --- |
| uvicorn | the lag, a second SIGTERM, exit code 0 also where it is not PID 1 |
| hypercorn | one process whose listener closes when accepting ends; the lag; all the time for requests; GOAWAY |
| granian | the embedded server in this process; the lag; `Connection: close` |
| waitress | all of it: it has no stop of its own |
| aiohttp | the lag, `Connection: close`, WebSockets closed with 1012 |

For gunicorn see `seatrial.drain.gunicorn`.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from seatrial.drain import aio, asgi
from seatrial.drain.core import HANDLED, flush_logs, log
from seatrial.drain.health import Health, answer_async
from seatrial.drain.listeners import JUST_NOW, close_servers, stop_accepting

if TYPE_CHECKING:
    from seatrial.drain import threads

CHECK_EVERY = 0.02
BACKLOG = 128
UNFINISHED = 1.0
"""Seconds that a request of which a part has come has for the rest, when accepting has ended."""
UVICORN_WORKERS = "python -m seatrial.drain -- uvicorn module:app --workers 4"
ONE_PROCESS = "one container for each process, or python -m seatrial.drain -- uvicorn module:app --workers 4"


def uvicorn(app: Any, life: aio.Life | None = None, *, health: Health | None = None, **options: Any) -> NoReturn:
    """Run an ASGI application under uvicorn, in one process. `options` are those of `uvicorn.Config`."""
    server = import_module("uvicorn")
    if options.get("workers") not in (None, 1) or options.get("reload"):
        raise ValueError(f"serve.uvicorn runs one process, and neither workers nor reload\nhint: {UVICORN_WORKERS}")
    life = life or aio.Life()
    running = server.Server(server.Config(asgi.Middleware(app, life, health=health), **options))
    ignore_repeated_signals(lambda: running.started)
    life.catch_thread_errors()
    running.run()
    life.release_thread_errors()
    sys.exit(life.code if running.started else 3)


def ignore_repeated_signals(has_begun: Callable[[], bool]) -> None:
    """uvicorn sends itself the signal once more at its end, to die of it: the exit code would be 143, not 0. One that
    comes before it has begun ends the program as without drain, also as PID 1."""

    def again(number: int, _: object) -> None:
        if not has_begun():
            sys.exit(128 + number)

    for number in HANDLED:
        signal.signal(number, again)


def hypercorn(app: Any, life: aio.Life | None = None, *, health: Health | None = None, config: Any = None) -> NoReturn:
    """Run an ASGI application under hypercorn, in one process. `config` is a `hypercorn.Config`."""
    serve_worker = import_module("hypercorn.asyncio.run").worker_serve
    life = life or aio.Life()
    config = config or import_module("hypercorn.config").Config()
    if config.workers > 1:
        raise ValueError(f"serve.hypercorn runs one process, and no workers\nhint: {ONE_PROCESS}")
    config.graceful_timeout = max(config.graceful_timeout, life.machine.plan.deadline)
    _announce_over_http2()
    sockets = config.create_sockets()  # ours: hypercorn resets what is in their queue when it closes them
    wrapped = import_module("hypercorn.utils").wrap_app(
        asgi.Middleware(app, life, health=health), config.wsgi_max_body_size, "asgi"
    )
    listeners = [*sockets.secure_sockets, *sockets.insecure_sockets]
    stopped: list[asyncio.Event] = []

    async def close() -> None:
        await stop_accepting(listeners)
        stopped[0].set()

    async def main() -> None:
        stopped.append(asyncio.Event())
        await serve_worker(wrapped, config, sockets=sockets, shutdown_trigger=stopped[0].wait)

    life.on_close(close, "hypercorn")
    life.run(main())


def _announce_over_http2() -> None:
    """Have hypercorn send GOAWAY to idle HTTP/2 connections before it closes them: by itself it tells only those with a
    request in flight (`hypercorn/protocol/h2.py`: `stream_send`). Its own class is extended, for it takes no other."""
    protocols: Any = import_module("hypercorn.protocol")
    closed = import_module("hypercorn.events").Closed

    class Announcing(protocols.H2Protocol):  # type: ignore[misc]  # the base is known only when it runs
        async def handle(self, event: object) -> None:
            ends = isinstance(event, closed) and not self.closed
            await super().handle(event)
            if ends and self.context.terminated.is_set():
                self.connection.close_connection()
                await self._flush()

    protocols.H2Protocol = Announcing


def granian(app: Any, life: aio.Life | None = None, *, health: Health | None = None, **options: Any) -> NoReturn:
    """Run an ASGI application under granian's embedded server. `options` are those of `granian.server.embed.Server`."""
    if options.pop("workers", 1) != 1:
        raise ValueError(f"serve.granian runs one process, and no workers\nhint: {ONE_PROCESS}")
    embedded = import_module("granian.server.embed").Server
    interface = import_module("granian.constants").Interfaces.ASGI
    life = life or aio.Life()
    server = embedded(asgi.Middleware(app, life, health=health), interface=interface, **options)
    life.on_close(server.stop, "granian")

    async def main() -> None:
        await server.serve()

    try:
        life.run(main())
    except SystemExit as leaving:
        _end_before_finalizing(int(leaving.code or 0))


def _end_before_finalizing(code: int) -> NoReturn:
    """End the process with what sys.exit would do, but for taking the interpreter down: granian's threads outlive its
    server, and crash ("panic in a function that cannot unwind", 139) when Python ends under them."""
    for function in (atexit._run_exitfuncs, flush_logs):
        try:
            function()
        except Exception:
            log.exception("at exit")
    os._exit(code)


def aiohttp(
    app: Any,
    life: aio.Life | None = None,
    *,
    health: Health | None = None,
    host: str | None = None,
    port: int = 8080,
    **options: Any,
) -> NoReturn:
    """Run an `aiohttp.web.Application`. `options` are those of `aiohttp.web.AppRunner`."""
    web = import_module("aiohttp.web")
    life = life or aio.Life()
    sockets = _prepare_aiohttp(web, app, life, health)
    runner = web.AppRunner(app, handle_signals=False, **options)
    finishing: list[asyncio.Task[None]] = []

    listening: list[asyncio.Server] = []

    async def close() -> None:
        """With a moment for connections that were just accepted: else aiohttp waits for the request of one that it had
        not seen yet for as long as it may."""
        await close_servers(listening)
        finishing.append(asyncio.create_task(finish(life.enter("aiohttp's connections"))))

    async def finish(key: int) -> None:
        """Idle connections end, busy ones with their response."""
        try:
            runner.server.pre_shutdown()
            await asyncio.gather(
                runner.server.shutdown(life.machine.plan.deadline),
                *(opened.close(code=asgi.SERVICE_RESTART) for opened in set(sockets)),
            )
        finally:
            life.leave(key)

    async def main() -> None:
        await runner.setup()
        try:
            loop = asyncio.get_running_loop()
            listening.append(await loop.create_server(runner.server, host or "0.0.0.0", port, backlog=BACKLOG))
            await life.ended.wait()
        finally:
            await runner.cleanup()

    life.on_close(close, "aiohttp")
    life.run(main())


def _prepare_aiohttp(web: Any, app: Any, life: aio.Life, health: Health | None) -> weakref.WeakSet[Any]:
    """Count requests, announce the close and answer health; the set of open WebSockets."""
    sockets: weakref.WeakSet[Any] = weakref.WeakSet()

    async def counted(request: Any, handler: Any) -> Any:
        if health is not None and (check := health.route(request.path, stopping=life.stopping)):
            status, body = await answer_async(health, check, ready=life.ready)
            return web.Response(status=status, body=body, content_type="application/json")
        with life.request(f"{request.method} {request.path}"):
            return await handler(request)

    async def announce(_: Any, response: Any) -> None:
        if isinstance(response, web.WebSocketResponse):
            sockets.add(response)
        elif life.stopping:
            response.force_close()
            response.headers["Connection"] = "close"

    app.middlewares.insert(0, web.middleware(counted))
    app.on_response_prepare.append(announce)
    return sockets


def waitress(app: Any, life: threads.Life | None = None, *, health: Health | None = None, **options: Any) -> NoReturn:
    """Run a WSGI application under waitress. `options` are those of `waitress.serve`."""
    from seatrial.drain import threads, wsgi

    life = life or threads.Life()
    served = wsgi.Middleware(app, life, health=health, announce=False)
    server = import_module("waitress").create_server(served, **options)
    listening = [x for x in _dispatchers(server).values() if getattr(x, "accepting", False)]
    for listener in listening:
        listener.channel_class = _announcing_channel(life, listener.channel_class)
    gate = life.enter("waitress")

    def close() -> None:
        _in_loop(listening[0], lambda: _stop_accepting(listening))
        threading.Thread(target=_end_when_quiet, args=(server, listening, life, gate), daemon=True).start()

    life.on_close(close, "waitress")
    life.run(server.run)


def _dispatchers(server: Any) -> dict[int, Any]:
    """waitress's map of descriptors: a single server and a server of many listeners keep it under different names."""
    found: dict[int, Any] = server.map if hasattr(server, "map") else server._map
    return found


def _in_loop(listener: Any, call: Any) -> None:
    """Have something called in waitress's loop: its trigger is made for this."""
    listener.trigger.pull_trigger(call)


def _stop_accepting(listening: list[Any]) -> None:
    """Serve those who wait in the queue of a listener, then close it; the trigger and the connections stay."""
    for listener in listening:
        before = -1
        while before != len(listener.active_channels):
            before = len(listener.active_channels)
            listener.handle_accept()
        listener.accepting = False
        listener.del_channel()
        listener.socket.close()


def _end_when_quiet(server: Any, listening: list[Any], life: threads.Life, gate: int) -> None:
    """Close each connection when it has nothing left to send; end waitress's loop when none is left."""
    begun = time.monotonic()
    while sum(_close_idle(listener, time.monotonic() - begun) for listener in listening):
        if life.ended.wait(CHECK_EVERY):
            return
    life.leave(gate)
    life.ended.wait()
    _in_loop(listening[0], lambda: _end_loop(server))


def _close_idle(listener: Any, waited: float) -> int:
    """Ask idle connections to close; the number of those that are left. One that was just accepted, or has sent a part
    of a request, has a moment for the rest."""
    channels = [channel for channel in list(listener.active_channels.values()) if channel.connected]
    for channel in channels:
        busy = channel.requests or channel.total_outbufs_len or (channel.request is not None and waited < UNFINISHED)
        if not busy and time.time() - channel.last_activity > JUST_NOW:
            channel.will_close = True
    listener.pull_trigger()
    return len(channels)


def _end_loop(server: Any) -> None:
    """waitress's loop ends when its map is empty."""
    server.task_dispatcher.shutdown()
    for dispatcher in list(_dispatchers(server).values()):
        dispatcher.close()
    _dispatchers(server).clear()


def _announcing_channel(life: threads.Life, channel: Any) -> Any:
    """A channel whose responses say `Connection: close` in a stop: waitress refuses the header from an application, and
    decides by what the client asked for."""

    class Task(channel.task_class):  # type: ignore[misc]  # a class of waitress's, known only at run time
        def build_response_header(self) -> Any:
            if life.stopping:
                self.request.headers["CONNECTION"] = "close"
            return super().build_response_header()

    class Channel(channel):  # type: ignore[misc]  # waitress has no types
        task_class = Task

    return Channel
