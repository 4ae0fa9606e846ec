"""Starts the static programs for a test: as a plain process or as PID 1 of a namespace of its own.

SEATRIAL_NATIVE_BUILD names another build to test (native/build/sanitize, native/build/coverage), SEATRIAL_NATIVE_RUNNER
a program to run it with (qemu-aarch64-static). Nothing that a test started may outlive it, and nothing here waits
without a deadline.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 30.0
RUNNER = [shutil.which(word) or word for word in os.environ.get("SEATRIAL_NATIVE_RUNNER", "").split()]
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def eventually(check: Callable[[], object], within: float = WITHIN) -> None:
    """Returns when `check` is true; fails with its name when it is not in time."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"not true within {within} s: {check}"
        time.sleep(0.002)


def children_of(pid: int) -> list[int]:
    """All living or dead children of a process, by /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(entry.name))
    return found


def descendants_of(pid: int) -> list[int]:
    children = children_of(pid)
    return [*children, *(each for child in children for each in descendants_of(child))]


def status_of(pid: int, name: str) -> str:
    """One line of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
    raise AssertionError(f"/proc/{pid}/status has no {name}")


class Program:
    """A started program: its pid on this side of any namespace, its output line by line, its end."""

    def __init__(self, command: list[str], as_pid_1: bool, **popen: object) -> None:
        self.process = subprocess.Popen(
            [*NAMESPACE, *command] if as_pid_1 else command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen
        )
        self.pid = self.process.pid
        self.pending: dict[int, bytes] = {}
        if as_pid_1:
            self.pid = self.wait_child(self.process.pid)
            eventually(lambda: Path(command[0]).name[:15] == self.comm(self.pid) or self.process.poll() is not None)

    @staticmethod
    def comm(pid: int) -> str:
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return ""

    def wait_child(self, pid: int | None = None) -> int:
        """The first child of the program (or of `pid`), once it is there."""
        parent = pid or self.pid
        eventually(lambda: children_of(parent) or self.process.poll() is not None)
        return (children_of(parent) or [parent])[0]

    def send(self, *numbers: int) -> None:
        for number in numbers:
            os.kill(self.pid, number)

    def line(self, stream: str = "stdout") -> str:
        """The next line, or "" at the end of the output."""
        descriptor = getattr(self.process, stream).fileno()
        held = self.pending.get(descriptor, b"")
        deadline = time.monotonic() + WITHIN
        while b"\n" not in held:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no line on {stream} within {WITHIN} s; so far {held!r}"
            chunk = os.read(descriptor, 65536)
            if not chunk:
                break
            held += chunk
        first, _, rest = held.partition(b"\n")
        self.pending[descriptor] = rest
        return first.decode(errors="replace")

    def expect(self, *lines: object, stream: str = "stdout") -> None:
        """The next lines are these, as text."""
        for expected in lines:
            assert self.line(stream) == str(expected)

    def wait_line(self, part: str, stream: str = "stderr") -> str:
        """Reads on until a line has `part` in it."""
        seen = []
        while True:
            line = self.line(stream)
            seen.append(line)
            if part in line:
                return line
            assert line, f"{part!r} never came on {stream}: {seen}"

    def ready(self) -> tuple[int, int, int, int]:
        """pid, parent, group and session, as a speaker sees them."""
        word, *numbers = self.line().split()
        assert word == "ready", (word, self.process.stderr.read())
        pid, parent, group, session = map(int, numbers)
        return pid, parent, group, session

    def code(self) -> int:
        return self.process.wait(WITHIN)

    def state(self) -> str:
        return status_of(self.pid, "State")[0]

    def end(self) -> None:
        for pid in [*descendants_of(self.process.pid), self.process.pid]:
            if pid != self.process.pid or self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(WITHIN)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


class Starter:
    """Starts the programs of one build and ends what is left of them after the test."""

    def __init__(self, build: Path, speaker: Path) -> None:
        self.build, self.speaker = build, str(speaker)
        self.started: list[Program] = []

    def command(self, name: str) -> list[str]:
        return [*RUNNER, str(self.build / name)]

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("SEATRIAL_", "TINI_", "DUMB_INIT_", "CATATONIT_"))
        }
        return clean | {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"} | dict(extra or {})

    def __call__(
        self,
        *arguments: str,
        name: str = "seatrial-init",
        as_pid_1: bool = False,
        env: Mapping[str, str] | None = None,
        **popen: object,
    ) -> Program:
        program = Program([*self.command(name), *arguments], as_pid_1, env=self.environment(env), **popen)
        self.started.append(program)
        return program

    def run(
        self, *arguments: str, name: str = "seatrial-init", env: Mapping[str, str] | None = None, **options: object
    ) -> object:
        """Runs to the end: returncode, stdout, stderr as text."""
        return subprocess.run(
            [*self.command(name), *arguments],
            env=self.environment(env),
            check=False,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            **options,
        )


def can_make_namespaces() -> bool:
    return subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
