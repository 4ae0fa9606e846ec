"""The driver `splunk`: the HTTP Event Collector, by the standard library. Lines go in batches; each answer is waited
for.

An answer of 200 means that the collector has taken the events (with `splunk-index-acknowledgment` the channel is
named, as in Docker).
"""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from seatrial.engine.logs.drivers.connection import TIMEOUT, trusting
from seatrial.engine.logs.interface import LONGEST_LINE, DeliveryError, LogRecord, Subject
from seatrial.engine.logs.options import COMMON, Check, Options, address, anything, boolean, integer, one_of
from seatrial.engine.logs.tags import DEFAULT_TAG, extra_attributes, make_tag
from seatrial.model.errors import InputError

_PATH = "/services/collector/event/1.0"
_MOST_EVENTS = 1000
_MOST_BYTES = 512 * 1024
_SECOND = 10**9

OPTIONS: Mapping[str, Check] = {
    **COMMON,
    "splunk-url": address("http", "https", port=1),
    "splunk-token": anything,
    "splunk-source": anything,
    "splunk-sourcetype": anything,
    "splunk-index": anything,
    "splunk-capath": anything,
    "splunk-caname": anything,
    "splunk-insecureskipverify": boolean,
    "splunk-format": one_of("inline", "json", "raw"),
    "splunk-verify-connection": boolean,
    "splunk-gzip": boolean,
    "splunk-gzip-level": integer(-1, 9),
    "splunk-index-acknowledgment": boolean,
}


def check(options: Options) -> None:
    """URL and token are needed; the path of the URL is the collector's own."""
    for name in ("splunk-url", "splunk-token"):
        if not options.get(name):
            raise InputError(f"log option {name}: it is needed", hint=f"{name}: …")
    parts = urlsplit(options["splunk-url"])
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InputError("log option splunk-url: a path is too much", hint="splunk-url: https://host:8088")


class Splunk:
    """Events to one collector."""

    longest = LONGEST_LINE
    interval = 5.0
    refused = ""

    def __init__(self, options: Options, subject: Subject) -> None:
        self._options = options
        self._parts = urlsplit(options["splunk-url"])
        self._format = options.get("splunk-format") or "inline"
        self._tag = make_tag(options.get("tag", DEFAULT_TAG), subject)
        self._attributes = extra_attributes(options, subject)
        named = {"source": "splunk-source", "sourcetype": "splunk-sourcetype", "index": "splunk-index"}
        self._base = {key: options[name] for key, name in named.items() if options.get(name)}
        self._host = socket.gethostname()
        self._events: list[bytes] = []
        self._bytes = 0
        self._connection: http.client.HTTPConnection | None = None
        self._tls = trusting(
            "splunk-capath", options.get("splunk-capath", ""), verified=not self._says("splunk-insecureskipverify")
        )
        self._verified = not self._says("splunk-verify-connection", default="true")

    def _says(self, name: str, default: str = "false") -> bool:
        return boolean(name, self._options.get(name) or default)

    def write(self, record: LogRecord) -> None:
        """Add a line to the batch; a full one is sent."""
        if self._format == "raw" and not record.line.strip():  # the collector refuses what is empty
            return
        event: dict[str, Any] = {
            "event": self._event(record),
            "time": f"{record.time / _SECOND:f}",
            "host": self._host,
            **self._base,
        }
        raw = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")
        self._events.append(raw)
        self._bytes += len(raw)
        if len(self._events) >= _MOST_EVENTS or self._bytes >= _MOST_BYTES:
            self.flush()

    def _event(self, record: LogRecord) -> Any:
        if self._format == "raw":
            words = [self._tag, *(f"{name}={value}" for name, value in self._attributes.items()), record.line]
            return " ".join(word for word in words if word)
        event: dict[str, Any] = {"line": self._line(record.line), "source": record.stream}
        if self._tag:
            event["tag"] = self._tag
        if self._attributes:
            event["attrs"] = self._attributes
        return event

    def _line(self, text: str) -> Any:
        if self._format == "json":
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                return text
        return text

    def flush(self) -> None:
        """Send the batch, and wait for the answer."""
        events, self._events, self._bytes = self._events, [], 0
        if not events:
            return
        if not self._verified:
            self._request("OPTIONS", b"", {})
            self._verified = True
        body, headers = b"".join(events), {"Authorization": f"Splunk {self._options['splunk-token']}"}
        if self._says("splunk-gzip"):
            level = int(self._options.get("splunk-gzip-level") or -1)
            body, headers["Content-Encoding"] = gzip.compress(body, level if level >= 0 else 6), "gzip"
        if self._says("splunk-index-acknowledgment"):
            headers["X-Splunk-Request-Channel"] = str(uuid4())
        self._request("POST", body, headers)

    def _request(self, method: str, body: bytes, headers: Mapping[str, str]) -> None:
        where = f"splunk at {self._options['splunk-url']}"
        try:
            self._connection = self._connection or self._connect()
            self._connection.request(method, _PATH, body, dict(headers))
            response = self._connection.getresponse()
            said = response.read(1024).decode("utf-8", "replace")
            response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise DeliveryError(f"{where}: {error}") from error
        if response.status != http.client.OK:
            self.close()
            raise DeliveryError(f"{where}: {response.status} {response.reason} {said}")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        return _NamedConnection(host, port, self._tls, self._options.get("splunk-caname") or host)

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None


class _NamedConnection(http.client.HTTPSConnection):
    """HTTPS to a server whose certificate is for another name (`splunk-caname`)."""

    def __init__(self, host: str, port: int | None, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=TIMEOUT, context=context)
        self._tls, self._name = context, name

    def connect(self) -> None:
        made = socket.create_connection((self.host, self.port), TIMEOUT)
        self.sock = self._tls.wrap_socket(made, server_hostname=self._name)


def open_driver(options: Options, subject: Subject) -> Splunk:
    """A driver by Docker's options."""
    return Splunk(options, subject)
