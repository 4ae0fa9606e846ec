"""ASGI: count what is in flight, announce the close, answer health, and hold the application's own shutdown back.

    app = Middleware(app, life, health=health)

Under a server with signal handlers of its own (uvicorn, gunicorn's ASGI workers) this alone gives the order of the
stop: signal, readiness false, lag, and only then the server's own shutdown. Before the stop it adds no header.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from seatrial.drain.aio import Life
from seatrial.drain.health import Health, answer_async

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
CLOSE = (b"connection", b"close")
CLOSING = 1.0
"""Seconds that sending a WebSocket's close may take."""
SERVICE_RESTART = 1012
"""The WebSocket close code that tells clients to come back (RFC 6455's registry)."""


class Middleware:
    """The outermost layer of an ASGI application. `health` is a `Health`, or None to answer no path."""

    __slots__ = ("_app", "_enter", "_health", "_leave", "_life", "_sockets")

    def __init__(self, app: Any, life: Life | None = None, *, health: Health | None = None) -> None:
        self._app: App = app
        self._life = life or Life()
        self._health = health
        self._enter, self._leave = self._life.enter, self._life.leave
        self._sockets: set[asyncio.Event] = set()
        self._life.on_close(self._close_sockets, "WebSockets")

    @property
    def life(self) -> Life:
        """The life that it counts for."""
        return self._life

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        life = self._life
        life.attach()  # for servers without a lifespan; it does nothing the second time
        if self._health is not None and (check := self._health.route(scope["path"], stopping=life.stopping)):
            await _answer(check, self._health, life, send, scope)
            return
        key = self._enter(scope)
        try:
            await self._app(scope, receive, _Announcing(life, send).send if scope["http_version"] < "2" else send)
        finally:
            self._leave(key)

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        """Begin with the application, and let it shut down only when workers and hooks are done with it."""
        life = self._life
        life.attach()
        key = life.enter("the server's own shutdown")
        said: set[str] = set()

        async def held_back() -> Message:
            message = await receive()
            said.add(message["type"])
            if message["type"] == "lifespan.shutdown":
                life.stop(skip_lag=True)  # without effect when the stop has begun: else the server has its own reason
                life.leave(key)
                await life.ended.wait()
            return message

        async def sent(message: Message) -> None:
            said.add(message["type"])
            await send(message)

        try:
            await self._app(scope, held_back, sent)
        except Exception:
            if said & {"lifespan.startup.complete", "lifespan.startup.failed"}:
                raise
            await _stand_in(held_back, send, said)  # the application knows no lifespan, and we need the server's
        finally:
            life.leave(key)

    async def _websocket(self, scope: Message, receive: Receive, send: Send) -> None:
        """Close with 1012 when the time comes; the application sees a disconnect, as if the client had left."""
        life = self._life
        life.attach()
        gone = asyncio.Event()
        self._sockets.add(gone)
        key = life.enter(scope)
        try:
            await self._app(scope, _until(gone, receive, send), send)
        finally:
            self._sockets.discard(gone)
            life.leave(key)

    def _close_sockets(self) -> None:
        for gone in list(self._sockets):
            gone.set()


class _Announcing:
    """The `send` of one request: says `Connection: close` when the stop has begun by the time the response does."""

    __slots__ = ("_life", "_send")

    def __init__(self, life: Life, send: Send) -> None:
        self._life, self._send = life, send

    def send(self, message: Message) -> Awaitable[None]:
        if self._life.stopping and message["type"] == "http.response.start":
            message = {**message, "headers": announced(message.get("headers") or ())}
        return self._send(message)


async def _stand_in(receive: Receive, send: Send, said: set[str]) -> None:
    """Speak the lifespan protocol in place of an application that does not."""
    if "lifespan.startup" not in said:
        await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def announced(headers: Any) -> list[tuple[bytes, bytes]]:
    """The headers with `Connection: close` in place of what they said about the connection."""
    return [*((name, value) for name, value in headers if name.lower() != b"connection"), CLOSE]


def _may_announce(scope: Message) -> bool:
    return bool(scope["http_version"] < "2")  # HTTP/2 forbids the header: its servers send GOAWAY


def _until(gone: asyncio.Event, receive: Receive, send: Send) -> Receive:
    """The `receive` of a WebSocket that ends with a disconnect when `gone` is set."""

    async def received() -> Message:
        message = asyncio.ensure_future(receive())
        leaving = asyncio.ensure_future(gone.wait())
        try:
            await asyncio.wait({message, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                return message.result()
            message.cancel()  # first: a server may not send while it waits to receive
            closing = {"type": "websocket.close", "code": SERVICE_RESTART, "reason": "restarting"}
            with contextlib.suppress(TimeoutError):  # granian closes only when it has received something once more
                await asyncio.wait_for(send(closing), CLOSING)
            return {"type": "websocket.disconnect", "code": SERVICE_RESTART}
        finally:
            leaving.cancel()
            if not message.done():
                message.cancel()

    return received


async def _answer(check: str, health: Health, life: Life, send: Send, scope: Message) -> None:
    status, body = await answer_async(health, check, ready=life.ready)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers += [(b"cache-control", b"no-store")] + ([CLOSE] if life.stopping and _may_announce(scope) else [])
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
