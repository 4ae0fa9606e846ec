"""Drivers against the receivers that people use: rsyslog, the journal of systemd, the Fluent project's server, the
clients of Amazon and Google. Each gets the lines of a real log through a pump; nothing is lost while one is away."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.logs import drivers
from seatrial.engine.logs import pump as pumping
from seatrial.engine.logs.drivers import awslogs, gcplogs, journald
from seatrial.engine.logs.interface import LogDriver, LogRecord, Subject
from seatrial.engine.logs.planning import plan_logging
from seatrial.engine.logs.pump import Pump
from seatrial.model.place import Sourced
from seatrial.model.service import Logging
from tests.engine.logs.writer import START, Writer, record_bytes
from tests.requirements import missing_module, missing_program, require

pytestmark = [
    pytest.mark.slow,
    # The clients and their service's double are not ours to mend.
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::PendingDeprecationWarning"
    ),
]

RECEIVERS = Path(__file__).parent.parent / "receivers"
WITHIN = 30.0
MakeWriter = Callable[..., Writer]


def opened(name: str, options: Mapping[str, str], subject: Subject) -> LogDriver:
    plan = plan_logging(Sourced(Logging(name, options)), subject)
    return drivers.open_driver(plan.driver, plan.options, subject)


def eventually(condition: Callable[[], bool], what: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def program(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A receiver's process, ended afterwards."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receivers are tried again soon."""
    monkeypatch.setattr(pumping, "FIRST_WAIT", 0.05)
    monkeypatch.setattr(pumping, "LONGEST_WAIT", 0.1)


@contextmanager
def pumping_to(driver: LogDriver, writer: Writer, reported: list[str]) -> Iterator[Pump]:
    """A pump at work, which sends all there is before the end."""
    pump = Pump(writer.path, driver, writer.path.parent / "position", report=reported.append)
    thread = threading.Thread(target=pump.run)
    thread.start()
    try:
        yield pump
        pump.finish()
        thread.join(WITHIN)
    finally:
        pump.stop()
        thread.join(WITHIN)
    assert not thread.is_alive()


# rsyslog

RSYSLOG = """
global(workDirectory="{folder}" defaultNetstreamDriverCAFile="{folder}/ca.pem"
       defaultNetstreamDriverCertFile="{folder}/cert.pem" defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imudp") module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
module(load="imptcp") module(load="imuxsock" sysSock.use="off")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imptcp" address="127.0.0.1" port="{tcp}")
input(type="imtcp" address="127.0.0.1" port="{tls}")
input(type="imptcp" path="{folder}/stream")
input(type="imuxsock" socket="{folder}/datagrams" useSysTimeStamp="off")
template(name="seen" type="list") {{
  property(name="syslogfacility-text") constant(value=" ") property(name="syslogseverity-text") constant(value=" ")
  property(name="programname") constant(value=" ")
  property(name="timereported" dateFormat="rfc3339") constant(value=" ")
  property(name="protocol-version") constant(value=" ") property(name="msg" spifno1stsp="off") constant(value="\\n")
}}
*.* action(type="omfile" file="{folder}/seen" template="seen")
"""


@pytest.fixture(scope="module")
def rsyslog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[dict[str, str], Path]]]:
    """A running rsyslogd: by the name of a transport, the options that lead there and the file of what it has seen."""
    require(missing_program("rsyslogd") or missing_program("openssl"))
    folder = tmp_path_factory.mktemp("rsyslog")
    certify = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*certify, *names, *files], check=True, capture_output=True)
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    ports = {"udp": free_port(socket.SOCK_DGRAM), "tcp": free_port(), "tls": free_port()}
    (folder / "conf").write_text(RSYSLOG.format(folder=folder, **ports))
    # A copy: where AppArmor confines rsyslogd, it does so by its path, and this one has its own files.
    shutil.copy(shutil.which("rsyslogd") or "", folder / "rsyslogd")
    command = [str(folder / "rsyslogd"), "-n", "-f", str(folder / "conf"), "-i", str(folder / "pid")]
    with (folder / "output").open("wb") as output, program(command, stdout=output, stderr=output) as process:
        where = {
            "udp": f"udp://127.0.0.1:{ports['udp']}",
            "tcp": f"tcp://127.0.0.1:{ports['tcp']}",
            "tcp+tls": f"tcp+tls://127.0.0.1:{ports['tls']}",
            "unix": f"unix://{folder}/stream",
            "unixgram": f"unixgram://{folder}/datagrams",
        }

        def ready() -> bool:
            assert process.poll() is None, (folder / "output").read_text()
            with socket.socket() as asking:
                listens = asking.connect_ex(("127.0.0.1", ports["tls"])) == 0
            return listens and (folder / "stream").exists() and (folder / "datagrams").exists()

        eventually(ready, (folder / "output").read_text)

        def options(transport: str) -> tuple[dict[str, str], Path]:
            tls = {"syslog-tls-ca-cert": str(folder / "ca.pem")} if transport == "tcp+tls" else {}
            return {"syslog-address": where[transport], **tls}, folder / "seen"

        yield options


