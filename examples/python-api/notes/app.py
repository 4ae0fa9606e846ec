"""The routes of the notes API, and its log: one JSON object a line."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BATCHES = 40


@dataclass
class State:
    """What the routes and the stop share."""

    stopping: bool = False


state = State()


def log(level: str, message: str, **fields: object) -> None:
    """Write one line, and hand it to the kernel at once."""
    record = {"time": datetime.now(UTC).isoformat(), "level": level, "message": message, **fields}
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


class RequestLog:
    """ASGI middleware: one log line a request, with the caller's own request id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun, status = time.perf_counter(), 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if state.stopping:
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            headers = dict(scope["headers"])
            log(
                "info",
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                milliseconds=round(1000 * (time.perf_counter() - begun)),
                request_id=headers.get(b"x-request-id", b"").decode("latin-1") or None,
            )
        return None


async def health(_request: Request) -> JSONResponse:
    """Shallow: says that this process answers. Nothing that it depends on can make it fail."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> JSONResponse:
    """Deep: fails as soon as the stop begins, and when the database does not answer."""
    try:
        request.state.db.execute("SELECT 1 FROM notes LIMIT 1").fetchone()
    except sqlite3.Error:
        return JSONResponse({"ready": False}, status_code=503)
    return JSONResponse({"ready": not state.stopping}, status_code=503 if state.stopping else 200)


async def latest(request: Request) -> JSONResponse:
    """The latest hundred notes."""
    rows = request.state.db.execute("SELECT id, text FROM notes ORDER BY id DESC LIMIT 100").fetchall()
    return JSONResponse([{"id": number, "text": text} for number, text in rows])


async def add(request: Request) -> JSONResponse:
    """Add a note: `{"text": "…"}`."""
    try:
        text = (await request.json())["text"]
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"error": "text is missing"}, status_code=400)
    with request.state.db as db:
        number = db.execute("INSERT INTO notes (text) VALUES (?)", (str(text),)).lastrowid
    return JSONResponse({"id": number, "text": text}, status_code=201)


async def report(request: Request) -> JSONResponse:
    """A report takes its time: it goes through the notes in batches and lets other requests in between."""
    words: set[str] = set()
    for batch in range(BATCHES):
        for (text,) in request.state.db.execute(f"SELECT text FROM notes WHERE id % {BATCHES} = ?", (batch,)):
            words.update(text.split())
        await asyncio.sleep(0.02)
    return JSONResponse({"words": len(words)})


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, sqlite3.Connection]]:
    """Open the database before the first request and close it after the last."""
    db = sqlite3.connect(os.environ.get("DB_FILE", "notes.db"))
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    yield {"db": db}
    db.close()
    log("info", "stopped")


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/health/ready", ready),
        Route("/notes", latest, methods=["GET"]),
        Route("/notes", add, methods=["POST"]),
        Route("/report", report),
    ],
    lifespan=lifespan,
)
app.add_middleware(RequestLog)
