"""What is printed of the very file that a Docker engine wrote is what that engine prints, byte for byte."""

from __future__ import annotations

import http.client
import random
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

from seatrial.engine.logs.interface import LogSource
from seatrial.engine.logs.moments import Now, parse_moment
from seatrial.engine.logs.reading import Window
from seatrial.engine.logs.rendering import Style
from seatrial.engine.logs.showing import ShowOptions, render_logs
from tests.docker_engine import DockerEngine

pytestmark = pytest.mark.slow

PARTIAL = 16 * 1024


def mixture(seed: int) -> bytes:
    """Lines of all kinds: control characters, broken UTF-8, empty ones, an unfinished one at the end."""
    chance = random.Random(seed)
    pieces = [b"plain", b"\xff\xfe", "é\u2028😀".encode(), b'<&>"\\', b"\r\n", b"\n", b"\t\x00\x7f", b"a" * 700]
    return b"".join(chance.choice(pieces) for _ in range(400)) + b"end"


SLOWLY = "for i in 1 2 3 4 5 6; do echo line $i; busybox usleep 30000; echo error $i >&2; busybox usleep 30000; done"
CONTENTS: dict[str, tuple[str, bytes, Mapping[str, str]]] = {
    "both streams": (SLOWLY, b"", {}),
    "mixture": ("busybox cat {given}", mixture(1), {}),
    "long lines": (
        "echo short; busybox cat {given}",
        b"a" * (3 * PARTIAL) + b"rest\n" + b"b" * PARTIAL + b"\nc\n" + b"d" * (PARTIAL + 1),
        {},
    ),
    "rotated": ("busybox seq 3000", b"", {"max-size": "20k", "max-file": "4"}),
    "packed": (
        "for i in 1 2 3; do busybox seq 700; busybox usleep 200000; done",
        b"",
        {"max-size": "20k", "max-file": "9", "compress": "true"},
    ),
    "attributes": (SLOWLY, b"", {"labels": "app,team", "env": "ZONE", "tag": "t<1>"}),
    "nothing": ("true", b"", {}),
}
FLAGS: dict[str, dict[str, str]] = {
    "all": {},
    "times": {"timestamps": "1"},
    "details": {"details": "1"},
    "times and details": {"timestamps": "1", "details": "1"},
    "tail 0": {"tail": "0"},
    "tail 1": {"tail": "1"},
    "tail 7 with times": {"tail": "7", "timestamps": "1"},
    "tail 1000000": {"tail": "1000000"},
    "tail of no number": {"tail": "x"},
    "follow": {"follow": "1"},
    "since the middle": {"since": "middle"},
    "until the middle": {"until": "middle", "timestamps": "1"},
    "since the end": {"since": "end"},
    "since the future": {"since": "future"},
    "window and tail": {"since": "first", "until": "middle", "tail": "5", "timestamps": "1"},
}


class Connection(http.client.HTTPConnection):
    """HTTP over an engine's socket, for answers that are not JSON."""

    def __init__(self, engine: DockerEngine) -> None:
        super().__init__("localhost", timeout=60)
        self.path = str(engine.socket)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def theirs(engine: DockerEngine, container: str, flags: Mapping[str, str]) -> dict[str, bytes]:
    """What the engine sends, by stream."""
    connection = Connection(engine)
    try:
        connection.request("GET", f"/containers/{container}/logs?{urlencode({'stdout': 1, 'stderr': 1, **flags})}")
        response = connection.getresponse()
        raw = response.read()
    finally:
        connection.close()
    assert response.status == http.client.OK, raw
    streams = {1: b"", 2: b""}
    while raw:
        number, length = struct.unpack(">BxxxL", raw[:8])
        streams[number] += raw[8 : 8 + length]
        raw = raw[8 + length :]
    return {"stdout": streams[1], "stderr": streams[2]}


def ours(log: Path, flags: Mapping[str, str], *, quirks: bool) -> tuple[dict[str, bytes], list[str]]:
    """What is printed of a log, by stream, and what was reported."""
    streams = {"stdout": b"", "stderr": b""}
    reported: list[str] = []

    def write(stream: str, data: bytes) -> None:
        streams[stream] += data

    moments = {name: parse_moment(flags[name], Now(0)) for name in ("since", "until") if name in flags}
    tail = flags.get("tail", "all")
    window = Window(moments.get("since"), moments.get("until"), int(tail) if tail.isdigit() else None)
    style = Style("timestamps" in flags, "details" in flags)
    options = ShowOptions(window, style, "follow" in flags, quirks, reported.append)
    render_logs([LogSource("service", log, lambda: True)], options, write)
    return streams, reported


@pytest.fixture(scope="module", params=CONTENTS)
def container(
    request: pytest.FixtureRequest, docker_engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, Path]]:
    """A container that has ended: the name of its content, its id, its log."""
    script, given, log_options = CONTENTS[request.param]
    folder = tmp_path_factory.mktemp("given")
    (folder / "given").write_bytes(given)
    command = ["sh", "-c", script.format(given=folder / "given") if given else script]
    labels = {"app": "a b", "team": "x&y=z,~é"}
    made = docker_engine.create(
        command, folder=folder, log_options=log_options, environment=["ZONE=eu/1"], labels=labels
    )
    docker_engine.start(made)
    docker_engine.wait(made)
    yield request.param, made, Path(docker_engine.inspect(made)["LogPath"])
    docker_engine.remove(made)


def moments_of(log: Path) -> dict[str, str]:
    """The names of moments in FLAGS, as this log has them."""
    lines = [
        line for line in ours(log, {"timestamps": "1"}, quirks=True)[0]["stdout"].split(b"\n") if line[:2] == b"20"
    ]
    times = [line.split(b" ")[0].decode() for line in lines] or ["2026-01-01T00:00:00.000000000Z"]
    shown = {"first": times[0], "middle": times[len(times) // 2], "end": times[-1], "future": "2100-01-01T00:00:00Z"}
    # An engine takes seconds with a fraction; its command line makes them of what a user writes.
    return {
        name: f"{parse_moment(text, Now(0)) // 10**9}.{parse_moment(text, Now(0)) % 10**9:09d}"
        for name, text in shown.items()
    }


@pytest.mark.parametrize("name", FLAGS)
def test_output_is_dockers_byte_for_byte(
    name: str, container: tuple[str, str, Path], docker_engine: DockerEngine
) -> None:
    content, made, log = container
    settled(log)
    moments = moments_of(log)
    flags = {key: moments.get(value, value) for key, value in FLAGS[name].items()}
    expected = theirs(docker_engine, made, flags)
    shown, reported = ours(log, flags, quirks=True)
    assert reported == []
    if content == "packed" and flags.get("since") == moments["middle"]:
        # dockerd up to 20.10 leaves out all packed files once one of them is too old; all lines are there.
        everything = ours(log, {}, quirks=True)[0]["stdout"]
        assert everything.endswith(shown["stdout"]) and shown["stdout"].endswith(expected["stdout"])
        assert shown["stdout"].startswith(b"351\n")
        return
    assert shown == expected
    if content != "long lines":
        assert ours(log, flags, quirks=False)[0] == expected


def settled(log: Path) -> None:
    """Wait until the engine has packed what it rotated, so that both see the same files."""
    deadline = time.monotonic() + 30
    while len(names := sorted(log.parent.glob(f"{log.name}.*"))) and any(
        name.suffix != ".gz" and name.with_name(name.name + ".gz").exists() for name in names
    ):
        assert time.monotonic() < deadline, names
        time.sleep(0.02)
