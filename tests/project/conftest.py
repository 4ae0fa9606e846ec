"""Real projects: a state directory of their own, and the real command."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from seatrial.project.client import Client, NoSupervisorError

SERVER = Path(__file__).parent / "server.py"


@dataclass
class Harness:
    """A project directory, and the commands on it."""

    directory: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, text: str) -> None:
        (self.directory / "compose.yaml").write_text(text)

    def start(self, *words: str, **more: Any) -> subprocess.Popen[str]:
        environment = {**os.environ, "SEATRIAL_STATE": str(self.state), "NO_COLOR": "1", **self.environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-m", "seatrial", *words],
            cwd=self.directory,
            env=environment,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, **more},
        )

    def run(self, *words: str, code: int | None = 0, timeout: float = 60.0, given: str | None = None) -> str:
        """Run a command to its end; gives its stdout."""
        stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
        with self.start(*words, stdin=stdin) as process:
            try:
                out, err = process.communicate(given, timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        if code is not None:
            assert process.returncode == code, f"seatrial {' '.join(words)}: {process.returncode}\n{out}\n{err}"
        return out

    @property
    def client(self) -> Client:
        """The supervisor's own answers, without a command in between."""
        return Client(next(self.state.glob("*.sock")))

    def _asked(self, *parts: str) -> Any:
        """What the supervisor says; a command brings one up where there is none."""
        try:
            return self.client.get(*parts)
        except (NoSupervisorError, StopIteration):
            self.run("ps")
            return self.client.get(*parts)

    def rows(self) -> dict[str, dict[str, Any]]:
        """All instances, by service."""
        return {row["Service"]: row for row in self._asked("instances")}

    def inspect(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._asked("instances", name)[0]
        return found

    def kept(self, name: str) -> Path:
        """What the engine keeps of an instance."""
        return next(self.state.glob(f"*/instances/{name}/kept"))

    def supervisor(self) -> int:
        """The process id of the project's supervisor: who holds its lock."""
        lock = next(self.state.glob("*/lock"))
        inode = lock.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            if line.split()[5].endswith(f":{inode}"):
                return int(line.split()[4])
        raise AssertionError("nobody holds the lock")

    def eventually(self, is_so: Callable[[], bool], within: float = 30.0) -> None:
        end = time.monotonic() + within
        while not is_so():
            assert time.monotonic() < end, f"not within {within:g} s: {self.run('ps', '-a', code=None)}"
            time.sleep(0.05)


def server(name: str, port: int, more: str = "") -> str:
    """A service that answers on a port."""
    own = json.dumps([sys.executable, "-S", str(SERVER)])
    return (
        f"  {name}:\n    image: python:3\n    x-seatrial: {{command: {own}, probe: 'tcp://127.0.0.1:{port}'}}\n"
        f"    volumes: ['{SERVER.parent}:{SERVER.parent}:ro']\n"
        f"    environment: {{PORT: '{port}'}}\n    healthcheck: {{interval: 100ms, retries: 50}}\n{more}"
    )


def shell(name: str, line: str, more: str = "") -> str:
    """A service that is a line of shell, which as PID 1 ignores SIGTERM: it has one second."""
    quoted = json.dumps(line.replace("$", "$$"))  # compose would take $i for a variable of its own
    return (
        f"  {name}:\n    image: busybox\n    x-seatrial: {{command: [sh, -c, {quoted}]}}\n"
        + f"    stop_grace_period: 1s\n{more}"
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Harness]:
    """A harness; at the end everything is taken down."""
    state = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))  # a socket's path is short
    directory = tmp_path / "shop"
    directory.mkdir()
    harness = Harness(directory, state)
    try:
        yield harness
    finally:
        if any(state.glob("*/fleet.json")):
            harness.run("down", "-t", "1", "--remove-orphans", code=None)
        shutil.rmtree(state, ignore_errors=True)
