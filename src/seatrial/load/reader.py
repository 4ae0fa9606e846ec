"""What the client's side of a protocol tells of the request under way: bytes in, facts out.

One reader belongs to one connection. It must never raise for what a server sends, never keep a body, and give the same
facts however the bytes were cut into pieces.
"""

from __future__ import annotations

MAX_INTERIM = 32


def encode_path(path: str) -> bytes:
    """The request target as bytes that may stand in a request line; anything else is percent-encoded."""
    text = path if path.startswith("/") else "/" + path
    return b"".join(
        bytes([byte]) if 0x21 <= byte <= 0x7E else b"%%%02X" % byte for byte in text.encode("utf-8", "surrogateescape")
    )


class Reader:
    """The facts of the request under way, forgotten when the next one begins.

    `begun` (any byte came), `status`, `interim` (1xx responses so far), `body_bytes`, `complete`, `announced` (the peer
    said by the end of the response that the connection closes after it), `keep_alive` (seconds for which it said that
    the connection is kept), `malformed` (why it is not the protocol, or ""), `cut` (why this request alone was ended
    by the peer, or ""), `stray` (bytes after the end of the response). `farewell` is a fact of the connection: the
    words by which the peer said that it closes it, or "".
    """

    __slots__ = (
        "announced",
        "begun",
        "body_bytes",
        "complete",
        "cut",
        "farewell",
        "interim",
        "keep_alive",
        "malformed",
        "status",
        "stray",
    )

    def __init__(self) -> None:
        self.farewell = ""
        self._forget()

    def _forget(self) -> None:
        self.begun = False
        self.status: int | None = None
        self.interim = 0
        self.body_bytes = 0
        self.complete = False
        self.announced = False
        self.keep_alive = 0.0
        self.malformed = ""
        self.cut = ""
        self.stray = 0

    def _count_interim(self) -> None:
        self.interim += 1
        if self.interim > MAX_INTERIM:
            self.malformed = f"more than {MAX_INTERIM} interim responses"

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent on the connection."""
        return False

    def request(self, path: str, host: str, mark: str) -> bytes:
        """The bytes of the next request. `mark` is 32 hexadecimal digits: the request's id and its trace's."""
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Take a piece of what the server sent. What comes after the response's end, or an error, is counted."""
        raise NotImplementedError

    def end(self) -> None:
        """The server closed in good order."""

    def receive_aside(self, _data: bytes) -> bool:
        """Take what came while no request was under way; False if the protocol knows of no such thing."""
        return False

    def answer(self) -> bytes:
        """What the protocol itself has to send by now."""
        return b""

    def talk(self) -> bytes:
        """A message inside the exchange under way, where the protocol has such."""
        return b""

    def leave(self) -> bytes:
        """What is sent to end the exchange from this side, where the protocol has such."""
        return b""
