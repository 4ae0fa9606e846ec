"""One stream socket, told apart exactly: accepted or refused, bytes, FIN or RST, with the moment of each.

It knows nothing of HTTP and never decides what an end means. It reads with its own `recv` rather than through asyncio's
transports, because those drop what is still unread when a write fails, and with it the proof of what came first.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from typing import Protocol

from seatrial.model.traffic import Target

PIECE = 16384
"""How much is read at once: small, so that one greedy server can't hold up the timers of all other connections."""
_BUSY_PAUSE = 0.01
REFUSALS = frozenset({errno.ECONNREFUSED, errno.ENOENT, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOTSOCK})
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, "unix": socket.AF_UNIX}


class Listener(Protocol):
    """Who is told what happens on a wire. After `wire_failed` or `wire_ended` nothing more comes."""

    def wire_opened(self, now: float) -> None: ...

    def wire_failed(self, now: float, refused: bool, detail: str) -> None:
        """The connection never came to be; `refused` is False if the fault is this machine's own."""

    def wire_data(self, now: float, data: bytes) -> None: ...

    def wire_sent(self, now: float) -> None:
        """The last of all bytes given to `send` was taken by the kernel."""

    def wire_ended(self, now: float, reset: bool, detail: str) -> None: ...


def name_of(number: int) -> str:
    """The name of an errno with its text."""
    return f"{errno.errorcode.get(number, number)}: {os.strerror(number)}"


def socket_address(target: Target) -> tuple[str, int] | str:
    """The target as `socket.connect` wants it; `@name` is a Unix socket without a file (unix(7), abstract)."""
    if target.family != "unix":
        return target.address, target.port
    return "\0" + target.address[1:] if target.address.startswith("@") else target.address


def is_self_connected(connection: socket.socket) -> bool:
    """TCP connects to itself if the port is free and the kernel picks it as the local one: nobody listened."""
    try:
        return bool(connection.getsockname() == connection.getpeername())
    except OSError:
        return False


class Wire:
    """A connection to a target. `connect` once, then `send` as often as wanted, and `close` when done."""

    __slots__ = (
        "_address",
        "_family",
        "_listener",
        "_loop",
        "_pace",
        "_pending",
        "_piece",
        "_reset",
        "_retry",
        "_socket",
        "connected",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Target, listener: Listener, pace: float = 0.0) -> None:
        """With a `pace` one byte is read in so many seconds, and the kernel is asked to take in little ahead of it."""
        self._pace = pace
        self._piece = 1 if pace else PIECE
        self._loop = loop
        self._listener = listener
        self._family = FAMILIES[target.family]
        self._address = socket_address(target)
        self._socket: socket.socket | None = None
        self._pending = b""
        self._reset = False
        self._retry: asyncio.TimerHandle | None = None
        self.connected = False

    def connect(self) -> None:
        """Start connecting; the listener hears the outcome, possibly before this returns."""
        try:
            self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            self._fail(error.errno or 0)
            return
        self._socket.setblocking(False)
        if self._family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._pace:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the least that there is: socket(7)
        self._try_connect()

    def _try_connect(self) -> None:
        assert self._socket is not None
        try:
            code = self._socket.connect_ex(self._address)
        except OSError as error:  # a Unix path that is too long, an address that is none
            code = error.errno or errno.EINVAL
        if code == 0:
            self._established()
        elif code == errno.EINPROGRESS:
            self._loop.add_writer(self._socket.fileno(), self._connect_done)
        elif code == errno.EAGAIN and self._family == socket.AF_UNIX:
            # unix(7): a full backlog is EAGAIN at once, and nobody tells when there is room again
            self._retry = self._loop.call_later(_BUSY_PAUSE, self._try_connect)
        else:
            self._fail(code)

    def _connect_done(self) -> None:
        assert self._socket is not None
        self._loop.remove_writer(self._socket.fileno())
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == errno.ECONNRESET:
            # accepted by the kernel, and reset before we looked (a listener that closed with it in its queue)
            self._reset = True
            code = 0
        if code:
            self._fail(code)
        elif is_self_connected(self._socket):
            self._fail(errno.ECONNREFUSED)
        else:
            self._established()

    def _established(self) -> None:
        assert self._socket is not None
        self.connected = True
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._listener.wire_opened(time.monotonic())

    def _fail(self, code: int) -> None:
        now = time.monotonic()
        self.close()
        self._listener.wire_failed(now, code in REFUSALS, name_of(code))

    def _rest(self) -> None:
        """Let the next byte wait."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._retry = self._loop.call_later(
                self._pace, self._loop.add_reader, self._socket.fileno(), self._readable
            )

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(self._piece)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(time.monotonic(), True, "" if error.errno == errno.ECONNRESET else name_of(error.errno or 0))
            return
        now = time.monotonic()
        if data:
            self._listener.wire_data(now, data)
            if self._pace:
                self._rest()
        else:
            self._end(now, self._reset, "")

    def _end(self, now: float, reset: bool, detail: str) -> None:
        self.close()
        self._listener.wire_ended(now, reset, detail)

    def drain(self, pieces: int = 64) -> None:
        """Read what is there already, without waiting: the last look before a run ends."""
        for _ in range(pieces):
            if self._socket is None or not self.connected or not self._is_readable():
                return
            self._readable()

    def _is_readable(self) -> bool:
        assert self._socket is not None
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            # looking took the error away: keep it, the next read says 0
            self._reset = self._reset or error.errno == errno.ECONNRESET
        return True

    def send(self, data: bytes) -> None:
        """Give bytes to the kernel, the rest when it has room. A failure is told by the reading side."""
        if self._socket is None:
            return
        waiting = bool(self._pending)
        self._pending += data
        if not waiting:
            self._flush()

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            count = self._socket.send(self._pending)
        except (BlockingIOError, InterruptedError):
            count = 0
        except OSError as error:
            # The error of a reset is given once, here; reading then looks like FIN. After EPIPE the FIN came first.
            # Either way what was received before is still to be read, so the reading side ends it.
            self._reset = self._reset or error.errno == errno.ECONNRESET
            self._stop_writing()
            return
        self._pending = self._pending[count:]
        if self._pending:
            self._loop.add_writer(self._socket.fileno(), self._flush)
            return
        self._stop_writing()
        self._listener.wire_sent(time.monotonic())

    def _stop_writing(self) -> None:
        assert self._socket is not None
        self._pending = b""
        self._loop.remove_writer(self._socket.fileno())

    def close(self) -> None:
        """Close politely; nothing more is told. Idempotent."""
        if self._retry is not None:
            self._retry.cancel()
        if self._socket is None:
            return
        with contextlib.suppress(ValueError):
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._socket = None
