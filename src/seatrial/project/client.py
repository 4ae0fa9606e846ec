"""A command's end of the control socket: asks the supervisor and gives its answers. Blocking; no event loop."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from seatrial.model.errors import InputError, NothingFoundError, SeatrialError, UnsupportedError

_KINDS = {"input": InputError, "nothingfound": NothingFoundError, "unsupported": UnsupportedError}


class NoSupervisorError(SeatrialError):
    """Nobody answers on the control socket."""


class BrokenOffError(NoSupervisorError):
    """The supervisor ended in the midst of an answer."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("seatrial")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.connect(str(self._path))


def _reach(path: Path) -> _Connection | None:
    connection = _Connection(path)
    try:
        connection.connect()
    except OSError:
        connection.close()
        return None
    return connection


class Client:
    """Asks the supervisor behind one control socket. Where nobody lives there, `revive` brings one up, once a call.

    Each call raises NoSupervisorError where nobody answers or an answer breaks off, and the supervisor's own refusal as
    the error that it is."""

    def __init__(self, socket_path: Path, revive: Callable[[], None] = lambda: None) -> None:
        self._path = socket_path
        self._revive = revive

    def is_answered(self) -> bool:
        """Whether somebody listens now."""
        if (connection := _reach(self._path)) is None:
            return False
        connection.close()
        return True

    def get(self, *parts: str, **query: str) -> Any:
        """The JSON value of a GET."""
        return json.loads(self._body(parts, query))

    def text(self, *parts: str) -> str:
        """The text of a GET."""
        return self._body(parts, {}).decode()

    def post(self, *parts: str, values: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The JSON lines that answer a POST, as they come."""
        return self._lines(self._checked("POST", parts, {}, values or {}))

    def follow(self, *parts: str, **query: str) -> Iterator[Any]:
        """The JSON lines of a GET that goes on until either side ends it."""
        return self._lines(self._checked("GET", parts, query))

    def _body(self, parts: tuple[str, ...], query: Mapping[str, str]) -> bytes:
        try:
            return self._checked("GET", parts, query).read()
        except (OSError, http.client.HTTPException):
            raise _broken_off() from None

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[Any]:
        with response:
            try:
                for line in _whole_lines(response):
                    value = json.loads(line)
                    _refuse(value)
                    yield value
            except (OSError, http.client.HTTPException):
                raise _broken_off() from None

    def _checked(
        self, method: str, parts: tuple[str, ...], query: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> http.client.HTTPResponse:
        path = "/v1/" + "/".join(quote(part, safe="") for part in parts) + ("?" + urlencode(query) if query else "")
        content = json.dumps(body) if body is not None else None
        try:
            response = self._answer(method, path, content)
        except (OSError, http.client.HTTPException) as error:
            if not _was_unheard(method, error):
                raise self._nobody() from None
            try:  # one that is dying still seems to listen
                response = self._answer(method, path, content)
            except (OSError, http.client.HTTPException):
                raise self._nobody() from None
        if response.status != http.client.OK:
            _refuse(json.loads(response.read() or b'{"error": "no answer"}'))
        return response

    def _answer(self, method: str, path: str, content: str | None) -> http.client.HTTPResponse:
        connection = self._connected()
        try:
            connection.request(method, path, content)
            return connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def _connected(self) -> _Connection:
        if (connection := _reach(self._path)) is None:
            self._revive()
            connection = _reach(self._path)
        if connection is None:
            raise self._nobody()
        return connection

    def _nobody(self) -> NoSupervisorError:
        return NoSupervisorError(f"nobody answers on {self._path}", hint="seatrial up -d")


def _broken_off() -> BrokenOffError:
    return BrokenOffError(
        "the supervisor ended in the midst of its answer", hint="what runs goes on; ask again: seatrial ps -a"
    )


def _was_unheard(method: str, error: Exception) -> bool:
    """Whether the same may be asked again. A GET changes nothing; and a Unix socket is reset where what was sent has
    not all been read, but comes to its end where it has."""
    is_reset = isinstance(error, ConnectionResetError | BrokenPipeError)
    return method == "GET" or (is_reset and not isinstance(error, http.client.RemoteDisconnected))


def _whole_lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The lines as they come. Not by iteration: that takes an answer that breaks off for one that ends."""
    rest = b""
    while piece := response.read1():
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _refuse(value: Any) -> None:
    if isinstance(value, dict) and "error" in value and set(value) <= {"error", "hint", "kind"}:
        kind = _KINDS.get(value.get("kind", ""), SeatrialError)
        raise kind(value["error"], hint=value.get("hint", ""))
