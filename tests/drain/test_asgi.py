"""The ASGI middleware, against a server that is a few lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from seatrial.drain.asgi import Middleware, announced
from seatrial.drain.health import Health
from seatrial.drain.state import Phase
from tests.drain.conftest import AsyncLife

CLOSE = (b"connection", b"close")


def scope(path: str = "/", *, kind: str = "http", version: str = "1.1") -> dict[str, Any]:
    return {"type": kind, "method": "GET", "path": path, "headers": [], "http_version": version}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"text/plain"), (b"Connection", b"keep-alive")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


async def requested(app: Any, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    await app(wanted, receive, send)
    return sent


def played(story: Callable[[AsyncLife], Awaitable[Any]], **options: Any) -> None:
    async def main() -> None:
        life = AsyncLife(**{"deadline": 5.0, **options})
        life.attach(signals=False)
        await story(life)
        await life.finish()

    asyncio.run(asyncio.wait_for(main(), 20))


def test_before_a_stop_responses_are_left_as_they_are() -> None:
    async def story(life: AsyncLife) -> None:
        sent = await requested(Middleware(hello, life), scope())
        assert sent == await requested(hello, scope())
        assert not life.open

    played(story)


def test_during_a_stop_responses_announce_the_close() -> None:
    async def story(life: AsyncLife) -> None:
        app = Middleware(hello, life)
        life.stop()
        await asyncio.sleep(0)
        sent = await requested(app, scope())
        assert sent[0]["headers"] == [(b"content-type", b"text/plain"), CLOSE]
        sent = await requested(app, scope(version="2"))
        assert CLOSE not in sent[0]["headers"]

    played(story)


def test_a_response_that_begins_in_the_stop_announces_it_although_its_request_came_before() -> None:
    async def story(life: AsyncLife) -> None:
        async def slow(scope: Any, receive: Any, send: Any) -> None:
            life.stop()
            while not life.stopping:
                await asyncio.sleep(0)
            await hello(scope, receive, send)

        sent = await requested(Middleware(slow, life), scope())
        assert CLOSE in sent[0]["headers"]
        assert await life.stopped() == 0

    played(story)


def test_a_request_is_in_flight_until_its_application_returns_or_raises() -> None:
    async def story(life: AsyncLife) -> None:
        seen: list[int] = []

        async def broken(scope: Any, receive: Any, send: Any) -> None:
            seen.append(len(life.open))
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            await requested(Middleware(broken, life), scope())
        assert (seen, life.open) == ([1], {})

    played(story)


def test_health_is_answered_without_the_application() -> None:
    async def story(life: AsyncLife) -> None:
        app = Middleware(hello, life, health=Health())
        start, body = await requested(app, scope("/health/ready"))
        assert (start["status"], json.loads(body["body"])["status"]) == (200, "up")
        life.stop()
        await asyncio.sleep(0)
        start, body = await requested(app, scope("/health/ready"))
        assert (start["status"], json.loads(body["body"])["status"]) == (503, "stopping")
        assert CLOSE in start["headers"]
        assert (await requested(app, scope("/health")))[0]["status"] == 200
        assert (await requested(app, {**scope("/health"), "method": "HEAD"}))[1]["body"] == b""
        assert (await requested(app, scope("/")))[1]["body"] == b"hello"

    played(story)


class Lifespan:
    """A server's side of the lifespan protocol."""

    def __init__(self, app: Any) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.task = asyncio.create_task(app({"type": "lifespan"}, self.inbox.get, self.sent.put))

    async def tell(self, word: str) -> None:
        await self.inbox.put({"type": f"lifespan.{word}"})

    async def told(self) -> str:
        found: str = (await self.sent.get())["type"]
        return found


def test_the_application_shuts_down_after_the_hooks() -> None:
    told: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        told.append("application")
        await send({"type": "lifespan.shutdown.complete"})

    async def story(life: AsyncLife) -> None:
        life.hook(lambda: told.append("hook"), name="hook")
        server = Lifespan(Middleware(app, life))
        await server.tell("startup")
        assert await server.told() == "lifespan.startup.complete"
        life.stop()
        while life.phase is not Phase.REQUESTS:
            await asyncio.sleep(0)
        assert told == []  # as long as the server has connections
        await server.tell("shutdown")
        assert await server.told() == "lifespan.shutdown.complete"
        await server.task
        assert life.code == 0

    played(story)
    assert told == ["hook", "application"]


def test_a_server_that_stops_by_itself_runs_the_hooks_without_a_lag() -> None:
    told: list[str] = []

    async def story(life: AsyncLife) -> None:
        life.hook(lambda: told.append("hook"), name="hook")
        server = Lifespan(Middleware(hello_with_lifespan, life))
        await server.tell("startup")
        await server.told()
        await server.tell("shutdown")
        await server.told()

    async def hello_with_lifespan(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    played(story, lag=60.0, deadline=90.0)
    assert told == ["hook"]


def test_an_application_without_a_lifespan_is_stood_in_for() -> None:
    async def story(life: AsyncLife) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            raise NotImplementedError(scope["type"])

        server = Lifespan(Middleware(app, life))
        await server.tell("startup")
        assert await server.told() == "lifespan.startup.complete"
        await server.tell("shutdown")
        assert await server.told() == "lifespan.shutdown.complete"
        await server.task

    played(story)


def test_an_application_that_fails_to_start_stays_a_failure() -> None:
    async def story(life: AsyncLife) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            raise ValueError("no database")

        server = Lifespan(Middleware(app, life))
        await server.tell("startup")
        assert await server.told() == "lifespan.startup.failed"
        with pytest.raises(ValueError, match="no database"):
            await server.task
        assert not life.open

    played(story)


def test_a_websocket_is_closed_with_1012_and_its_application_sees_a_disconnect() -> None:
    async def story(life: AsyncLife) -> None:
        seen: list[dict[str, Any]] = []
        sent: list[dict[str, Any]] = []
        accepted = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            accepted.set()
            seen.append(await receive())

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        await inbox.put({"type": "websocket.connect"})
        socket = asyncio.create_task(Middleware(app, life)(scope(kind="websocket"), inbox.get, send))
        await accepted.wait()
        life.stop()
        assert await life.stopped() == 0
        await socket
        assert seen == [{"type": "websocket.disconnect", "code": 1012}]
        assert sent[-1]["type"] == "websocket.close"
        assert sent[-1]["code"] == 1012

    played(story)


def test_other_protocols_are_passed_on() -> None:
    async def story(life: AsyncLife) -> None:
        seen: list[str] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["type"])

        await requested(Middleware(app, life), {"type": "other"})
        assert seen == ["other"]

    played(story)


def test_what_headers_said_about_the_connection_is_replaced() -> None:
    assert announced([(b"Connection", b"keep-alive"), (b"x", b"y")]) == [(b"x", b"y"), CLOSE]
