"""A WebSocket as one exchange, on wsproto: it begins with the handshake and is complete with the server's close frame.

`status` is that of the handshake (101 where it was accepted), `body_bytes` counts the messages' content. A close frame
with 1001 (going away) or 1012 (service restart) announces the close (RFC 6455, 7.4.1; IANA's registry of close codes);
an end of the connection without any is what browsers report as 1006.
"""

from __future__ import annotations

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from seatrial.load.interface import MARK
from seatrial.load.reader import Reader, encode_path

ANNOUNCING = frozenset({1001, 1012})
MESSAGE = "seatrial"


class WebSocketReader(Reader):
    """The client's side of one WebSocket: a single request, the handshake."""

    __slots__ = ("_answer", "_connection")

    def __init__(self) -> None:
        super().__init__()
        self._connection = WSConnection(ConnectionType.CLIENT)
        self._answer = b""

    def request(self, path: str, host: str, mark: str) -> bytes:
        target = encode_path(path).decode("ascii")
        headers = [(MARK.encode("ascii"), mark.encode("ascii"))]
        return self._connection.send(Request(host=host, target=target, extra_headers=headers))

    def receive(self, data: bytes) -> None:
        self.begun = True
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                self._take(event)
        except ProtocolError as error:
            self.malformed = str(error) or "no WebSocket"

    def _take(self, event: Event) -> None:
        if isinstance(event, AcceptConnection):
            self.status = 101
        elif isinstance(event, RejectConnection):
            self.status = event.status_code
            self.complete = True
        elif isinstance(event, TextMessage | BytesMessage):
            self.body_bytes += len(event.data)
        elif isinstance(event, Ping):
            self._answer += self._connection.send(event.response())
        elif isinstance(event, CloseConnection):
            self._close(event)

    def _close(self, event: CloseConnection) -> None:
        if self._is_open:  # no frame of the server's: it is how wsproto tells of one that it can't read
            self.malformed = event.reason or "no WebSocket"
            return
        self.complete = True
        self.announced = event.code in ANNOUNCING
        if self.announced:
            self.farewell = f"closed with {event.code:d}"
        if self._connection.state.name == "REMOTE_CLOSING":
            self._answer += self._connection.send(event.response())

    def receive_aside(self, _data: bytes) -> bool:
        return True  # nothing counts after the close frame (RFC 6455, 5.5.1)

    def answer(self) -> bytes:
        data, self._answer = self._answer, b""
        return data

    def talk(self) -> bytes:
        return self._connection.send(TextMessage(data=MESSAGE)) if self._is_open else b""

    def leave(self) -> bytes:
        return self._connection.send(CloseConnection(code=1000)) if self._is_open else b""

    @property
    def _is_open(self) -> bool:
        return self._connection.state.name == "OPEN"
