"""Reading HTTP/1.1 responses piece by piece, on h11: bytes in, facts out.

Bounds: a head of at most `MAX_HEAD` bytes, at most `MAX_INTERIM` interim (1xx) responses.
"""

from __future__ import annotations

import re

import h11

from seatrial.load.interface import MARK
from seatrial.load.reader import Reader, encode_path

MAX_HEAD = 65536
_START = b"HTTP/1."
_TIMEOUT = re.compile(rb"timeout\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_BODILESS = frozenset({204, 304})


def _options(values: list[bytes]) -> set[bytes]:
    """The options of all `Connection` headers: comma-separated lists, case-insensitive (RFC 9110, 7.6.1)."""
    return {option.strip().lower() for value in values for option in value.split(b",")}


def _keep_alive(values: list[bytes]) -> float:
    """The seconds of `Keep-Alive: timeout=5, max=100`; 0 where it says none."""
    found = _TIMEOUT.search(b",".join(values))
    return float(found[1]) if found else 0.0


class ResponseReader(Reader):
    """The client's side of one HTTP/1.1 connection, one request after the other."""

    __slots__ = ("_http", "_seen")

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        super().__init__()

    def _forget(self) -> None:
        super()._forget()
        self._seen = b""

    @property
    def reusable(self) -> bool:
        return self.complete and not self.announced and not self.stray and self._http.their_state is h11.DONE

    def request(self, path: str, host: str, mark: str) -> bytes:
        if self.complete:
            self._http.start_next_cycle()
        self._forget()
        headers = [
            ("Host", host),
            ("User-Agent", "seatrial"),
            ("Accept", "*/*"),
            (MARK, mark),
            ("traceparent", f"00-{mark}-{mark[:16]}-01"),
        ]
        head = self._http.send(h11.Request(method="GET", target=encode_path(path), headers=headers))
        self._http.send(h11.EndOfMessage())
        assert head is not None
        return bytes(head)

    def receive(self, data: bytes) -> None:
        if not data:
            return
        if self.complete or self.malformed:
            self.stray += len(data)
            return
        self.begun = True
        if not self._starts_well(data):
            return
        try:
            self._http.receive_data(data)
            self._advance()
        except h11.ProtocolError as error:
            self.malformed = str(error) or "not HTTP/1.1"

    def end(self) -> None:
        """The end of a body that has no length; else `complete` stays false."""
        if self.complete or self.malformed or self.status is None:
            return
        try:
            self._http.receive_data(b"")
            self._advance()
        except h11.ProtocolError:
            return

    def _starts_well(self, data: bytes) -> bool:
        """Whether the first bytes can be a status line: told at once, h11 would wait for an empty line."""
        if len(self._seen) >= len(_START):
            return True
        self._seen = (self._seen + data)[: len(_START)]
        if _START.startswith(self._seen):
            return True
        self.malformed = f"the answer begins with {self._seen!r}"
        return False

    def _advance(self) -> None:
        while not self.complete and not self.malformed:
            event = self._http.next_event()
            if isinstance(event, h11.Data):
                self.body_bytes += len(event.data)
            elif isinstance(event, h11.Response):
                self._head(event)
            elif isinstance(event, h11.InformationalResponse):
                self._count_interim()
            elif isinstance(event, h11.EndOfMessage):
                self.complete = True
                self.stray = len(self._http.trailing_data[0])
            else:
                return  # NEED_DATA, PAUSED or ConnectionClosed: nothing more to learn from these bytes

    def _head(self, event: h11.Response) -> None:
        self.status = event.status_code
        names = {name for name, _ in event.headers}
        options = _options([value for name, value in event.headers if name == b"connection"])
        old = event.http_version < b"1.1" and b"keep-alive" not in options
        unframed = not names & {b"content-length", b"transfer-encoding"} and event.status_code not in _BODILESS
        self.announced = b"close" in options or old or unframed
        self.keep_alive = _keep_alive([value for name, value in event.headers if name == b"keep-alive"])
