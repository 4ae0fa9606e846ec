"""Servers that do one known thing to each connection, in plain blocking sockets: the oracle of the accounting.

Each behaviour is a function of an accepted connection. What a client must report of it stands next to it, in `CASES`.
A behaviour never waits for a clock: it goes on when the request has come, or when the client has gone.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seatrial.model.traffic import Outcome, Target

OK = b"HTTP/1.1 200 OK\r\n"
FAMILIES = ("ipv4", "ipv6", "unix")
Behaviour = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Case:
    """A behaviour and what is true of each connection that suffers it. `patience` is the client's time limit; where
    it ends the request, how much had come by then is not `certain`."""

    name: str
    behave: Behaviour
    outcome: Outcome
    ending: Outcome
    status: int | None = None
    body_bytes: int = 0
    patience: float = 60.0
    certain: bool = True


def read_request(connection: socket.socket) -> bytes:
    """The whole head of a request, or what came of it until the client closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(4096)
        if not piece:
            break
        data += piece
    return data


def wait_until_gone(connection: socket.socket) -> None:
    """Return when the client closed or reset the connection."""
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def answer(data: bytes, *, stay: bool = True) -> Behaviour:
    """Answer one request with these bytes; then wait for the client to go, or close in good order."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)
        if stay:
            wait_until_gone(connection)

    return behave


def trickle(data: bytes) -> Behaviour:
    """The same, a byte at a time."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        for byte in data:
            connection.sendall(bytes([byte]))
        wait_until_gone(connection)

    return behave


def reset_after(data: bytes) -> Behaviour:
    """Answer with these bytes, then reset: SO_LINGER with no time (socket(7)) on TCP, unread bytes (unix(7)) else."""

    def behave(connection: socket.socket) -> None:
        read_request_but_one(connection)
        connection.sendall(data)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


def read_request_but_one(connection: socket.socket) -> None:
    """Wait until the whole request is there, and leave all of it unread: closing is then a reset."""
    size = 0
    while b"\r\n\r\n" not in (data := connection.recv(4096, socket.MSG_PEEK)) and len(data) != size:
        size = len(data)


def repeat(head: bytes, data: bytes) -> Behaviour:
    """Answer, and never stop sending until the client goes."""

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)  # endless is long enough when it's narrow
        with contextlib.suppress(OSError):
            connection.sendall(head)
            while True:
                connection.sendall(data)

    return behave


def half_close(connection: socket.socket) -> None:
    """Say with a FIN that no answer will come, and go on reading."""
    read_request(connection)
    connection.shutdown(socket.SHUT_WR)
    wait_until_gone(connection)


def never_answer(connection: socket.socket) -> None:
    """Take the request and say nothing."""
    read_request(connection)
    wait_until_gone(connection)


def close_at_once(connection: socket.socket) -> None:
    """Close in good order, with nothing left to read (that would make it a reset)."""
    read_request(connection)


def serve(connection: socket.socket) -> None:
    """Behave well: answer each request and keep the connection."""
    with contextlib.suppress(OSError):
        while read_request(connection):
            connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")


