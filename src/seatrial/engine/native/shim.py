"""The seatrial end of seatrial-shim (docs/shim.md): finds it, starts it with a description, hears what it reports.

The only way in which this engine starts a process inside namespaces. It speaks the format, and knows no services.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from seatrial.engine.native import looking
from seatrial.engine.native.output import Reader
from seatrial.model.errors import UnsupportedError

Record = tuple[str | int, ...]
"""A name and its arguments; what they mean is said in docs/shim.md."""
NAME = "seatrial-shim"
EXIT_DEADLINE = 15.0


def find() -> str:
    """The program's file: of this checkout, beside this Python, or on PATH. UnsupportedError if there is none."""
    checkout = Path(__file__).resolve().parents[4] / "native" / "build"
    beside = (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")))
    path = (Path(folder) for folder in os.environ.get("PATH", "").split(":") if folder.startswith("/"))
    for folder in (checkout, *beside, *path):
        if looking.is_program(folder / NAME):
            return str(folder / NAME)
    raise UnsupportedError(
        f"{NAME} is not installed, and the native engine starts everything through it",
        hint="install a wheel of seatrial for this architecture; from source it takes gcc, make and a C library",
    )


def encode(records: Iterable[Record]) -> bytes:
    """A description: words, each ended by NUL; arguments begin with "=", an empty word ends a record."""
    words = [f"{NAME} 1"]
    for name, *arguments in records:
        words += [str(name), *(f"={argument}" for argument in arguments), ""]
    return "".join(f"{word}\0" for word in words).encode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Report:
    """One line of what the shim tells: its word, and the rest."""

    word: str
    rest: str

    def failure(self) -> tuple[str, int, str]:
        """Step, errno and object of an `error` or `skipped`."""
        step, number, about = (*self.rest.split(" ", 2), "", "")[:3]
        return step, int(number), about


@dataclass(slots=True)
class Shim:
    """A running shim. Its owner is whoever holds this: when that ends, it does what the description says of it."""

    process: subprocess.Popen[bytes]
    report: int
    _owner: int
    _reader: Reader | None = field(default=None)

    @classmethod
    def spawn(
        cls,
        records: Iterable[Record],
        *,
        stay: bool = False,
        pass_fds: tuple[int, ...] = (),
        report: tuple[int, int] | None = None,
    ) -> Shim:
        """Start it in a session of its own (a Ctrl-C is for seatrial alone). `report`: both ends of a pipe that the
        caller has made for what it tells; they are the shim's from then on."""
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as given:
            hear, tell = report or os.pipe2(os.O_CLOEXEC)
            ours.callback(os.close, hear)
            given.callback(os.close, tell)
            watched, owner = os.pipe2(os.O_CLOEXEC)
            ours.callback(os.close, owner)
            given.callback(os.close, watched)
            description = os.memfd_create("description", os.MFD_CLOEXEC)
            given.callback(os.close, description)
            mode: Record = ("owner", watched, "stay" if stay else "kill")
            _write(description, encode([mode, *records]))
            process = subprocess.Popen(
                [find(), str(description), str(tell)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=(description, tell, watched, *pass_fds),
                start_new_session=True,
            )
            ours.pop_all()
        return cls(process, hear, owner)

    def go(self) -> None:
        """Let the held instance begin."""
        with contextlib.suppress(OSError):
            os.write(self._owner, b"g")

    def listen(self, on_report: Callable[[Report], None], on_end: Callable[[], None]) -> None:
        """Pass on each line, and the end of them, in the running event loop."""
        self._reader = listen(self.report, on_report, on_end)

    def told(self, timeout: float) -> list[Report]:
        """All that it tells until its end, without an event loop; TimeoutError if that doesn't come."""
        deadline = time.monotonic() + timeout
        said = b""
        while True:
            if not select.select([self.report], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{NAME} says nothing more")
            piece = os.read(self.report, 65536)
            if not piece:
                return [parse(line) for line in said.splitlines()]
            said += piece

    def hang_up(self) -> None:
        """Be its owner no longer: by the description the instance ends now, or stays."""
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1

    async def wait_gone(self) -> None:
        """Wait for its end and for the end of what it tells; it is killed if it doesn't come."""
        await wait_exit(self.process, EXIT_DEADLINE)
        if self._reader:
            await self._reader.stop(EXIT_DEADLINE)

    def forget(self) -> None:
        """Listen no longer, and leave it alone."""
        if self._reader:
            self._reader.drop()
        self.process.returncode = 0  # so that nobody complains of a child that isn't waited for: it outlives us

    def abandon(self) -> None:
        """Hang up and wait, without an event loop."""
        self.hang_up()
        os.close(self.report)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(EXIT_DEADLINE)
            return
        self.process.kill()
        self.process.wait()


def _write(descriptor: int, content: bytes) -> None:
    """Into a file of memory, to be read from its beginning."""
    with os.fdopen(descriptor, "wb", closefd=False) as stream:
        stream.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)


def parse(line: bytes) -> Report:
    """One line of a report."""
    word, _, rest = line.decode(errors="surrogateescape").rstrip("\n").partition(" ")
    return Report(word, rest)


def listen(descriptor: int, on_report: Callable[[Report], None], on_end: Callable[[], None]) -> Reader:
    """Read a report in the running event loop."""
    pending = b""

    def take(_moment: float, data: bytes) -> None:
        nonlocal pending
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            on_report(parse(line))
        if not data:
            on_end()

    return Reader(descriptor, take)


async def wait_exit(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait for a child of ours by its descriptor; SIGKILL at the timeout. Returns whether it ended by itself."""
    if process.poll() is not None:
        return True
    descriptor = os.pidfd_open(process.pid)
    try:
        in_time = await wait_readable(descriptor, timeout)
        if not in_time:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], 5)
    finally:
        os.close(descriptor)
    process.wait()
    return in_time


async def wait_readable(descriptor: int, timeout: float) -> bool:
    """Wait until a descriptor of a process says that it has ended; false at the timeout."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def note() -> None:
        loop.remove_reader(descriptor)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, note)
    try:
        await asyncio.wait_for(asyncio.shield(ended), timeout)
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True
