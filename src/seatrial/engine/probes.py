"""Makes one probe of a health check: a command inside the instance, a request by HTTP, or a connection.

HTTP and TCP start no process: the supervisor connects itself, from the instance's network namespace where it has one of
its own. Whatever happens, the answer is a `Result`, and it comes soon after the timeout at the latest.

HTTP is well with a status from 200 to 399 (as for Kubernetes); redirects are not followed. The output is the head's
first line and the beginning of the body.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from seatrial.engine.contract.health import FAILED_TO_RUN, OUTPUT_LIMIT, Check, Kind, Result, duration, timed_out
from seatrial.engine.interface import ExecResult

CLONE_NEWNET = 0x40000000
NewSocket = Callable[[int], socket.socket]
"""Makes a TCP socket of a family, in the namespace in which it is to connect."""


class Executes(Protocol):
    """What runs a command inside: an `Instance`."""

    async def execute(self, argv: tuple[str, ...], *, timeout: float, as_root: bool = False) -> ExecResult:
        """Run it, and kill its whole tree at the timeout."""


def new_socket(family: int) -> socket.socket:
    """A socket in our own network namespace."""
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


def sockets_inside(namespace: int) -> NewSocket:
    """Makes sockets in the network namespace of this open descriptor (/proc/PID/ns/net). Needs CAP_SYS_ADMIN.

    A socket belongs to the namespace of the thread that made it (setns(2)), so a thread goes there, makes it and ends.
    """

    def make(family: int) -> socket.socket:
        made: list[socket.socket | OSError] = []
        thread = threading.Thread(target=lambda: made.append(_made_in(namespace, family)))
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    return make


def _made_in(namespace: int, family: int) -> socket.socket | OSError:
    try:
        if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "setns")
        return new_socket(family)
    except OSError as error:
        return error


async def probe(check: Check, inside: Executes, make: NewSocket = new_socket) -> Result:
    """Make one probe."""
    begun = time.monotonic()
    if check.kind is Kind.EXECUTE:
        return _executed(check, await inside.execute(check.argv, timeout=check.timeout))
    try:
        async with asyncio.timeout(check.timeout):
            if check.kind is Kind.TCP:
                code, output = await _connects(check.argv[0], int(check.argv[1]), make)
            else:
                code, output = await _asks(check.argv[0], make)
    except TimeoutError:
        return timed_out(check, begun, time.monotonic(), "")
    except OSError as error:
        code, output = FAILED_TO_RUN, f"{check.argv[0]}: {_words(error)}"
    return Result(begun, time.monotonic(), code, output)


def _words(error: OSError) -> str:
    """What happened, without asyncio's words around it."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _executed(check: Check, done: ExecResult) -> Result:
    if done.error:
        return Result(done.begun, done.ended, FAILED_TO_RUN, done.error)
    if done.code is None:
        return timed_out(check, done.begun, done.ended, done.output)
    return Result(done.begun, done.ended, done.code, done.output)


async def _connection(host: str, port: int, make: NewSocket) -> socket.socket:
    """A connection to the first address that answers; the error of the last one if none does."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failure: OSError = OSError(f"{host} has no address")
    for family, _, _, _, address in found:
        try:
            connection = make(family)
        except OSError as error:
            failure = error
            continue
        try:
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            failure = error
            continue
        except BaseException:
            connection.close()
            raise
        return connection
    raise failure


async def _connects(host: str, port: int, make: NewSocket) -> tuple[int, str]:
    (await _connection(host, port, make)).close()
    return 0, f"connected to {host}:{port}"


async def _asks(url: str, make: NewSocket) -> tuple[int, str]:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
    head += "User-Agent: seatrial\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    connection = await _connection(host, port, make)
    with contextlib.closing(connection):
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, head.encode("latin-1", "replace"))
        answer = b""
        while len(answer) < 2 * OUTPUT_LIMIT and (piece := await loop.sock_recv(connection, OUTPUT_LIMIT)):
            answer += piece
    return _judged(answer)


def _judged(answer: bytes) -> tuple[int, str]:
    """The code and output for an answer: 0 for a status from 200 to 399."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first = head.partition(b"\r\n")[0].decode("latin-1")
    words = first.split(" ", 2)
    if not (words[0].startswith("HTTP/") and len(words) > 1 and words[1].isdigit()):
        return 1, f"no answer by HTTP: {first[:80]!r}" if answer else "the connection was closed without an answer"
    output = f"{first}\n{body.decode(errors='replace')}" if body else first
    return (0 if 200 <= int(words[1]) < 400 else 1), output


def describe(check: Check) -> str:
    """A check in a few words, for people: what, how often, how long."""
    what = " ".join(check.argv) if check.kind is Kind.EXECUTE else check.argv[0]
    if check.kind is Kind.TCP:
        what = f"{check.argv[0]}:{check.argv[1]}"
    return f"{check.kind.value}: {what}, every {duration(check.interval)}, {duration(check.timeout)} each"