@pytest.mark.parametrize(
    ("transport", "layout"),
    [
        ("udp", "rfc3164"),
        ("udp", "rfc5424"),
        ("udp", "rfc5424micro"),
        ("tcp", "rfc5424"),
        ("tcp", "rfc3164"),
        ("tcp+tls", "rfc5424micro"),
        ("tcp+tls", "rfc3164"),
        ("unix", "rfc5424"),
        ("unixgram", ""),
    ],
)
def test_rsyslog_reads_each_line_with_its_parts(
    transport: str,
    layout: str,
    rsyslog: Callable[[str], tuple[dict[str, str], Path]],
    make_writer: MakeWriter,
    subject: Subject,
    reported: list[str],
) -> None:
    options, seen = rsyslog(transport)
    tag = f"{transport}-{layout or 'local'}".replace("+", "-")
    driver = opened("syslog", {**options, "syslog-format": layout, "syslog-facility": "local3", "tag": tag}, subject)
    writer = make_writer()
    with pumping_to(driver, writer, reported):
        for number in range(20):
            writer.write(f"line {number} é\n", "stderr" if number % 5 == 4 else "stdout")

    def own() -> list[list[str]]:
        lines = seen.read_text().splitlines() if seen.exists() else []
        return [line.split(" ", 5) for line in lines if line.split(" ")[2] == tag]

    eventually(lambda: len(own()) >= 20, own)
    found = sorted(own(), key=lambda parts: int(parts[5].split()[1]))
    assert [parts[5].strip() for parts in found] == [f"line {number} é" for number in range(20)]
    assert [parts[1] for parts in found] == ["err" if number % 5 == 4 else "info" for number in range(20)]
    assert {(parts[0], parts[4]) for parts in found} == {("local3", "1" if layout.startswith("rfc5424") else "0")}
    if layout.startswith("rfc5424"):
        assert {parts[3][:19] for parts in found} == {"2025-11-21T14:00:00"}
    assert reported == []


def test_certificate_that_is_not_trusted_is_refused_and_told(
    rsyslog: Callable[[str], tuple[dict[str, str], Path]],
    make_writer: MakeWriter,
    subject: Subject,
    reported: list[str],
    quick: None,
) -> None:
    options, _ = rsyslog("tcp+tls")
    driver = opened("syslog", {"syslog-address": options["syslog-address"]}, subject)
    writer = make_writer()
    writer.write("a\n")
    pump = Pump(writer.path, driver, writer.path.parent / "position", report=reported.append)
    thread = threading.Thread(target=pump.run)
    thread.start()
    eventually(lambda: bool(reported))
    pump.stop()
    thread.join(WITHIN)
    assert "certificate verify failed" in reported[0]
    assert pump.state.delivered == 0


# The journal of systemd

JOURNAL = """
set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal
[ -s /etc/machine-id ] || { echo 0123456789abcdef0123456789abcdef >/run/id; mount --bind /run/id /etc/machine-id; }
/lib/systemd/systemd-journald & journal=$!
trap 'kill $journal; wait $journal' EXIT
trap 'exit 1' TERM INT HUP
while ! [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
echo ready
read -r _
journalctl --directory /run/log/journal --sync >/dev/null 2>&1 || true
while :; do
    journalctl --directory /run/log/journal --all --output json --no-pager CONTAINER_NAME=shop-web-1
    echo
    read -r _ || exit 0
done
"""


