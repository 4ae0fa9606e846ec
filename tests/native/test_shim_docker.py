"""seatrial-shim's log beside a real Docker engine's: the same output gives the same bytes, the times aside."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..docker_engine import DockerEngine
from .native_programs import RUNNER
from .test_shim import Record, description

pytestmark = pytest.mark.slow

TIME = re.compile(rb'"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,8}[1-9])?Z)"}\n')
PARTIAL = 16 * 1024
EVERY_BYTE = bytes(byte for byte in range(256) if byte != 0x0A)


def mixture(seed: int) -> bytes:
    """Some hundred kilobytes of everything: text, controls, broken UTF-8, lines of all lengths, the last unended."""
    chance = random.Random(seed)
    pieces = [
        b"plain text ",
        b"\n",
        b"\n\n",
        b"\t\r",
        b"\x00\x1f\x7f",
        "é😀\u2028".encode(),
        b"\xff",
        b"\xe2\x80",
        b'<&>"\\',
        b"x" * 5000,
    ]
    return b"".join(chance.choice(pieces) for _ in range(600)) + b"end"


CASES = {
    "every byte": EVERY_BYTE + b"\n" + b"\n".join(bytes([byte]) for byte in EVERY_BYTE) + b"\n",
    "empty lines": b"\n\n\na\n\n",
    "no end of line": b"a\nb",
    "carriage returns": b"progress 1\rprogress 2\r\nend\r\n",
    "nothing": b"",
    "separators": "\u2028 \u2029 \u2027 \ufeff \ufffd \uffff é \u00a0 😀\n".encode(),
    "broken UTF-8": b"\xc3\n\xc3(\xe2\x80\n\xed\xa0\x80 \xf4\x90\x80\x80 \xc0\xaf \xe0\x80\x80 "
    b"\xf0\x9f\x98 \xf8\x88\x80\x80\x80 \xfe\xff\n\xf0\x9f",
    "just below 16 KiB": b"a" * (PARTIAL - 1) + b"\nb\n",
    "exactly 16 KiB": b"a" * PARTIAL + b"\nb\n",
    "just above 16 KiB": b"a" * (PARTIAL + 1) + b"\nb\n",
    "16 KiB without an end": b"short\n" + b"a" * PARTIAL,
    "three parts and a rest": b"short\n" + b"a" * (3 * PARTIAL) + b"rest\n" + b"b" * (2 * PARTIAL) + b"rest",
    "characters across a cut": b"a" * (PARTIAL - 1) + "é".encode() * PARTIAL + b"\n",
    "controls only": b"\x01" * (2 * PARTIAL) + b"\n",
    "mixture": mixture(1),
}


def without_time(raw: bytes) -> bytes:
    """The log with empty times, each of which was written as Docker writes it."""
    assert len(TIME.findall(raw)) == raw.count(b"\n"), "a time is not written as RFC 3339 without trailing zeros"
    return TIME.sub(b'"time":""}\n', raw)


@pytest.fixture
def shim_log(program: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """Runs a command under the shim and gives the path of its log."""

    def run(command: list[str], *more: str, limit: int = -1, files: int = 1) -> Path:
        folder = tmp_path / "shim"
        folder.mkdir()
        reading, writing = os.pipe()
        log: Record = ("log", folder, "log", limit, files, *more)
        raw = description([log, ("argv", *command), ("environment", "PATH=/usr/bin:/bin")])
        process = subprocess.Popen(
            [*RUNNER, program("seatrial-shim"), str(reading), "1"], pass_fds=(reading,), stdout=subprocess.PIPE
        )
        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            stream.write(raw)
        said, _ = process.communicate(timeout=60)
        assert said.endswith(b"done\n"), said
        return folder / "log"

    return run


@pytest.mark.parametrize(
    ("name", "block"),
    [(name, block) for name in CASES for block in (65536, 1021) if len(CASES[name]) >= block or block > 1021],
)
def test_log_is_dockers_byte_for_byte(
    name: str, block: int, docker_engine: DockerEngine, shim_log: Callable[..., Path], tmp_path: Path
) -> None:
    """Written in one piece, and in many of an odd size."""
    given = tmp_path / "given"
    given.write_bytes(CASES[name])
    command = ["sh", "-c", f"busybox dd if={given} bs={block} 2>/dev/null"]
    with docker_engine.finished(command, folder=tmp_path) as log:
        theirs = log.read_bytes()
    ours = shim_log(command).read_bytes()
    assert without_time(ours) == without_time(theirs)


def test_line_written_in_pieces_is_one_record(docker_engine: DockerEngine, shim_log: Callable[..., Path]) -> None:
    command = [
        "sh",
        "-c",
        "printf a; busybox usleep 50000; printf b; busybox usleep 50000; printf 'c\\nd'; busybox usleep 50000; echo",
    ]
    with docker_engine.finished(command) as log:
        theirs = log.read_bytes()
    assert without_time(theirs) == without_time(shim_log(command).read_bytes())
    assert theirs.count(b"\n") == 2


def test_attributes_stand_where_docker_writes_them(docker_engine: DockerEngine, shim_log: Callable[..., Path]) -> None:
    command = ["busybox", "echo", "hi"]
    options = {"env": "ZONE", "labels": "app", "tag": "t<1>"}
    with docker_engine.finished(command, log_options=options, environment=["ZONE=a&b"], labels={"app": "x"}) as log:
        theirs = log.read_bytes()
    ours = shim_log(command, r'{"ZONE":"a\u0026b","app":"x","tag":"t\u003c1\u003e"}').read_bytes()
    assert without_time(ours) == without_time(theirs)


def test_rotation_leaves_the_same_files(docker_engine: DockerEngine, shim_log: Callable[..., Path]) -> None:
    """Where a file ends may differ by a record: times of different length make records of different length."""
    command = ["busybox", "seq", "1000"]
    with docker_engine.finished(command, log_options={"max-size": "20k", "max-file": "3"}) as log:
        theirs = {each.name.removeprefix(log.name): each.read_bytes() for each in log.parent.glob(f"{log.name}*")}
    log = shim_log(command, limit=20_000, files=3)
    ours = {each.name.removeprefix(log.name): each.read_bytes() for each in log.parent.glob(f"{log.name}*")}
    assert sorted(ours) == sorted(theirs) == ["", ".1", ".2"]
    for files in (ours, theirs):
        assert all(20_000 <= len(files[name]) < 20_100 for name in (".1", ".2"))
        assert files[""].splitlines()[-1].startswith(b'{"log":"1000\\n"')
