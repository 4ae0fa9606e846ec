"""The driver `journald`: systemd's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), with Docker's names of the
fields.

An entry that is too large for a datagram goes as a sealed memory file whose descriptor is sent instead.
"""

from __future__ import annotations

import array
import errno
import fcntl
import itertools
import os
import re
import socket
import struct
from collections.abc import Mapping
from uuid import uuid4

from seatrial.engine.logs.drivers.connection import TIMEOUT
from seatrial.engine.logs.interface import LONGEST_LINE, DeliveryError, LogRecord, Subject
from seatrial.engine.logs.options import COMMON, Check, Options
from seatrial.engine.logs.records import show_time_short
from seatrial.engine.logs.tags import DEFAULT_TAG, extra_attributes, make_tag

OPTIONS: Mapping[str, Check] = COMMON
SOCKET = "/run/systemd/journal/socket"
_ERROR, _INFO = "3", "6"
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)


def check(options: Options) -> None:
    """There is nothing to say but what each option is."""


def field_name(text: str) -> str:
    """A name as the journal takes it: capitals, digits and underscores, none of which come first."""
    capitals = re.sub(r"[a-z]+", lambda match: match[0].upper(), text)
    return re.sub(r"[^A-Z0-9]", "_", capitals).lstrip("_")


def entry(fields: Mapping[str, str]) -> bytes:
    """One entry: `NAME=value` lines; a value with line breaks has its length before it."""
    parts = []
    for name, value in fields.items():
        raw = value.encode("utf-8", "replace")
        if b"\n" in raw:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n")
        else:
            parts.append(name.encode() + b"=" + raw + b"\n")
    return b"".join(parts)


class Journald:
    """Entries to the journal of this machine."""

    longest = LONGEST_LINE
    interval = 0.0
    refused = ""

    def __init__(self, fields: Mapping[str, str], path: str = SOCKET) -> None:
        self._fields = fields
        self._path = path
        self._count = itertools.count(1)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(TIMEOUT)

    def write(self, record: LogRecord) -> None:
        """Send one entry. The journal gives it its own time; the line's stands in SYSLOG_TIMESTAMP, as in Docker."""
        raw = entry(
            {
                "MESSAGE": record.line,
                "PRIORITY": _ERROR if record.stream == "stderr" else _INFO,
                **self._fields,
                "SYSLOG_TIMESTAMP": show_time_short(record.time),
                "CONTAINER_LOG_ORDINAL": str(next(self._count)),
            }
        )
        try:
            self._send(raw)
        except OSError as error:
            raise DeliveryError(f"journald at {self._path}: {error}") from error

    def _send(self, raw: bytes) -> None:
        try:
            self._socket.sendto(raw, self._path)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            self._send_as_file(raw)

    def _send_as_file(self, raw: bytes) -> None:
        file = os.memfd_create("journal-entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            left = memoryview(raw)
            while left:
                left = left[os.write(file, left) :]
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))]
            self._socket.sendmsg([], rights, 0, self._path)
        finally:
            os.close(file)

    def flush(self) -> None:
        """The journal has each entry when it is sent."""

    def close(self) -> None:
        self._socket.close()


def open_driver(options: Options, subject: Subject, path: str = SOCKET) -> Journald:
    """A driver by Docker's options."""
    tag = make_tag(options.get("tag") or DEFAULT_TAG, subject)
    attributes = {field_name(name): value for name, value in extra_attributes(options, subject).items()}
    fields = {
        "CONTAINER_ID": subject.id[:12],
        "CONTAINER_ID_FULL": subject.id,
        "CONTAINER_NAME": subject.name.removeprefix("/"),
        "CONTAINER_TAG": tag,
        "IMAGE_NAME": subject.image_name,
        "SYSLOG_IDENTIFIER": tag,
        "CONTAINER_LOG_EPOCH": uuid4().hex,
        **{name: value for name, value in attributes.items() if name},
    }
    return Journald(fields, path)
