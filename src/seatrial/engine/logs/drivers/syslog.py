"""The driver `syslog`: RFC 5424 (also with microseconds), RFC 3164 or the local form, over Unix sockets, UDP, TCP or
TLS.

Over streams each message ends with a newline; over TLS with RFC 5424 its length stands before it (RFC 5425), as in
Docker. The time is that of the line, where Docker has the time of sending. Syslog acknowledges nothing: what the
kernel took is taken as delivered.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult

from seatrial.engine.logs.drivers.connection import Connection, dial, trusting
from seatrial.engine.logs.interface import LogRecord, Subject
from seatrial.engine.logs.options import COMMON, Check, Options, address, anything, one_of, wrong
from seatrial.engine.logs.tags import DEFAULT_TAG, make_tag
from seatrial.model.errors import InputError

_FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]
_NOT_IN_DOCKER = frozenset({"ntp", "security", "console", "clock"})
_LOCAL = (("unixgram", "/dev/log"), ("unixgram", "/var/run/syslog"), ("unixgram", "/var/run/log"), ("unix", "/dev/log"))
_ERROR, _INFO = 3, 6
_PORT = 514


def facility(option: str, text: str) -> int:
    """A facility by its name or number."""
    if text.isdigit() and int(text) < len(_FACILITIES):
        return int(text)
    if text not in _FACILITIES or text in _NOT_IN_DOCKER:
        raise wrong(option, text, "a facility, such as daemon or local0")
    return _FACILITIES.index(text)


OPTIONS: Mapping[str, Check] = {
    **COMMON,
    "syslog-address": address("unix", "unixgram", "udp", "tcp", "tcp+tls", port=_PORT),
    "syslog-facility": facility,
    "syslog-format": one_of("", "rfc3164", "rfc5424", "rfc5424micro"),
    "syslog-tls-ca-cert": anything,
    "syslog-tls-cert": anything,
    "syslog-tls-key": anything,
    "syslog-tls-skip-verify": anything,
}


def check(options: Options) -> None:
    """A certificate needs its key, and the other way round."""
    if bool(options.get("syslog-tls-cert")) != bool(options.get("syslog-tls-key")):
        raise InputError("log options syslog-tls-cert and syslog-tls-key go together")


class Syslog:
    """Messages to one receiver."""

    longest = 16 * 1024
    """A datagram has 64 kB at most, and receivers take less; Docker's own are never longer than this."""
    interval = 0.0
    refused = ""

    def __init__(self, connection: Connection, layout: str, framing: str, tag: str, number: int) -> None:
        self._connection = connection
        self._layout = layout
        self._framing = framing
        self._tag = tag
        self._facility = number
        self._host = socket.gethostname()

    def write(self, record: LogRecord) -> None:
        """Send one message. An empty line is none, as in Docker."""
        if not record.line:
            return
        priority = self._facility * 8 + (_ERROR if record.stream == "stderr" else _INFO)
        # A line break inside of a message would begin another one; the others that are not text go as they are.
        message = (self._head(priority, record.time) + record.line).encode("utf-8", "replace")
        if self._framing == "length":
            message = b"%d %s" % (len(message), message)
        elif self._framing == "line":
            message += b"\n"
        self._connection.send(message)

    def _head(self, priority: int, moment: int) -> str:
        pid, tag = os.getpid(), self._tag
        seconds, rest = divmod(moment, 10**9)
        if self._layout in ("rfc5424", "rfc5424micro"):
            fraction = f".{rest // 1000:06d}" if self._layout == "rfc5424micro" else ""
            shown = time.strftime(f"%Y-%m-%dT%H:%M:%S{fraction}Z", time.gmtime(seconds))
            return f"<{priority}>1 {shown} {self._host} {tag} {pid} {tag} - "
        local = time.localtime(seconds)
        shown = f"{time.strftime('%b', local)} {local.tm_mday:2d} {time.strftime('%H:%M:%S', local)}"
        host = f"{self._host} " if self._layout == "rfc3164" else ""
        return f"<{priority}>{shown} {host}{tag}[{pid}]: "

    def flush(self) -> None:
        """All was sent already; whether the receiver of a stream is still there."""
        self._connection.check_alive()

    def close(self) -> None:
        self._connection.close()


def open_driver(options: Options, subject: Subject) -> Syslog:
    """A driver by Docker's options."""
    tag = make_tag(options.get("tag") or DEFAULT_TAG, subject)
    number = facility("syslog-facility", options.get("syslog-facility") or "daemon")
    where = options.get("syslog-address", "")
    layout = options.get("syslog-format", "")
    if not where:
        return Syslog(Connection("syslog", "/dev/log", _dial_local), layout, "", tag, number)
    parts: SplitResult = address("unix", "unixgram", "udp", "tcp", "tcp+tls", port=_PORT)("syslog-address", where)
    tls = _tls(options) if parts.scheme == "tcp+tls" else None
    connect = partial(dial, parts.scheme, parts.hostname or "", parts.port or _PORT, parts.path, tls)
    return Syslog(Connection("syslog", where, connect), layout, _framing(parts.scheme, layout), tag, number)


def _framing(scheme: str, layout: str) -> str:
    if scheme in ("udp", "unixgram"):
        return ""
    return "length" if scheme == "tcp+tls" and layout.startswith("rfc5424") else "line"


def _dial_local() -> socket.socket:
    """The local receiver, wherever this system has it."""
    error: OSError = FileNotFoundError("no local syslog socket: /dev/log is not there")
    for kind, path in _LOCAL:
        if Path(path).exists():
            try:
                return dial(kind, "", 0, path)
            except OSError as refused:
                error = refused
    raise error


def _tls(options: Options) -> ssl.SSLContext:
    verified = "syslog-tls-skip-verify" not in options
    context = trusting("syslog-tls-ca-cert", options.get("syslog-tls-ca-cert", ""), verified=verified)
    if options.get("syslog-tls-cert"):
        try:
            context.load_cert_chain(options["syslog-tls-cert"], options.get("syslog-tls-key"))
        except OSError as error:
            raise InputError(f"log option syslog-tls-cert: {options['syslog-tls-cert']}: {error}") from None
    return context
