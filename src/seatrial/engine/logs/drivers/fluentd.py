"""The driver `fluentd`: the forward protocol (github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1),
packed by PyPI's msgpack.

Lines go in batches (Forward mode) with Docker's keys. With `fluentd-request-ack` a batch is delivered when the
receiver says so; without it, when the kernel took it: then what a receiver had not read when it died is lost, as in
Docker.
"""

from __future__ import annotations

import base64
import ssl
import struct
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import SplitResult
from uuid import uuid4

from seatrial.engine.logs.drivers.connection import Connection, dial
from seatrial.engine.logs.drivers.extras import client
from seatrial.engine.logs.interface import LONGEST_LINE, LogRecord, Subject
from seatrial.engine.logs.options import COMMON, Check, Options, address, binary_size, boolean, integer, seconds
from seatrial.engine.logs.tags import DEFAULT_TAG, extra_attributes, make_tag
from seatrial.model.errors import InputError

PORT = 24224
_BATCH_BYTES = 512 * 1024
_SECOND = 10**9
_INTERVALS = (0.1, 10.0)


def receiver(option: str, text: str) -> SplitResult:
    """The address, whose scheme may be left out."""
    parts = address("tcp", "tls", "unix", port=PORT)(option, text if "://" in text else f"tcp://{text}")
    if parts.scheme != "unix" and parts.path:
        raise InputError(f"log option {option}: {text!r} has a path", hint="tcp://host:port")
    return parts


def _interval(option: str, text: str) -> float:
    found = seconds(option, text)
    if found and not _INTERVALS[0] <= found <= _INTERVALS[1]:
        raise InputError(f"log option {option}: {text!r} is not between 100ms and 10s")
    return found


OPTIONS: Mapping[str, Check] = {
    **COMMON,
    "fluentd-address": receiver,
    "fluentd-async": boolean,
    "fluentd-async-reconnect-interval": _interval,
    "fluentd-buffer-limit": binary_size,
    "fluentd-max-retries": integer(0),
    "fluentd-request-ack": boolean,
    "fluentd-retry-wait": seconds,
    "fluentd-sub-second-precision": boolean,
    "fluentd-write-timeout": seconds,
    "fluentd-read-timeout": seconds,
}


def check(options: Options) -> None:
    """There is nothing to say but what each option is."""


class Fluentd:
    """Batches of lines to one receiver."""

    longest = LONGEST_LINE
    interval = 0.2
    refused = ""

    def __init__(
        self, connection: Connection, tag: str, fields: Mapping[str, str], *, precise: bool, acknowledged: bool
    ) -> None:
        self._msgpack = client("msgpack", "msgpack", "logs-fluentd")
        self._connection = connection
        self._tag = tag
        self._fields = fields
        self._precise = precise
        self._acknowledged = acknowledged
        self._entries: list[bytes] = []
        self._bytes = 0

    def write(self, record: LogRecord) -> None:
        """Add a line to the batch; a full one is sent."""
        entry = self._msgpack.packb([self._time(record), {**self._fields, "source": record.stream, "log": record.line}])
        self._entries.append(entry)
        self._bytes += len(entry)
        if self._bytes >= _BATCH_BYTES:
            self.flush()

    def _time(self, record: LogRecord) -> Any:
        whole, rest = divmod(record.time, _SECOND)
        # EventTime, extension type 0: seconds and nanoseconds.
        return self._msgpack.ExtType(0, struct.pack(">LL", whole, rest)) if self._precise else whole

    def flush(self) -> None:
        """Send the batch, and wait for the receiver's word where it was asked for."""
        entries, self._entries, self._bytes = self._entries, [], 0
        if not entries:
            self._connection.check_alive()
            return
        pack = self._msgpack.packb
        options: dict[str, Any] = {"size": len(entries)}
        if self._acknowledged:
            options["chunk"] = base64.b64encode(uuid4().bytes).decode()
        packer = self._msgpack.Packer()
        # [tag, [entries…], options]; the entries are packed already.
        message = b"\x93" + pack(self._tag) + packer.pack_array_header(len(entries)) + b"".join(entries) + pack(options)
        self._connection.send(message)
        if self._acknowledged:
            self._wait_for(options["chunk"])

    def _wait_for(self, chunk: str) -> None:
        unpacker = self._msgpack.Unpacker(max_buffer_size=4096)
        while True:
            unpacker.feed(self._connection.receive(1024))
            for answer in unpacker:
                if isinstance(answer, dict) and answer.get("ack") == chunk:
                    return
                raise self._connection.failed(f"it answered {str(answer)[:100]} instead of acknowledging")

    def close(self) -> None:
        self._connection.close()


def open_driver(options: Options, subject: Subject) -> Fluentd:
    """A driver by Docker's options."""
    parts = receiver("fluentd-address", options.get("fluentd-address") or f"127.0.0.1:{PORT}")
    kind = "unix" if parts.scheme == "unix" else "tcp"
    tls = ssl.create_default_context() if parts.scheme == "tls" else None
    connect = partial(dial, kind, parts.hostname or "127.0.0.1", parts.port or PORT, parts.path, tls)
    fields = {
        "container_id": subject.id,
        "container_name": "/" + subject.name.removeprefix("/"),
        **extra_attributes(options, subject),
    }
    return Fluentd(
        Connection("fluentd", parts.geturl(), connect),
        make_tag(options.get("tag") or DEFAULT_TAG, subject),
        fields,
        precise=boolean("", options.get("fluentd-sub-second-precision") or "false"),
        acknowledged=boolean("", options.get("fluentd-request-ack") or "false"),
    )
