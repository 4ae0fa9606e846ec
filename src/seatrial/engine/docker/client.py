"""The engine's API: how it is found, asked without blocking, and what its streams say.

A call runs in a thread of its own, so that a slow engine holds up nothing else, and a thread that hangs holds up no end
of ours. It decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from seatrial.model.errors import UnsupportedError

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
TIMEOUT = 120.0
"""Seconds that the engine has for one answer."""
PENDING_LIMIT = 20.0
"""Seconds for which calls that were begun are waited for at the end."""
STREAMS = {1: "stdout", 2: "stderr"}
_DEFAULT = "unix:///var/run/docker.sock"
_HEAD = struct.Struct(">BxxxL")
"""Before each piece of output: which stream, and how long it is (Docker's API, "attach")."""


def connect() -> APIClient:
    """A client of the engine that DOCKER_HOST names, else of Docker's usual socket. UnsupportedError without one."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        message = "the docker engine needs Docker's client for Python, which is not installed"
        raise UnsupportedError(message, hint="pip install 'seatrial[docker]'") from None
    where = os.environ.get("DOCKER_HOST") or _DEFAULT
    try:
        _knock(where)
        given = docker.utils.kwargs_from_env() | {"timeout": TIMEOUT, "version": "auto", "max_pool_size": 64}
        return docker.APIClient(**given)
    except (DockerException, OSError) as error:
        hint = "start the engine, or name its socket: DOCKER_HOST=unix:///run/user/1000/podman/podman.sock"
        raise UnsupportedError(f"no container engine answers at {where}: {_reason(error)}", hint=hint) from error


def _knock(where: str) -> None:
    """Connect once, where the engine has a socket: its client leaves one open that it could not connect."""
    if where.startswith("unix://"):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(where.removeprefix("unix://"))


def _reason(error: BaseException | None) -> str:
    """Why a connection failed, in the words of the operating system where it was that."""
    text = said(error) if isinstance(error, Exception) else ""
    while error is not None:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        error = error.__cause__ or error.__context__
    return text


class Calls:
    """Calls of the API that are under way."""

    def __init__(self, api: APIClient) -> None:
        self.api = api
        self._pending: set[asyncio.Future[Any]] = set()

    async def __call__(self, function: Callable[[], T]) -> T:
        """What a call gives. Where the wait for it is cancelled it goes on; `settle` waits for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                value = function()
            except BaseException as error:  # it is raised where it is awaited
                post(loop, _fail, answer, error)
            else:
                post(loop, _succeed, answer, value)

        self._pending.add(answer)
        answer.add_done_callback(self._pending.discard)
        threading.Thread(target=work, daemon=True).start()
        return await asyncio.shield(answer)

    async def settle(self) -> None:
        """Wait for the calls whose callers are gone, so that what they make can be removed."""
        if self._pending:
            await asyncio.wait(self._pending, timeout=PENDING_LIMIT)


def post(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    """Have the event loop call this, if it still runs."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


def _succeed(answer: asyncio.Future[T], value: T) -> None:
    if not answer.done():
        answer.set_result(value)


def _fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # whoever awaited it may be gone


class Stream:
    """The output of a container, or of a command inside one, over a connection that both sides took over.

    Read from the client's own buffer: the first bytes may have come together with the head of the engine's answer, and
    the socket that the client gives away lacks them.
    """

    def __init__(self, response: Any, *, tty: bool) -> None:
        self._response = response
        self._file = response.raw._fp.fp
        self._socket: socket.socket = self._file.raw._sock
        self._tty = tty

    def frames(self, deadline: float | None = None) -> Iterator[tuple[str, bytes]]:
        """Which stream and what, until the end. TimeoutError at the deadline."""
        while True:
            head = self._exactly(_HEAD.size, deadline) if not self._tty else b""
            if len(head) < _HEAD.size and not self._tty:
                return
            number, left = _HEAD.unpack(head) if head else (1, 1 << 16)
            while left:
                data = self._read(left, deadline)
                if not data:
                    return
                left -= len(data)
                yield STREAMS.get(number, "stdout"), data
                if self._tty:
                    break

    def _exactly(self, size: int, deadline: float | None) -> bytes:
        data = b""
        while len(data) < size and (more := self._read(size - len(data), deadline)):
            data += more
        return data

    def _read(self, most: int, deadline: float | None) -> bytes:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            return bytes(self._file.read1(most))
        except TimeoutError:
            raise
        except (OSError, ValueError):  # closed by us, or by an engine that went away
            return b""

    def close(self) -> None:
        """End it; whoever reads gets the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._response.close()
        self._socket.close()


def attach(api: APIClient, container: str, *, tty: bool) -> Stream:
    """The output of a container that was not started yet."""
    parameters = {"stdout": 1, "stderr": 1, "stream": 1}
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    url = api._url("/containers/{0}/attach", container)
    response = api._post(url, params=parameters, headers=headers, stream=True)
    api._raise_for_status(response)
    return Stream(response, tty=tty)


def run_inside(api: APIClient, exec_id: str) -> Stream:
    """Start a command inside that was made ready, and its output."""
    headers = {"Connection": "Upgrade", "Upgrade": "tcp"}
    url = api._url("/exec/{0}/start", exec_id)
    response = api._post_json(url, data={"Tty": False, "Detach": False}, headers=headers, stream=True)
    api._raise_for_status(response)
    return Stream(response, tty=False)


def said(error: Exception) -> str:
    """What the engine said, in one line, without the client's words around it."""
    text = str(getattr(error, "explanation", "") or error)
    return " ".join(text.split())
