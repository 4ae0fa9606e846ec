"""What drivers send, to small receivers that speak the documented protocols: syslog, GELF, the collector of Splunk."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.logs import drivers
from seatrial.engine.logs.drivers.awslogs import parts_of
from seatrial.engine.logs.drivers.extras import client
from seatrial.engine.logs.drivers.gelf import chunks
from seatrial.engine.logs.drivers.journald import entry, field_name
from seatrial.engine.logs.interface import DeliveryError, LogDriver, LogRecord, Subject
from seatrial.engine.logs.planning import plan_logging
from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.place import Sourced
from seatrial.model.service import Logging

MOMENT = 1_763_733_600_123_456_789
OUT = LogRecord(MOMENT, "stdout", "hello é\n")
ERR = LogRecord(MOMENT, "stderr", "broken\n")


def opened(name: str, options: Mapping[str, str], subject: Subject) -> LogDriver:
    """A driver whose options were checked as for a service."""
    plan = plan_logging(Sourced(Logging(name, options)), subject)
    return drivers.open_driver(plan.driver, plan.options, subject)


@contextmanager
def datagrams() -> Iterator[tuple[socket.socket, int]]:
    """A UDP socket that listens, and its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind(("127.0.0.1", 0))
        made.settimeout(30)
        yield made, made.getsockname()[1]