def test_journal_has_each_entry_with_its_fields(
    make_writer: MakeWriter, subject: Subject, reported: list[str], tmp_path: Path
) -> None:
    """A journald of its own, in a mount namespace; its socket is reached through /proc."""
    journal = Path("/lib/systemd/systemd-journald")
    require("" if journal.exists() else "systemd-journald is not installed")
    require("" if Path("/etc/machine-id").exists() else "there is no /etc/machine-id")
    require(
        missing_program("unshare")
        or missing_program("journalctl")
        or ("" if os.geteuid() == 0 else "a mount namespace needs root")
    )
    (tmp_path / "script").write_text(JOURNAL)
    command = ["unshare", "--mount", "--propagation", "private", "sh", str(tmp_path / "script")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    huge = "x" * 300_000
    with program(command, **pipes) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == b"ready\n"
        path = f"/proc/{process.pid}/root/run/systemd/journal/socket"
        options = {"labels": "team", "tag": "shop"}
        driver = journald.open_driver(options, subject, path)
        writer = make_writer()
        with pumping_to(driver, writer, reported):
            writer.write("hello é\n")
            writer.write("two\u2028lines\x01\n", "stderr")
            for at in range(0, len(huge), 16384):
                writer.raw(record_bytes(huge[at : at + 16384], START + 50))
            writer.raw(record_bytes("end\n", START + 50))

        def entries() -> list[dict[str, Any]]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(b"again\n")
            process.stdin.flush()
            lines = []
            while (line := process.stdout.readline()) not in (b"\n", b""):
                lines.append(json.loads(line))
            return lines

        found: list[dict[str, Any]] = []

        def all_there() -> bool:
            found[:] = entries()
            return len(found) >= 3

        eventually(all_there, lambda: found)
        process.stdin.close()
    messages = [
        each["MESSAGE"] if isinstance(each["MESSAGE"], str) else bytes(each["MESSAGE"]).decode() for each in found
    ]
    assert messages == ["hello é", "two\u2028lines\x01", huge + "end"]
    assert [each["PRIORITY"] for each in found] == ["6", "3", "6"]
    assert {(each["CONTAINER_TAG"], each["SYSLOG_IDENTIFIER"], each["TEAM"]) for each in found} == {
        ("shop", "shop", "a & b")
    }
    assert found[0]["SYSLOG_TIMESTAMP"] == "2025-11-21T14:00:00.000000001Z"
    assert found[0]["CONTAINER_ID"] == "0123456789ab"
    assert [each["CONTAINER_LOG_ORDINAL"] for each in found] == ["1", "2", "3"]
    assert reported == []


# Fluent's own server


@contextmanager
def fluent(port: int = 0) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A server of the forward protocol: its port, and the entries that it has got so far."""
    command = ["node", "fluent.js", str(port)]
    with program(command, cwd=RECEIVERS, stdout=subprocess.PIPE) as process:
        assert process.stdout
        said = process.stdout.readline()
        assert said, "the server did not start"
        entries: list[dict[str, Any]] = []

        def read() -> None:
            assert process.stdout
            for line in process.stdout:
                entries.append(json.loads(line))  # noqa: PERF401 — others look at it meanwhile

        reading = threading.Thread(target=read)
        reading.start()
        yield int(json.loads(said)["port"]), entries
        process.terminate()
        reading.join()


@pytest.fixture
def needs_fluent() -> None:
    require(missing_program("node") or missing_module("msgpack"))
    require(
        ""
        if (RECEIVERS / "node_modules").is_dir()
        else f"the packages of {RECEIVERS.name} are not installed (make slow)"
    )


@pytest.mark.parametrize("precise", ["true", "false"])
def test_fluent_gets_entries_with_dockers_keys(
    precise: str, needs_fluent: None, make_writer: MakeWriter, subject: Subject, reported: list[str]
) -> None:
    writer = make_writer()
    with fluent() as (port, entries):
        options = {
            "fluentd-address": f"127.0.0.1:{port}",
            "tag": "shop.{{.Name}}",
            "fluentd-sub-second-precision": precise,
            "env": "ZONE",
        }
        with pumping_to(opened("fluentd", options, subject), writer, reported):
            writer.write("hello é\n")
            writer.write("broken\n", "stderr")
        eventually(lambda: len(entries) >= 2, lambda: entries)
    first, second = entries
    assert first["tag"] == "shop.shop-web-1"
    assert first["record"] == {
        "container_id": subject.id,
        "container_name": "/shop-web-1",
        "ZONE": "eu",
        "source": "stdout",
        "log": "hello é",
    }
    assert second["record"]["source"] == "stderr"
    assert first["time"] == ({"seconds": 1763733600, "nanoseconds": 1} if precise == "true" else 1763733600)


def test_fluent_that_goes_away_gets_what_it_has_not_acknowledged(
    needs_fluent: None, make_writer: MakeWriter, subject: Subject, reported: list[str], quick: None
) -> None:
    writer = make_writer()
    with fluent() as (port, first):
        options = {"fluentd-address": f"tcp://127.0.0.1:{port}", "fluentd-request-ack": "true"}
        driver = opened("fluentd", options, subject)
        pump = Pump(writer.path, driver, writer.path.parent / "position", report=reported.append)
        thread = threading.Thread(target=pump.run)
        thread.start()
        writer.write("0\n")
        eventually(lambda: len(first) == 1 and pump.state.delivered == 1)
    for number in range(1, 100):
        writer.write(f"{number}\n")
    eventually(lambda: pump.state.failing != "")
    with fluent(port) as (_, second):
        pump.finish()
        thread.join(WITHIN)
        assert not thread.is_alive()
        eventually(lambda: len(second) >= 99)
    got = [int(entry["record"]["log"]) for entry in first + second]
    assert sorted(set(got)) == list(range(100))
    assert reported[-1] == "the log driver's receiver takes lines again"


# Amazon's client, against moto


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The service as moto plays it."""
    require(missing_module("boto3") or missing_module("moto"))
    import boto3
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        service = boto3.client("logs", region_name="eu-central-1")
        yield service
        service.close()


def events(service: Any, group: str, stream: str) -> list[tuple[int, str]]:
    """All events of a stream."""
    found: list[tuple[int, str]] = []
    token: dict[str, str] = {}
    while True:
        page = service.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
        found += [(event["timestamp"], event["message"]) for event in page["events"]]
        if token.get("nextToken") == page["nextForwardToken"]:
            return found
        token = {"nextToken": page["nextForwardToken"]}


OPTIONS = {
    "awslogs-region": "eu-central-1",
    "awslogs-group": "shop",
    "awslogs-create-group": "true",
    "awslogs-stream": "web",
}


def recent(writer: Writer, text: str, stream: str = "stdout") -> None:
    """A record of now: the service takes none that is older than two weeks."""
    writer.count += 1
    writer.raw(record_bytes(text, (int(time.time()) * 1000 + writer.count) * 1_000_000, stream))


def test_cloudwatch_gets_events_in_a_group_and_stream_that_are_made(
    cloudwatch: Any, make_writer: MakeWriter, subject: Subject, reported: list[str]
) -> None:
    writer = make_writer()
    for number in range(1200):
        recent(writer, f"line {number} é\n")
    recent(writer, "x" * 16384 * 20 + "\n")
    for _ in range(2):  # the second finds group and stream there, and nothing to do
        with pumping_to(opened("awslogs", OPTIONS, subject), writer, reported):
            pass
    found = events(cloudwatch, "shop", "web")
    assert [text for _, text in found[:1200]] == [f"line {number} é" for number in range(1200)]
    # What is too long for one event goes as two.
    assert [len(text) for _, text in found[1200:]] == [256 * 1024 - 26, 16384 * 20 - (256 * 1024 - 26)]
    assert reported == []


def test_cloudwatch_gets_several_lines_as_one_event(
    cloudwatch: Any, make_writer: MakeWriter, subject: Subject, reported: list[str]
) -> None:
    writer = make_writer()
    for text in ("[2026-01-02] a\n", "  at b\n", "  at c\n", "[2026-01-03] d\n"):
        recent(writer, text)
    with pumping_to(
        opened("awslogs", OPTIONS | {"awslogs-datetime-format": r"\[%Y-%m-%d\]"}, subject), writer, reported
    ):
        pass
    found = [text.rstrip("\n") for _, text in events(cloudwatch, "shop", "web")]
    assert found == ["[2026-01-02] a\n  at b\n  at c", "[2026-01-03] d"]


def test_batches_stay_within_the_limits_of_cloudwatch(subject: Subject) -> None:
    class Service:
        """Counts, as the service would."""

        def __init__(self) -> None:
            self.batches: list[list[dict[str, Any]]] = []

        def put_log_events(self, logEvents: list[dict[str, Any]], **_where: str) -> dict[str, Any]:  # noqa: N803
            self.batches.append(logEvents)
            return {}

        def close(self) -> None:
            """Nothing is open."""

    service = Service()
    driver = awslogs.AwsLogs(service, {"awslogs-group": "g", "awslogs-create-stream": "false"}, "s")
    for number in range(25_000):
        driver.write(LogRecord((25_000 - number) * 1_000_000, "stdout", "x\n"))
    for _ in range(30):
        driver.write(LogRecord(1, "stdout", "y" * 100_000 + "\n"))
    driver.flush()
    driver.close()
    assert sum(map(len, service.batches)) == 25_030
    for batch in service.batches:
        assert len(batch) <= 10_000
        assert sum(len(event["message"]) + 26 for event in batch) <= 1024 * 1024
        assert [event["timestamp"] for event in batch] == sorted(event["timestamp"] for event in batch)


def test_group_that_is_not_there_is_a_delivery_error(
    cloudwatch: Any, make_writer: MakeWriter, subject: Subject, reported: list[str], quick: None
) -> None:
    writer = make_writer()
    recent(writer, "a\n")
    options = {**OPTIONS, "awslogs-create-group": "false", "awslogs-force-flush-interval-seconds": "1"}
    with pumping_to(opened("awslogs", options, subject), writer, reported):
        eventually(lambda: bool(reported))
        cloudwatch.create_log_group(logGroupName="shop")
    assert "ResourceNotFoundException" in reported[0]
    assert [text for _, text in events(cloudwatch, "shop", "web")] == ["a"]


# Google's client, against a small server of the REST interface (entries:write)


class Google(HTTPServer):
    """Takes entries, and is busy as often as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.entries: list[dict[str, Any]] = []
        self.busy = 0


class _Handler(BaseHTTPRequestHandler):
    server: Google
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path.startswith("/v2/entries:write"), self.path
        if self.server.busy:
            self.server.busy -= 1
            self._answer(400, {"error": {"code": 400, "message": "not now"}})
            return
        common = {name: value for name, value in body.items() if name in ("logName", "resource")}
        self.server.entries += [common | entry for entry in body["entries"]]
        self._answer(200, {})

    def _answer(self, status: int, found: object) -> None:
        raw = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 — the base class's name
        """Nobody reads it."""


def test_google_gets_entries_with_dockers_payload(
    make_writer: MakeWriter, subject: Subject, reported: list[str], quick: None
) -> None:
    require(
        missing_module("google.cloud.logging")
        if find_spec("google") and find_spec("google.cloud")
        else "google-cloud-logging is not installed"
    )
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import logging as cloud

    server = Google()
    server.busy = 1
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        service = cloud.Client(
            project="shop",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": f"http://127.0.0.1:{server.server_port}"},
            _use_grpc=False,
        )
        options = {"labels": "app", "gcp-log-cmd": "true"}
        driver = gcplogs.GcpLogs(service.logger("gcplogs-docker-driver"), gcplogs.payload_of(options, subject), None)
        writer = make_writer()
        with pumping_to(driver, writer, reported):
            writer.write("hello é\n")
            writer.write("second\n", "stderr")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [entry["jsonPayload"]["message"] for entry in server.entries] == ["hello é", "second"]
    first = server.entries[0]
    assert first["logName"] == "projects/shop/logs/gcplogs-docker-driver"
    assert first["timestamp"].startswith("2025-11-21T14:00:00")
    container = first["jsonPayload"]["container"]
    assert (container["name"], container["metadata"], container["command"]) == (
        "/shop-web-1",
        {"app": "shop"},
        "node server.js",
    )
    assert "not now" in reported[0]
