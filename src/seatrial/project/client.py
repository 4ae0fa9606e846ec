"""A command's end of the control socket: asks the supervisor and gives its answers. Blocking; no event loop."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from seatrial.model.errors import InputError, NothingFoundError, SeatrialError, UnsupportedError

_KINDS = {"input": InputError, "nothingfound": NothingFoundError, "unsupported": UnsupportedError}


class NoSupervisorError(SeatrialError):
    """Nobody answers on the control socket."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("seatrial")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.connect(str(self._path))


class Client:
    """Asks the supervisor behind one control socket. Each call raises NoSupervisorError where nobody answers, and the
    supervisor's own refusal as the error that it is."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    def is_answered(self) -> bool:
        """Whether somebody listens now."""
        connection = _Connection(self._path)
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def get(self, *parts: str, **query: str) -> Any:
        """The JSON value of a GET."""
        return json.loads(self._checked("GET", parts, query).read())

    def text(self, *parts: str) -> str:
        """The text of a GET."""
        return self._checked("GET", parts, {}).read().decode()

    def post(self, *parts: str, values: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The JSON lines that answer a POST, as they come."""
        return self._lines(self._checked("POST", parts, {}, values or {}))

    def follow(self, *parts: str, **query: str) -> Iterator[Any]:
        """The JSON lines of a GET that goes on until either side ends it."""
        return self._lines(self._checked("GET", parts, query))

    def _lines(self, response: http.client.HTTPResponse) -> Iterator[Any]:
        with response:
            for line in response:
                value = json.loads(line)
                _refuse(value)
                yield value

    def _checked(
        self, method: str, parts: tuple[str, ...], query: Mapping[str, str], body: Mapping[str, Any] | None = None
    ) -> http.client.HTTPResponse:
        connection = _Connection(self._path)
        path = "/v1/" + "/".join(quote(part, safe="") for part in parts) + ("?" + urlencode(query) if query else "")
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise NoSupervisorError(f"nobody answers on {self._path}", hint="seatrial up -d") from None
        if response.status != http.client.OK:
            _refuse(json.loads(response.read() or b'{"error": "no answer"}'))
        return response


def _refuse(value: Any) -> None:
    if isinstance(value, dict) and "error" in value and set(value) <= {"error", "hint", "kind"}:
        kind = _KINDS.get(value.get("kind", ""), SeatrialError)
        raise kind(value["error"], hint=value.get("hint", ""))
