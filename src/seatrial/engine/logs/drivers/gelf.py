"""The driver `gelf`: GELF 1.1 (go2docs.graylog.org, "GELF"), over UDP with compression and chunks, or over TCP with a
NUL after each message.

Nothing is acknowledged. What is too long for 128 chunks goes as several messages.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from functools import partial

from seatrial.engine.logs.drivers.connection import Connection, dial
from seatrial.engine.logs.interface import LogRecord, Subject
from seatrial.engine.logs.options import COMMON, Check, Options, address, integer, one_of
from seatrial.engine.logs.tags import DEFAULT_TAG, extra_attributes, make_tag
from seatrial.model.errors import InputError

_CHUNK = 1420
_HEADER = 12
_MOST_CHUNKS = 128
_ERROR, _INFO = 3, 6
_DEFAULT_LEVEL = 1  # go-gelf's BestSpeed

OPTIONS: Mapping[str, Check] = {
    **COMMON,
    "gelf-address": address("udp", "tcp"),
    "gelf-compression-type": one_of("gzip", "zlib", "none"),
    "gelf-compression-level": integer(-1, 9),
    "gelf-tcp-max-reconnect": integer(0),
    "gelf-tcp-reconnect-delay": integer(0),
}


def check(options: Options) -> None:
    """The address is needed, and each transport has its own options."""
    where = options.get("gelf-address", "")
    if not where:
        raise InputError("log option gelf-address: it is needed", hint="gelf-address: udp://host:12201")
    scheme = where.split(":")[0]
    other = "gelf-tcp-" if scheme == "udp" else "gelf-compression-"
    for name in options:
        if name.startswith(other):
            raise InputError(f"log option {name}: it is not for {scheme}")


class Gelf:
    """Messages to one receiver."""

    interval = 0.0
    refused = ""

    def __init__(
        self, connection: Connection, fields: Mapping[str, object], pack: Callable[[bytes], bytes], *, datagrams: bool
    ) -> None:
        self._connection = connection
        self._fields = fields
        self._pack = pack
        self._datagrams = datagrams
        self._host = socket.gethostname()
        # JSON takes up to six bytes for one.
        self.longest = _MOST_CHUNKS * (_CHUNK - _HEADER) // 8 if datagrams else 1024 * 1024

    def write(self, record: LogRecord) -> None:
        """Send one message. An empty line is none, as in Docker."""
        if not record.line:
            return
        message = {
            "version": "1.1",
            "host": self._host,
            "short_message": record.line,
            "timestamp": record.time // 1_000_000 / 1000,
            "level": _ERROR if record.stream == "stderr" else _INFO,
            **self._fields,
        }
        raw = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        if not self._datagrams:
            self._connection.send(raw + b"\0")
            return
        for part in chunks(self._pack(raw)):
            self._connection.send(part)

    def flush(self) -> None:
        """All was sent already; whether the receiver of a stream is still there."""
        self._connection.check_alive()

    def close(self) -> None:
        self._connection.close()


def chunks(packed: bytes) -> list[bytes]:
    """A message as datagrams: magic bytes, an id, number and count before each part, where one is not enough."""
    if len(packed) <= _CHUNK:
        return [packed]
    size = _CHUNK - _HEADER
    parts = [packed[at : at + size] for at in range(0, len(packed), size)]
    identity = os.urandom(8)
    return [b"\x1e\x0f" + identity + bytes([number, len(parts)]) + part for number, part in enumerate(parts)]


def open_driver(options: Options, subject: Subject) -> Gelf:
    """A driver by Docker's options."""
    parts = address("udp", "tcp")("gelf-address", options["gelf-address"])
    extra = extra_attributes(options, subject)
    fields = {
        "_container_id": subject.id,
        "_container_name": subject.name.removeprefix("/"),
        "_image_id": subject.image_id,
        "_image_name": subject.image_name,
        "_command": subject.command,
        "_tag": make_tag(options.get("tag") or DEFAULT_TAG, subject),
        "_created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(subject.created)),
        **{name if name.startswith("_") else "_" + name: value for name, value in extra.items()},
    }
    connect = partial(dial, parts.scheme, parts.hostname or "", parts.port or 0)
    return Gelf(
        Connection("gelf", options["gelf-address"], connect), fields, _packer(options), datagrams=parts.scheme == "udp"
    )


def _packer(options: Options) -> Callable[[bytes], bytes]:
    level = int(options.get("gelf-compression-level") or _DEFAULT_LEVEL)
    kind = options.get("gelf-compression-type") or "gzip"
    if kind == "none":
        return bytes
    return partial(zlib.compress, level=level) if kind == "zlib" else partial(gzip.compress, compresslevel=level)