@contextmanager
def stream() -> Iterator[tuple[socket.socket, int]]:
    """A TCP socket that listens, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(30)
        yield made, made.getsockname()[1]


@pytest.mark.parametrize(
    ("layout", "pattern"),
    [
        ("rfc5424", r"<30>1 2025-11-21T14:00:00Z \S+ shop \d+ shop - hello é"),
        ("rfc5424micro", r"<30>1 2025-11-21T14:00:00\.123456Z \S+ shop \d+ shop - hello é"),
        ("rfc3164", r"<30>Nov 2[12] \d\d:\d\d:00 \S+ shop\[\d+\]: hello é"),
        ("", r"<30>Nov 2[12] \d\d:\d\d:00 shop\[\d+\]: hello é"),
    ],
)
def test_syslog_has_dockers_formats(layout: str, pattern: str, subject: Subject) -> None:
    with datagrams() as (receiver, port):
        options = {"syslog-address": f"udp://127.0.0.1:{port}", "syslog-format": layout, "tag": "shop"}
        driver = opened("syslog", options, subject)
        driver.write(OUT)
        driver.write(LogRecord(MOMENT, "stdout", "\n"))
        driver.write(ERR)
        driver.flush()
        assert re.fullmatch(pattern, receiver.recv(70_000).decode())
        assert receiver.recv(70_000).startswith(b"<27>")
        driver.close()


def test_syslog_over_a_stream_ends_each_message(subject: Subject) -> None:
    with stream() as (listening, port):
        driver = opened("syslog", {"syslog-address": f"tcp://127.0.0.1:{port}", "syslog-facility": "local0"}, subject)
        driver.write(OUT)
        receiver, _ = listening.accept()
        with receiver, receiver.makefile("rb") as lines:
            driver.write(ERR)
            assert lines.readline().startswith(b"<134>")
            assert lines.readline().startswith(b"<131>")
        driver.close()


def test_receiver_that_is_not_there_is_a_delivery_error_with_its_name(subject: Subject, tmp_path: Path) -> None:
    with stream() as (_, port):
        pass
    where = f"tcp://127.0.0.1:{port}"
    for name, options in [
        ("syslog", {"syslog-address": where}),
        ("syslog", {"syslog-address": f"unixgram://{tmp_path}/nothing"}),
        ("gelf", {"gelf-address": where}),
        ("splunk", {"splunk-url": f"http://127.0.0.1:{port}", "splunk-token": "t"}),
    ]:
        driver = opened(name, options, subject)
        with pytest.raises(DeliveryError, match=name):
            driver.write(OUT)
            driver.flush()
        driver.close()


def test_receiver_that_has_gone_is_noticed_at_the_flush(subject: Subject) -> None:
    with stream() as (listening, port):
        driver = opened("gelf", {"gelf-address": f"tcp://127.0.0.1:{port}"}, subject)
        driver.write(OUT)
        listening.accept()[0].close()
        with pytest.raises(DeliveryError, match="gelf at tcp"):
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                driver.flush()
        # Another connection is made at the next write.
        driver.write(ERR)
        receiver, _ = listening.accept()
        receiver.close()
        driver.close()


def unchunked(receiver: socket.socket) -> bytes:
    """One GELF message, put together from its datagrams."""
    first = receiver.recv(70_000)
    if first[:2] != b"\x1e\x0f":
        return first
    count = first[11]
    parts = {first[10]: first[12:]}
    while len(parts) < count:
        part = receiver.recv(70_000)
        assert part[:10] == first[:10]
        parts[part[10]] = part[12:]
    return b"".join(parts[number] for number in range(count))


@pytest.mark.parametrize(
    ("kind", "unpack"), [("gzip", gzip.decompress), ("zlib", zlib.decompress), ("none", bytes), ("", gzip.decompress)]
)
def test_gelf_over_udp_is_packed_and_in_chunks(kind: str, unpack: Callable[[bytes], bytes], subject: Subject) -> None:
    with datagrams() as (receiver, port):
        options = {"gelf-address": f"udp://127.0.0.1:{port}", "labels": "team"}
        driver = opened("gelf", options | ({"gelf-compression-type": kind} if kind else {}), subject)
        text = "".join(f"{number:x}" for number in range(4000))
        driver.write(LogRecord(MOMENT, "stderr", text + "\n"))
        message = json.loads(unpack(unchunked(receiver)))
        driver.close()
    assert (message["version"], message["short_message"], message["level"]) == ("1.1", text, 3)
    assert message["timestamp"] == 1763733600.123
    assert message["_container_name"] == "shop-web-1"
    assert message["_team"] == "a & b"
    assert message["_tag"] == "0123456789ab"


def test_longest_message_of_gelf_fits_into_its_chunks(subject: Subject) -> None:
    with datagrams() as (_, port):
        driver = opened("gelf", {"gelf-address": f"udp://127.0.0.1:{port}", "gelf-compression-type": "none"}, subject)
        worst = json.dumps("\x01" * driver.longest).encode()
        assert len(chunks(worst + b"x" * 2000)) <= 128
        driver.close()


def test_gelf_over_tcp_ends_each_message_with_nul(subject: Subject) -> None:
    with stream() as (listening, port):
        driver = opened("gelf", {"gelf-address": f"tcp://127.0.0.1:{port}"}, subject)
        driver.write(OUT)
        driver.write(ERR)
        receiver, _ = listening.accept()
        driver.close()
        with receiver, receiver.makefile("rb") as read:
            messages = read.read().split(b"\0")
    assert [json.loads(each)["short_message"] for each in messages[:-1]] == ["hello é", "broken"]
    assert messages[-1] == b""


class Collector(HTTPServer):
    """Splunk's HTTP Event Collector, as its documentation has it: events one after another, 403 for a wrong token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.events: list[dict[str, Any]] = []
        self.busy = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Collector

    def do_OPTIONS(self) -> None:
        self._answer(200, "")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.headers["Authorization"] != "Splunk secret":
            self._answer(403, '{"text":"Invalid token","code":4}')
        elif self.server.busy:
            self.server.busy -= 1
            self._answer(503, '{"text":"Server is busy","code":9}')
        else:
            text, at = body.decode(), 0
            while at < len(text):
                event, at = json.JSONDecoder().raw_decode(text, at)
                self.server.events.append(event)
            self._answer(200, '{"text":"Success","code":0}')

    def _answer(self, status: int, text: str) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 — the base class's name
        """Nobody reads it."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def splunk(collector: Collector, subject: Subject, **options: str) -> LogDriver:
    where = {"splunk-url": f"http://127.0.0.1:{collector.server_port}", "splunk-token": "secret"}
    return opened("splunk", where | {name.replace("_", "-"): value for name, value in options.items()}, subject)


@pytest.mark.parametrize("gzipped", ["true", "false"])
def test_splunk_gets_batches_of_events(gzipped: str, collector: Collector, subject: Subject) -> None:
    driver = splunk(collector, subject, splunk_gzip=gzipped, splunk_index="main", env="ZONE", tag="shop")
    for record in (OUT, ERR):
        driver.write(record)
    assert collector.requests == []
    driver.flush()
    driver.close()
    assert [method for method, _, _ in collector.requests] == ["OPTIONS", "POST"]
    assert collector.requests[0][1] == "/services/collector/event/1.0"
    first, second = collector.events
    assert first["event"] == {"line": "hello é", "source": "stdout", "tag": "shop", "attrs": {"ZONE": "eu"}}
    assert (first["time"], first["index"]) == ("1763733600.123457", "main")
    assert second["event"]["source"] == "stderr"


@pytest.mark.parametrize(
    ("layout", "text", "event"),
    [
        ("json", '{"a":[1]}\n', {"line": {"a": [1]}, "source": "stdout"}),
        ("json", "no json\n", {"line": "no json", "source": "stdout"}),
        ("raw", "text\n", "eu text"),
    ],
)
def test_splunk_has_dockers_formats(
    layout: str, text: str, event: object, collector: Collector, subject: Subject
) -> None:
    driver = splunk(
        collector,
        subject,
        splunk_format=layout,
        splunk_verify_connection="false",
        tag="",
        **({"env": "ZONE"} if layout == "raw" else {}),
    )
    driver.write(LogRecord(MOMENT, "stdout", text))
    driver.write(LogRecord(MOMENT, "stdout", "  \n") if layout == "raw" else OUT)
    driver.flush()
    driver.close()
    assert len(collector.requests) == 1
    assert collector.events[0]["event"] == (f"ZONE={event}" if layout == "raw" else event)
    assert len(collector.events) == (1 if layout == "raw" else 2)


def test_splunk_that_refuses_is_a_delivery_error_with_its_words(collector: Collector, subject: Subject) -> None:
    driver = splunk(collector, subject, splunk_token="other")
    driver.write(OUT)
    with pytest.raises(DeliveryError, match=r"403 Forbidden .*Invalid token"):
        driver.flush()
    driver.close()
    driver = splunk(collector, subject)
    collector.busy = 1
    driver.write(OUT)
    with pytest.raises(DeliveryError, match="503"):
        driver.flush()
    driver.write(OUT)
    driver.flush()
    driver.close()
    assert len(collector.events) == 1


def test_names_of_fields_are_as_the_journal_takes_them() -> None:
    assert field_name("_com.example-é9") == "COM_EXAMPLE__9"
    assert entry({"MESSAGE": "a", "B": "x\ny"}) == b"MESSAGE=a\nB\n\x03\0\0\0\0\0\0\0x\ny\n"


def test_event_that_is_too_long_is_cut_between_characters() -> None:
    assert list(parts_of("éé😀a", 5)) == [("éé", 4), ("😀a", 5)]
    assert list(parts_of("")) == []


def test_client_that_is_not_installed_names_the_extra() -> None:
    with pytest.raises(UnsupportedError, match="needs the package no-such-client") as refused:
        client("no_such_client", "no-such-client", "logs-nothing")
    assert refused.value.hint == "pip install 'seatrial[logs-nothing]'"


@pytest.mark.parametrize(
    ("name", "option", "options"),
    [
        ("syslog", "syslog-tls-ca-cert", {"syslog-address": "tcp+tls://127.0.0.1:1"}),
        ("splunk", "splunk-capath", {"splunk-url": "https://127.0.0.1:1", "splunk-token": "t"}),
    ],
)
def test_certificates_that_can_not_be_read_name_the_option(
    name: str, option: str, options: dict[str, str], subject: Subject, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=option):
        opened(name, {**options, option: str(tmp_path / "nothing")}, subject)
