"""The shim writes, the supervisor's part packs, pumps and shows: real processes, and none of them loses a line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.engine.logs.compression import compress_rotated
from seatrial.engine.logs.interface import LogSource
from seatrial.engine.logs.showing import ShowOptions, render_logs
from tests.requirements import require

from .drivers.test_drivers import Collector

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WITHIN = 60.0


@pytest.fixture(scope="module")
def shim() -> Path:
    """The built program."""
    require("" if shutil.which("cc") and shutil.which("make") else "needs a C compiler and make")
    subprocess.run(["make", "-s", "-C", str(ROOT / "native")], check=True, capture_output=True)
    return ROOT / "native" / "build" / "seatrial-shim"


def started(shim: Path, folder: Path, script: str, *, size: int, files: int) -> subprocess.Popen[bytes]:
    """A shim that runs a shell command and writes `web.log`."""
    records = [
        ("log", str(folder), "web.log", str(size), str(files)),
        ("argv", "sh", "-c", script),
        ("environment", "PATH=/usr/bin:/bin"),
    ]
    words = ["seatrial-shim 1"]
    for name, *arguments in records:
        words += [name, *(f"={argument}" for argument in arguments), ""]
    reading, writing = os.pipe()
    process = subprocess.Popen([shim, str(reading), "1"], pass_fds=(reading,), stdout=subprocess.PIPE)
    os.close(reading)
    with os.fdopen(writing, "wb") as stream:
        stream.write("".join(word + "\0" for word in words).encode())
    return process


def test_log_is_followed_while_it_is_rotated_and_packed(shim: Path, tmp_path: Path) -> None:
    """20,000 lines through more than fifty files, followed from the beginning, packed as the shim reports rotations."""
    script = "for part in 1 2 3 4 5 6 7 8 9 10; do seq ${part}00001 ${part}02000; done"
    with started(shim, tmp_path, script, size=30_000, files=1000) as process:
        got: list[bytes] = []
        ended = threading.Event()
        source = LogSource("web", tmp_path / "web.log", ended.is_set)
        reported: list[str] = []

        def write(_stream: str, data: bytes) -> None:
            got.append(data)

        options = ShowOptions(follow=True, report=reported.append)
        following = threading.Thread(target=render_logs, args=([source], options, write))
        following.start()
        try:
            assert process.stdout
            for line in process.stdout:
                if line.startswith(b"log-rotated"):
                    compress_rotated(tmp_path, "web.log")
        finally:
            ended.set()
            following.join(WITHIN)
    expected = [f"{part}{number:05d}\n".encode() for part in range(1, 11) for number in range(1, 2001)]
    assert got == expected
    assert reported == []
    assert len(list(tmp_path.glob("web.log.*.gz"))) > 50
    again: list[bytes] = []
    render_logs([source], ShowOptions(), lambda _stream, data: again.append(data))
    assert again == expected


PUMP = """
import sys
from pathlib import Path
from seatrial.engine.logs import drivers
from seatrial.engine.logs.interface import Subject
from seatrial.engine.logs.pump import Pump

folder, port = Path(sys.argv[1]), sys.argv[2]
options = {"splunk-url": f"http://127.0.0.1:{port}", "splunk-token": "secret", "splunk-format": "raw", "tag": ""}
driver = drivers.open_driver("splunk", options, Subject("0" * 64, "web"))
driver.interval = 0.0
pump = Pump(folder / "web.log", driver, folder / "position", report=print)
print("ready", flush=True)
pump.run()
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_pump_killed_again_and_again_loses_no_line(shim: Path, tmp_path: Path, collector: Collector) -> None:
    """SIGKILL in the midst of the work, five times; the next pump goes on. Lines may come twice, and in order."""
    (tmp_path / "pump.py").write_text(PUMP)
    command = [sys.executable, str(tmp_path / "pump.py"), str(tmp_path), str(collector.server_port)]
    script = "for part in 1 2 3 4 5 6; do seq ${part}0001 ${part}0500; sleep 0.2; done"
    with started(shim, tmp_path, script, size=30_000, files=1000) as process:
        for _ in range(5):
            before = len(collector.events)
            with subprocess.Popen(command, stdout=subprocess.PIPE) as pump:
                assert pump.stdout
                assert pump.stdout.readline() == b"ready\n"
                eventually(lambda before=before: len(collector.events) > before or process.poll() is not None)
                pump.send_signal(signal.SIGKILL)
        process.communicate(timeout=WITHIN)
    wanted = [f"{part}{number:04d}" for part in range(1, 7) for number in range(1, 501)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as pump:
        eventually(lambda: bool(collector.events) and collector.events[-1]["event"] == wanted[-1])
        pump.kill()
    seen = [event["event"] for event in collector.events]
    assert sorted(set(seen)) == sorted(wanted)
    first_times = list(dict.fromkeys(seen))
    assert first_times == wanted


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
