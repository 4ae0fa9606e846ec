"""The control socket: HTTP/1.1 over a Unix socket that its owner alone can use.

Knows HTTP, not what is asked: a `Handler` gets the method, the path's parts and the request's values, and gives an
`Answer`. A handler's own errors become a JSON object with `error` and `hint`; nothing that a client sends ends the
supervisor. One request a connection. A stream of JSON lines is sent in chunks, so that an asker can tell its end from
ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from seatrial.model.errors import InputError, SeatrialError

LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 16 * 1024 * 1024
PATIENCE = 10.0
"""Seconds that a client has to send its request."""


@dataclass(frozen=True, slots=True)
class Request:
    """`parts` of the path below /v1; `values` come from the query (texts) or the JSON body."""

    method: str
    parts: tuple[str, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One JSON value, a text, or a stream of JSON values (one a line)."""

    value: Any = None
    text: str | None = None
    lines: AsyncIterator[Any] | None = None
    status: HTTPStatus = HTTPStatus.OK


Handler = Callable[[Request], Awaitable[Answer]]


class _BadRequestError(Exception):
    """What a client sent is no request that can be read."""


async def serve(path: Path, handler: Handler) -> asyncio.Server:
    """Listen on a socket that only its owner can connect to. The caller holds the project's lock: what lies at `path`
    is left over, and is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    return await asyncio.start_unix_server(
        lambda reader, writer: _connection(reader, writer, handler), sock=listener, limit=LONGEST_HEAD
    )


async def _connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    try:
        if not _is_ours(writer.get_extra_info("socket")):
            return
        try:
            async with asyncio.timeout(PATIENCE):
                request = await _read(reader)
            answer = await handler(request)
        except (_BadRequestError, TimeoutError, ValueError) as error:
            answer = Answer({"error": str(error) or "the request came too slowly"}, status=HTTPStatus.BAD_REQUEST)
        except ConnectionError:
            raise
        except (SeatrialError, OSError) as error:
            answer = Answer(told(error), status=HTTPStatus.BAD_REQUEST)
        await _while_there(reader, _write(writer, answer))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client is gone; what it asked for is done or goes on
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def told(error: SeatrialError | OSError) -> dict[str, str]:
    """An error as a client gets it (a full disk, too); `kind` tells which exit code it stands for."""
    if isinstance(error, OSError):
        return {"error": f"{f'{error.filename}: ' if error.filename else ''}{error.strerror}", "hint": "", "kind": ""}
    kind = "input" if isinstance(error, InputError) else type(error).__name__.removesuffix("Error").lower()
    return {"error": str(error), "hint": error.hint, "kind": kind}


def _is_ours(connection: socket.socket) -> bool:
    """Whether the peer is our own user or root: the socket's mode says so too, but not on every file system."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return user in (0, os.geteuid())


async def _read(reader: asyncio.StreamReader) -> Request:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
        raise _BadRequestError("this is no HTTP request") from None
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise _BadRequestError("this is no HTTP request")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    address = urlsplit(words[1])
    values: dict[str, Any] = dict(parse_qsl(address.query))
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > LONGEST_BODY:
        raise _BadRequestError("the request has no length that can be read")
    if int(length):
        values.update(_object(await reader.readexactly(int(length))))
    parts = tuple(unquote(part) for part in address.path.split("/") if part)
    return Request(words[0], parts[1:] if parts[:1] == ("v1",) else parts, values)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise _BadRequestError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise _BadRequestError("the body is not a JSON object")
    return value


async def _while_there(reader: asyncio.StreamReader, writing: Coroutine[Any, Any, None]) -> None:
    """Write as long as the client is there: one that follows events may go while none happens."""
    task, gone = asyncio.create_task(writing), asyncio.create_task(reader.read(1))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    finally:
        gone.cancel()


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    kind = "application/json" if answer.text is None else "text/plain; version=0.0.4"
    head = f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
    if answer.lines is None:
        body = (json.dumps(answer.value) + "\n" if answer.text is None else answer.text).encode()
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        return
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    try:
        async for line in answer.lines:
            writer.write(_chunk(line))
            await writer.drain()
    except ConnectionError:
        raise
    except (SeatrialError, OSError) as error:
        writer.write(_chunk(told(error)))
    finally:
        if isinstance(answer.lines, AsyncGenerator):
            await answer.lines.aclose()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _chunk(value: Any) -> bytes:
    line = json.dumps(value).encode() + b"\n"
    return b"%x\r\n%b\r\n" % (len(line), line)