_LENGTH = OK + b"Content-Length: 5\r\n\r\nhello"
_CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
CASES = (
    Case("complete", answer(_LENGTH, stay=False), Outcome.COMPLETE, Outcome.IDLE_FIN, 200, 5),
    Case("complete, chunked", answer(_CHUNKED, stay=False), Outcome.COMPLETE, Outcome.IDLE_FIN, 200, 5),
    Case("no content", answer(b"HTTP/1.1 204 None\r\n\r\n", stay=False), Outcome.COMPLETE, Outcome.IDLE_FIN, 204),
    Case("trickled", trickle(_LENGTH), Outcome.COMPLETE, Outcome.IDLE_OPEN, 200, 5),
    Case(
        "1xx, then an answer",
        answer(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + _LENGTH, stay=False),
        Outcome.COMPLETE,
        Outcome.IDLE_FIN,
        200,
        5,
    ),
    Case(
        "close announced",
        answer(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"),
        Outcome.COMPLETE_CLOSE,
        Outcome.COMPLETE_CLOSE,
        200,
        2,
    ),
    Case(
        "close announced in a list",
        answer(OK + b"connection: x-foo\r\nCONNECTION: bar , Close\r\nContent-Length: 2\r\n\r\nok"),
        Outcome.COMPLETE_CLOSE,
        Outcome.COMPLETE_CLOSE,
        200,
        2,
    ),
    Case(
        "HTTP/1.0",
        answer(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        Outcome.COMPLETE_CLOSE,
        Outcome.COMPLETE_CLOSE,
        200,
        2,
    ),
    Case(
        "HTTP/1.0 with keep-alive",
        answer(b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok", stay=False),
        Outcome.COMPLETE,
        Outcome.IDLE_FIN,
        200,
        2,
    ),
    Case(
        "body until the end",
        answer(OK + b"\r\nhello world", stay=False),
        Outcome.COMPLETE_CLOSE,
        Outcome.COMPLETE_CLOSE,
        200,
        11,
    ),
    Case("body until the end, reset", reset_after(OK + b"\r\nhello"), Outcome.TRUNCATED, Outcome.TRUNCATED, 200, 5),
    Case("answer, then RST", reset_after(_LENGTH), Outcome.COMPLETE, Outcome.IDLE_RST, 200, 5),
    Case("FIN before an answer", close_at_once, Outcome.FIN, Outcome.FIN),
    Case("half-close without an answer", half_close, Outcome.FIN, Outcome.FIN),
    Case("RST before an answer", reset_after(b""), Outcome.RST, Outcome.RST),
    Case("cut in the head", answer(_LENGTH[:20], stay=False), Outcome.TRUNCATED, Outcome.TRUNCATED),
    Case("cut after one byte", answer(b"H", stay=False), Outcome.TRUNCATED, Outcome.TRUNCATED),
    Case("cut in the body", answer(_LENGTH[:-2], stay=False), Outcome.TRUNCATED, Outcome.TRUNCATED, 200, 3),
    Case("cut before the last chunk", answer(_CHUNKED[:-17], stay=False), Outcome.TRUNCATED, Outcome.TRUNCATED, 200, 5),
    Case("RST in the head", reset_after(_LENGTH[:20]), Outcome.TRUNCATED, Outcome.TRUNCATED),
    Case("RST in the body", reset_after(_LENGTH[:-2]), Outcome.TRUNCATED, Outcome.TRUNCATED, 200, 3),
    Case(
        "only 1xx, then FIN",
        answer(b"HTTP/1.1 103 Early Hints\r\n\r\n", stay=False),
        Outcome.TRUNCATED,
        Outcome.TRUNCATED,
    ),
    Case("another protocol", answer(b"220 mail ready\r\n"), Outcome.MALFORMED, Outcome.MALFORMED),
    Case("HTTP/2", answer(b"\0\0\x12\x04\0\0\0\0\0\0\x03"), Outcome.MALFORMED, Outcome.MALFORMED),
    Case(
        "no such chunk size",
        answer(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Outcome.MALFORMED,
        Outcome.MALFORMED,
        200,
    ),
    Case(
        "two lengths",
        answer(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        Outcome.MALFORMED,
        Outcome.MALFORMED,
    ),
    Case("endless head", repeat(OK, b"X-More: and more\r\n" * 500), Outcome.MALFORMED, Outcome.MALFORMED),
    Case("1xx for ever", repeat(b"", b"HTTP/1.1 102 Wait\r\n\r\n" * 20), Outcome.MALFORMED, Outcome.MALFORMED),
    Case("never an answer", never_answer, Outcome.TIMED_OUT, Outcome.TIMED_OUT, patience=0.05),
    Case("stops in the body", answer(_LENGTH[:-1]), Outcome.TIMED_OUT, Outcome.TIMED_OUT, patience=0.05, certain=False),
)


def unpredictable() -> Case:
    """More bytes than the response has: they may be read with its end or after it, so only the request is certain."""
    return Case("garbage after the answer", answer(_LENGTH + b"garbage"), Outcome.COMPLETE, Outcome.MALFORMED, 200, 5)


class Server:
    """Accepts on a socket of its own and gives each connection to a behaviour, in a thread each."""

    def __init__(self, family: str, behave: Behaviour, directory: str) -> None:
        self._behave = behave
        self._listener = bind(family, directory)
        self._listener.listen(4096)
        self.target = target_of(self._listener)
        self._connections: set[socket.socket] = set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.add(connection)
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._behave(connection)
        self._connections.discard(connection)

    def stop_listening(self) -> None:
        """No new connections; the open ones go on."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread, which a close alone doesn't
        self._accepting.join(10)
        self._listener.close()

    def close(self) -> None:
        """Stop listening and end every connection in good order."""
        self.stop_listening()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def bind(family: str, directory: str) -> socket.socket:
    """A socket bound to a free address of the family, not listening yet."""
    if family == "unix":
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(Path(directory) / "server.sock"))
        return bound
    bound = socket.socket(socket.AF_INET6 if family == "ipv6" else socket.AF_INET)
    bound.bind(("::1" if family == "ipv6" else "127.0.0.1", 0))
    return bound


def target_of(bound: socket.socket) -> Target:
    """How a client names the socket."""
    if bound.family == socket.AF_UNIX:
        return Target("unix", bound.getsockname(), 0)
    address, port = bound.getsockname()[:2]
    return Target("ipv6" if bound.family == socket.AF_INET6 else "ipv4", address, port)


def is_available(family: str) -> bool:
    """Whether this machine has the family at all: containers often lack IPv6."""
    try:
        with tempfile.TemporaryDirectory() as directory:
            bind(family, directory).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def running(family: str, behave: Behaviour) -> Iterator[Server]:
    """A server for the length of a block."""
    with tempfile.TemporaryDirectory() as directory:
        server = Server(family, behave, directory)
        try:
            yield server
        finally:
            server.close()


@contextlib.contextmanager
def bound(family: str, backlog: int | None = None) -> Iterator[socket.socket]:
    """A socket that nobody accepts on: it refuses, or with a backlog the kernel alone accepts."""
    with tempfile.TemporaryDirectory() as directory, contextlib.closing(bind(family, directory)) as listener:
        if backlog is not None:
            listener.listen(backlog)
        yield listener


class Stage:
    """A service whose answers wait for the test: `/slow` and the rest of `/stream` come when `curtain` is set.

    The first `early` slow requests are answered at once; with `announce` every answer says that it is the last.
    """

    def __init__(self, *, early: int = 0, announce: bool = False) -> None:
        self.curtain = threading.Event()
        self._early = early
        self._lock = threading.Lock()
        self._close = b"Connection: close\r\n" if announce else b""

    def __call__(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" in (request := read_request(connection)):
                self._serve(connection, request.split(b" ")[1])

    def _serve(self, connection: socket.socket, path: bytes) -> None:
        if path == b"/stream":
            connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n")
            self.curtain.wait(60)
            connection.sendall(b"2\r\nlo\r\n0\r\n\r\n")
            return
        if path == b"/slow" and not self._is_early():
            self.curtain.wait(60)
        connection.sendall(OK + self._close + b"Content-Length: 2\r\n\r\nok")

    def _is_early(self) -> bool:
        with self._lock:
            self._early -= 1
            return self._early >= 0


class Mute:
    """Serves until `silent` is set; from then on it accepts, reads, and never says a byte."""

    def __init__(self) -> None:
        self.silent = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while read_request(connection):
                if self.silent.is_set():
                    wait_until_gone(connection)
                    return
                connection.sendall(OK + b"Content-Length: 2\r\n\r\nok")
