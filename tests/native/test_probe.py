"""seatrial-probe: healthy is 0, everything else is 1, and nothing that a peer does lasts longer than the timeout."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.native.native_programs import NAMESPACE, RUNNER, eventually
from tests.requirements import require

ROOT = Path(__file__).resolve().parents[2]
OK = b"HTTP/1.1 200 OK\r\n"


class Peer:
    """Accepts connections on a thread, keeps what was sent, and does with each connection what it is told."""

    def __init__(self, listener: socket.socket, behave: Callable[[socket.socket], None]) -> None:
        self.listener, self.behave = listener, behave
        self.requests: list[bytes] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(30)
                request = b""
                while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
                    request += part
                self.requests.append(request)
                self.behave(connection)

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """peer(b"bytes to answer") or peer(function), on the loopback or on `address`."""
    peers = []

    def begin(answer: object, family: int = socket.AF_INET, address: object = ("127.0.0.1", 0)) -> Peer:
        listener = socket.socket(family)
        listener.bind(address)
        listener.listen()
        peers.append(Peer(listener, answer if callable(answer) else lambda connection: connection.sendall(answer)))
        return peers[-1]

    yield begin
    for one in peers:
        one.end()


@pytest.fixture
def probe(start):
    def run(*arguments: str, **options: object):
        return start.run(*arguments, name="seatrial-probe", **options)

    return run


def wait_for_the_end(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (OK + b"\r\n", "healthy: status 200"),
        (b"HTTP/1.0 204 \r\n\r\n", "healthy: status 204"),
        (b"HTTP/1.1 299\n\n", "healthy: status 299"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK + b"\r\n", "healthy: status 200"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "unhealthy: status 404"),
        (b"HTTP/1.1 301 Moved\r\n\r\n", "unhealthy: status 301"),
        (b"HTTP/1.1 503 \r\n\r\n", "unhealthy: status 503"),
        (b"", "unhealthy: closed without an answer"),
        (b"HTTP/1.1 200", "unhealthy: the answer ended too early"),
        (OK + b"A: b\r\n", "unhealthy: the answer ended too early"),
        (b"SSH-2.0-OpenSSH\r\n", "unhealthy: not HTTP/1: 'SSH-2.0-OpenSSH'"),
        (b"HTTP/2 200\r\n\r\n", "unhealthy: not HTTP/1: 'HTTP/2 200'"),
        (b"HTTP/1.1 20x\r\n\r\n", "unhealthy: no status in"),
        (b"HTTP/1.1 2000\r\n\r\n", "unhealthy: no status in"),
        (b"HTTP/1.1 099 \r\n\r\n", "unhealthy: no status in"),
        (b"HTTP/1.1 999 \r\n\r\n", "unhealthy: no status in"),
        (OK + b"A: " + b"x" * 9000, "unhealthy: oversized header"),
        (OK + b"A: b\r\n" * 60000, "unhealthy: oversized header"),
        (OK + b"Content-Length: x\r\n\r\n", "unhealthy: malformed header"),
    ],
)
def test_an_answer_is_judged_by_its_status(peer, probe, answer, line):
    result = probe(f"http://127.0.0.1:{peer(answer).port}/")
    assert result.stdout.startswith(line), result
    assert result.returncode == (0 if line.startswith("healthy") else 1)
    assert re.fullmatch(r".* in \d+\.\d{3}s\n", result.stdout)


def test_the_request_is_http_1_1(peer, probe):
    server = peer(OK + b"\r\n")
    assert probe(f"http://127.0.0.1:{server.port}/health?deep=1", "-H", "X-Key: a b").returncode == 0
    head, *lines = server.requests[0].decode().split("\r\n")
    assert head == "GET /health?deep=1 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "X-Key: a b", "Connection: close"} <= set(lines)


def test_a_host_header_of_the_users_replaces_ours(peer, probe):
    server = peer(OK + b"\r\n")
    probe(f"http://127.0.0.1:{server.port}?x", "--header=host: example.org")
    assert server.requests[0].lower().count(b"host:") == 1 and server.requests[0].startswith(b"GET /?x HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("statuses", "status", "code"),
    [("200-299", 404, 1), ("404", 404, 0), ("200,400-499", 404, 0), ("200,204", 204, 0), ("204", 200, 1)],
)
def test_which_statuses_are_healthy_can_be_chosen(peer, probe, statuses, status, code):
    server = peer(f"HTTP/1.1 {status} X\r\n\r\n".encode())
    assert probe("--status", statuses, f"http://127.0.0.1:{server.port}/").returncode == code
    assert probe(f"http://127.0.0.1:{server.port}/", env={"SEATRIAL_PROBE_STATUS": statuses}).returncode == code


def chunks(body: bytes, size: int) -> bytes:
    parts = [
        b"%x;ext=1\r\n%s\r\n" % (len(body[at : at + size]), body[at : at + size]) for at in range(0, len(body), size)
    ]
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(parts) + b"0\r\nTrailer: t\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b'\r\n{"status":"ok"}',
        OK + b'Content-Length: 15\r\n\r\n{"status":"ok"}',
        chunks(b'{"status":"ok"}', 3),
        chunks(b"x" * 8190 + b'"ok"' + b"y" * 9000, 1000),
        OK + b"\r\n" + b"x" * 100_000 + b'"ok"',
    ],
)
def test_the_body_is_searched(peer, probe, answer):
    url = f"http://127.0.0.1:{peer(answer).port}/"
    assert probe("--contains", '"ok"', url).returncode == 0
    result = probe("--contains", '"no"', url)
    assert (result.returncode, "but no '\"no\"'" in result.stdout) == (1, True)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 20\r\n\r\nok",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nxx",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nxxyy\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n\r\n",
    ],
)
def test_a_body_cut_short_is_not_healthy(peer, probe, answer):
    assert probe("--contains", "never", f"http://127.0.0.1:{peer(answer).port}/").returncode == 1


def send_for_ever(connection: socket.socket) -> None:
    connection.sendall(OK + b"\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def drip(connection: socket.socket) -> None:
    stop = threading.Event()
    for byte in OK + b"A: " + b"b" * 5000:
        connection.sendall(bytes([byte]))
        stop.wait(0.005)


@pytest.mark.parametrize("behave", [wait_for_the_end, drip, lambda c: (c.sendall(OK), wait_for_the_end(c))])
def test_a_slow_peer_ends_at_the_timeout(peer, probe, behave):
    result = probe("--timeout", "60ms", f"http://127.0.0.1:{peer(behave).port}/")
    assert result.returncode == 1 and "timed out while" in result.stdout


def test_an_endless_answer_ends(peer, probe):
    result = probe("-t", "20", "--contains", "never", f"http://127.0.0.1:{peer(send_for_ever).port}/")
    assert result.returncode == 1
    assert "first 16 MiB" in result.stdout or "timed out" in result.stdout


def test_a_peer_that_never_accepts_ends_at_the_timeout(probe):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        with contextlib.ExitStack() as full:
            for _ in range(4):
                one = full.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            result = probe("--timeout", "80ms", f"http://127.0.0.1:{port}/")
    assert result.returncode == 1 and "timed out" in result.stdout


def test_a_reset_is_not_healthy(peer, probe):
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    result = probe(f"http://127.0.0.1:{peer(reset).port}/")
    assert result.returncode == 1 and "reset" in result.stdout


def test_control_characters_of_a_peer_do_not_break_the_line(peer, probe):
    port = peer(b"evil\x1b[2J\x00\xff\r\n").port
    result = probe(f"http://127.0.0.1:{port}/")
    assert result.stdout.isprintable() or result.stdout[:-1].isprintable()
    assert result.stdout.count("\n") == 1


def test_tcp_only_connects(peer, probe):
    server = peer(wait_for_the_end)
    port = server.port
    assert probe(f"tcp://127.0.0.1:{port}").stdout.startswith("healthy: connected in ")
    server.end()
    result = probe(f"tcp://127.0.0.1:{port}")
    assert (result.returncode, "Connection refused" in result.stdout) == (1, True)


@pytest.mark.parametrize("host", ["[::1]", "[0:0::0:1]", "[0000:0:0:0:0:0:0:1]"])
def test_ipv6(peer, probe, host):
    try:
        server = peer(OK + b"\r\n", socket.AF_INET6, ("::1", 0))
    except OSError:
        require("no IPv6 here")
    assert probe(f"http://{host}:{server.port}/").returncode == 0
    assert f"Host: {host}:{server.port}".encode() in server.requests[0]


@pytest.mark.parametrize("host", ["localhost", "127.1.2.3", "[::ffff:127.0.0.1]"])
def test_other_names_of_the_loopback(peer, probe, host):
    server = peer(OK + b"\r\n", address=("0.0.0.0", 0))
    result = probe(f"http://{host}:{server.port}/")
    assert result.returncode == 0 or "localhost" in host, result


@pytest.mark.parametrize("form", ["unix://{path}:/health", "http+unix://{path}:/health", "unix://{path}"])
def test_unix_sockets(peer, probe, tmp_path, form):
    path = str(tmp_path / "socket")
    server = peer(OK + b"\r\n", socket.AF_UNIX, path)
    assert probe(form.format(path=path)).returncode == 0
    assert server.requests[0].startswith(
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" if "health" in form else b"GET / "
    )
    assert "No such file" in probe(f"unix://{path}.missing").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["https://127.0.0.1/"], ["ftp://x/"], ["127.0.0.1:80"], ["http://"], ["http://:80/"], ["http://127.0.0.1:0/"],
        ["http://127.0.0.1:65536/"], ["http://[::1/"], ["http://[::1]x/"], ["tcp://127.0.0.1"], ["unix://"],
        ["unix:///" + "x" * 200], ["http://127.0.0.1/a b"], ["http://127.0.0.1/\r\nX: y"], ["http://256.0.0.1/"],
        ["http://no.such.name.invalid/"], ["http://127.0.0.1/", "http://127.0.0.1/"], ["exec"], ["exec", "--"],
        ["--timeout", "0", "tcp://127.0.0.1:1"], ["--status", "99", "x"], ["--status", "300-200", "x"],
        ["--header", "no colon", "x"], ["--header", "A: b\nC: d", "x"], ["--contains", "x" * 9000, "x"],
        ["--what", "x"],
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_1_with_a_hint(probe, arguments):
    result = probe(*arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert "hint: seatrial-probe --help" in result.stderr


def test_there_is_no_tls_and_it_says_so(probe):
    assert "no TLS" in probe("https://127.0.0.1/").stderr
    assert "no TLS" in probe("--help").stdout


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [
        ("exit 0", 0, "healthy: sh ended with 0"),
        ("exit 2", 1, "unhealthy: sh ended with 2"),
        ("kill -9 $$", 1, "unhealthy: sh was ended by SIGKILL"),
    ],
)
def test_a_command_is_healthy_when_it_ends_with_0(probe, script, code, line):
    result = probe("exec", "--", "sh", "-c", script)
    assert result.returncode == code and result.stdout.startswith(line)


def test_a_command_that_does_not_end_is_killed_with_its_children(probe):
    result = probe("--timeout", "80ms", "exec", "--", "sh", "-c", "sleep 1000 & echo $!; wait")
    pid = int(result.stdout.split()[0])
    assert result.returncode == 1 and "timed out and was killed" in result.stdout
    eventually(lambda: has_ended(pid))


NEVER_REAPS = """
import pathlib, subprocess, sys
subprocess.run(sys.argv[1:], timeout=30)
states = [each.read_text().rpartition(")")[2].split()[0] for each in pathlib.Path("/proc").glob("[0-9]*/stat")]
print(states.count("Z"))
"""


def test_a_command_that_is_killed_leaves_no_zombie_to_a_pid_1_that_does_not_reap(start, needs_pid_1):
    probe = [*start.command("seatrial-probe"), "-q", "--timeout", "80ms", "exec", "--", "sh", "-c"]
    command = [*NAMESPACE, sys.executable, "-c", NEVER_REAPS, *probe, "sleep 1000 & wait"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=start.environment())
    assert result.stdout.splitlines()[-1] == "0", result


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_options_may_follow_the_url_but_not_the_command(peer, probe):
    port = peer(OK + b"\r\nabc").port
    assert probe(f"http://127.0.0.1:{port}/", "--contains", "abc", "-t", "9s").returncode == 0
    assert probe("exec", "-t", "9s", "--", "echo", "--timeout").stdout.startswith("--timeout\n")


def test_quiet_says_nothing(peer, probe):
    assert probe("-q", f"tcp://127.0.0.1:{peer(b'').port}").stdout == ""


@pytest.mark.parametrize("ignored", [signal.SIGCHLD, signal.SIGPIPE])
def test_inherited_dispositions_do_not_matter(probe, ignored):
    result = probe("exec", "--", "sh", "-c", "exit 3", preexec_fn=lambda: signal.signal(ignored, signal.SIG_IGN))
    assert result.returncode == 1


def test_a_closed_standard_output_is_no_other_code(start, peer):
    read, write = os.pipe()
    os.close(read)
    command = [*start.command("seatrial-probe"), f"tcp://127.0.0.1:{peer(b'').port}"]
    result = subprocess.run(
        command,
        check=False,
        stdout=write,
        env=start.environment(),
        timeout=30,
        preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
    )
    os.close(write)
    assert result.returncode == 0


def test_every_option_of_the_help_is_in_the_manual_and_in_the_documentation(probe):
    options = set(re.findall(r"--[a-z][a-z-]+", probe("--help").stdout))
    assert len(options) >= 6
    for page in (ROOT / "native" / "seatrial-probe.1", ROOT / "docs" / "probe.md"):
        text = page.read_text().replace("\\-", "-")
        assert {name for name in options if name not in text} == set()


PIECES = st.one_of(
    st.sampled_from(
        [
            OK,
            b"HTTP/1.1 200 OK\n",
            b"\r\n",
            b"\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"HTTP/1.1 100 \r\n\r\n",
            b"\x00",
        ]
    ),
    st.binary(max_size=40),
    st.from_regex(rb"[A-Za-z-]{1,20}: [ -~]{0,30}\r\n", fullmatch=True),
    st.builds(lambda size: b"x" * size, st.integers(1, 20000)),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=8), contains=st.sampled_from([None, "hello", "x" * 4000]))
@example(pieces=[OK, b"Content-Length: 99999999999999999999\r\n\r\n"], contains="hello")
@example(pieces=[OK, b"Transfer-Encoding: chunked\r\n\r\n", b"ffffffffff\r\nhello"], contains="hello")
def test_whatever_a_peer_answers_the_code_is_0_or_1(native_build, peer, pieces, contains):
    server = peer(b"".join(pieces))
    command = [
        *RUNNER,
        str(native_build / "seatrial-probe"),
        f"http://127.0.0.1:{server.port}/",
        "-t",
        "10",
        *(["-c", contains] if contains else []),
    ]
    result = subprocess.run(
        command, check=False, capture_output=True, timeout=30, env={"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}
    )
    server.end()
    assert result.returncode in (0, 1), result
    assert result.stdout.count(b"\n") == 1 and result.stderr == b""


URLS = st.one_of(
    st.from_regex(
        r"(http|tcp|unix|https?\+unix)?(://)?\[?[0-9a-fA-F:.]{0,45}\]?(:[0-9]{0,6})?(/[!-~]{0,10})?", fullmatch=True
    ),
    st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=40),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    url=URLS.filter(lambda url: url not in ("-h", "-V", "--help", "--version")),
    option=st.sampled_from(["--status", "--header", "--contains", "-t"]),
    value=st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=20),
)
def test_whatever_the_arguments_are_the_code_is_0_or_1(native_build, url, option, value):
    command = [*RUNNER, str(native_build / "seatrial-probe"), "-t", "20ms", url, option, value]
    result = subprocess.run(
        command, check=False, capture_output=True, timeout=30, env={"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}
    )
    assert result.returncode in (0, 1), result
