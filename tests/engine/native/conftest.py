"""What the trials of the native engine share: services made of a few lines, and a way to wait for something."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from seatrial.engine.interface import Output, StartOptions
from seatrial.engine.native import NativeEngine
from seatrial.engine.native.instance import NativeInstance
from seatrial.model.errors import UnsupportedError
from seatrial.model.place import Sourced
from seatrial.model.service import Copy, Service
from tests.requirements import require

PYTHON = next(filter(os.path.exists, ("/usr/bin/python3", "/usr/local/bin/python3")), os.path.realpath(sys.executable))
"""A Python that is not in anybody's home directory, because those are hidden from an instance."""
DEADLINE = 30.0

SPEAKER = """
import os, signal, sys, time
def speak(number, frame):
    os.write(1, b"got %s\\n" % signal.Signals(number).name.encode())
    if number == signal.SIGTERM:
        sys.exit(3)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, speak)
print("ready (pid %d)" % os.getpid(), flush=True)
while True:
    time.sleep(60)
"""
"""A service that says when it is ready and which signals it gets; SIGTERM ends it with 3. A handler may interrupt the
print above it, and a second print within the first is an error of Python's: it writes by itself."""


@dataclass
class Trial:
    """One running instance and what it has written so far."""

    pieces: list[Output] = field(default_factory=list)
    instance: NativeInstance = None  # type: ignore[assignment]

    def text(self, stream: str = "stdout") -> str:
        return b"".join(piece.data for piece in self.pieces if piece.stream == stream).decode()

    async def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """The condition's value, as soon as it is true; a failure with the output if it never is."""
        deadline = time.monotonic() + DEADLINE
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not happen; stdout {self.text()!r}, stderr {self.text('stderr')!r}")
            await asyncio.sleep(0.01)
        return value

    async def wait_text(self, text: str) -> None:
        await self.wait_for(lambda: text in self.text(), f"{text!r} on stdout")


@pytest.fixture(scope="session")
def usable() -> None:
    """Whether this machine can run the engine at all; `test_without_root` tells what it says where it can't."""
    try:
        NativeEngine().machine()
    except UnsupportedError as error:
        require(f"{error} (hint: {error.hint})")


@pytest.fixture(autouse=True)
def _trial_needs_a_usable_machine(request: pytest.FixtureRequest) -> None:
    """Skips the trials where the machine can't; where CI is set, fails them."""
    if request.node.get_closest_marker("slow") and "without_root" not in request.node.nodeid:
        request.getfixturevalue("usable")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project directory that any user may read."""
    tmp_path.chmod(0o755)
    (tmp_path / "speaker.py").write_text(SPEAKER)
    return tmp_path


def service(project: Path, *argv: str, **fields: Any) -> Service:
    """A service whose project is copied to /app."""
    known: dict[str, Any] = {"workdir": Sourced("/app"), "copies": (Copy((".",), "/app"),)} | fields
    return Service("trial", str(project), Sourced(argv), **known)


@asynccontextmanager
async def started(what: Service, **options: Any) -> AsyncIterator[Trial]:
    """A started instance, closed at the end."""
    trial = Trial()
    trial.instance = await NativeEngine().start(what, StartOptions(on_output=trial.pieces.append, **options))
    async with trial.instance:
        yield trial


async def finished(what: Service, **options: Any) -> Trial:
    """An instance that ran to its own end, with all its output."""
    async with started(what, **options) as trial:
        await asyncio.wait_for(trial.instance.wait(), DEADLINE)
        await asyncio.wait_for(trial.instance.wait_output(), DEADLINE)
    return trial


def output_of(project: Path, script: str, **fields: Any) -> str:
    """What a shell script prints as the service."""
    trial = asyncio.run(finished(service(project, "/bin/sh", "-c", script, **fields)))
    assert not trial.text("stderr"), trial.text("stderr")
    return trial.text()


is_root = os.geteuid() == 0
needs_root = pytest.mark.skipif(not is_root, reason="only root may do it")
