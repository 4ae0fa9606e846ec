"""A connection of a driver to its receiver: made at the first write, and made again after a failure. Standard library
only."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable

from seatrial.engine.logs.interface import DeliveryError
from seatrial.model.errors import InputError

TIMEOUT = 10.0
"""Seconds to connect, to write, and to wait for an answer."""
Connect = Callable[[], socket.socket]


def dial(kind: str, host: str, port: int, path: str = "", tls: ssl.SSLContext | None = None) -> socket.socket:
    """A connected socket: `unix`, `unixgram`, `udp` or `tcp`; with `tls` over TLS."""
    if kind in ("unix", "unixgram"):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if kind == "unix" else socket.SOCK_DGRAM)
        made.settimeout(TIMEOUT)
        try:
            made.connect(path)
        except OSError:
            made.close()
            raise
        return made
    if kind == "udp":
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.settimeout(TIMEOUT)
        made.connect(target)
        return made
    made = socket.create_connection((host, port), TIMEOUT)
    return tls.wrap_socket(made, server_hostname=host) if tls else made


def trusting(option: str, file: str, *, verified: bool = True) -> ssl.SSLContext:
    """What a connection over TLS trusts: the certificates of a file, or the system's. InputError names the option."""
    try:
        context = ssl.create_default_context(cafile=file or None)
    except OSError as error:
        raise InputError(f"log option {option}: {file} can't be read: {error}") from None
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Connection:
    """A socket that is opened when it is needed. Every failure is a DeliveryError that names the receiver."""

    def __init__(self, name: str, where: str, connect: Connect) -> None:
        self._name = f"{name} at {where}"
        self._connect = connect
        self._socket: socket.socket | None = None

    def send(self, data: bytes) -> None:
        """Send all of it, over a stream or as one datagram."""
        try:
            self._open().sendall(data)
        except OSError as error:
            raise self.failed(error) from error

    def receive(self, size: int) -> bytes:
        """What the receiver says, at most so many bytes; an end of the connection is a failure."""
        try:
            data = self._open().recv(size)
        except OSError as error:
            raise self.failed(error) from error
        if not data:
            raise self.failed("it closed the connection")
        return data

    def check_alive(self) -> None:
        """Fail if the receiver has closed a stream: what was written since may have gone nowhere."""
        made = self._socket
        if made is None or made.type != socket.SOCK_STREAM or isinstance(made, ssl.SSLSocket):
            return
        waiting = select.poll()
        waiting.register(made, select.POLLIN)
        try:
            # Something to read may also be what it has to say.
            if waiting.poll(0) and made.recv(1, socket.MSG_PEEK) == b"":
                raise self.failed("it closed the connection")
        except OSError as error:
            raise self.failed(error) from error

    def failed(self, why: object) -> DeliveryError:
        """Close, and the error to raise."""
        self.close()
        return DeliveryError(f"{self._name}: {why}")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = self._connect()
        return self._socket
