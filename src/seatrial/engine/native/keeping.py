"""Instances that are kept: a log, an exit record and a state directory by which they are found again.

    kept = Keeping(state, Log(max_size=10 << 20, max_file=3), stay=True)
    instance = await NativeEngine().start(service, options, kept)
    …                                       # seatrial dies; the instance lives on, its log is written
    instance = await adopt(state)           # by whoever comes next

The state directory has `exit` (the shim's exit record), `instance.json` (what has to be known to adopt it; the
environment is in it, so only its owner may read it), `report` (a FIFO with what the shim tells) and the log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.engine.interface import Output, StartError
from seatrial.engine.native import leftovers, processes
from seatrial.engine.native.instance import About, NativeInstance
from seatrial.engine.native.output import Reader
from seatrial.engine.native.rotation import Compressor
from seatrial.engine.native.shim import EXIT_DEADLINE, Record, listen, wait_readable

EXIT, ABOUT, REPORT = "exit", "instance.json", "report"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Log:
    """Docker's json-file log: `max_size` in bytes (-1: no limit), how many files, whether rotated ones are compressed
    (to NAME.1.gz), and the JSON object of its `attrs` or ""."""

    max_size: int = -1
    max_file: int = 1
    compress: bool = False
    attributes: str = ""
    name: str = "json.log"


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where an instance is kept (a directory, which is made), its log, and whether it outlives this process."""

    state: str
    log: Log | None = Log()
    stay: bool = False


def records(kept: Keeping, copies: tuple[int, ...]) -> Iterator[Record]:
    """What the shim is told of it."""
    yield ("state", kept.state)
    if kept.log:
        log = kept.log
        yield ("log", kept.state, log.name, log.max_size, log.max_file, *([log.attributes] if log.attributes else []))
    if copies:
        yield ("copy", *copies)


def prepare(kept: Keeping) -> tuple[int, int]:
    """An empty state directory, but for the log; both ends of its FIFO."""
    folder = Path(kept.state)
    folder.mkdir(0o700, parents=True, exist_ok=True)
    for name in (EXIT, ABOUT, REPORT):
        (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / REPORT, 0o600)
    # for both, so that it has no end, and holds what is said, while nobody listens
    tell = os.open(folder / REPORT, os.O_RDWR | os.O_CLOEXEC)
    try:
        return os.open(folder / REPORT, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), tell
    except BaseException:
        os.close(tell)
        raise


def save(kept: Keeping, instance: NativeInstance, shim: int) -> None:
    """Write down what it takes to find the instance again; as a whole or not at all."""
    pid = instance.host_pid.result()
    content = {
        "version": VERSION,
        "boot": _boot(),
        "shim": [shim, processes.start_ticks(shim)],
        "first": [pid, processes.start_ticks(pid)],
        "started": instance.executing.result() if instance.executing.done() else time.monotonic(),
        "log": dataclasses.asdict(kept.log) if kept.log else None,
        "about": {each.name: getattr(instance.about, each.name) for each in dataclasses.fields(instance.about)}
        | {"launch": instance.about.launch | {"steps": []}},
    }
    part = Path(kept.state) / f"{ABOUT}.part"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(json.dumps(content))  # not `dump`, which is written in Python
    part.rename(Path(kept.state) / ABOUT)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Adopted:
    """The shim of an adopted instance: somebody else's child, known by its descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.reader: Reader | None = None

    def hang_up(self) -> None:
        """Nobody is its owner."""

    async def wait_gone(self) -> None:
        """Wait for its end and for the end of what it tells; it is killed if it doesn't come."""
        if self._descriptor >= 0 and not await wait_readable(self._descriptor, EXIT_DEADLINE):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        if self.reader:
            await self.reader.stop(EXIT_DEADLINE)
        self.forget()

    def forget(self) -> None:
        """Listen no longer, and leave it alone."""
        if self.reader:
            self.reader.drop()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


async def adopt(state: str, on_output: Callable[[Output], None] | None = None) -> NativeInstance:
    """The instance that is kept in this directory, after the death of whoever started it; it may have ended meanwhile.

    Its output is in its log. StartError where there is nothing to adopt.
    """
    folder = Path(state)
    try:
        saved = json.loads((folder / ABOUT).read_text(encoding="utf-8", errors="surrogateescape"))
        if saved["version"] != VERSION:
            raise ValueError(f"version {saved['version']}")
        about = _about(saved["about"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartError("adopt", f"{folder / ABOUT} tells of no instance ({error})") from error
    instance = NativeInstance(about, on_output or _drop)
    instance.executing.set_result(saved["started"])
    instance.host_pid.set_result(saved["first"][0])
    if saved["log"] and saved["log"]["compress"]:
        instance.compressor = Compressor(state, saved["log"]["name"], instance.troubles.append)
    with contextlib.suppress(OSError):  # it has ended
        instance.hold(saved["first"][0], _open(saved["first"], saved["boot"]))
        instance.hold_cgroup()
    try:
        _find_shim(instance, folder, saved)
    except StartError:
        await instance.release()
        raise
    instance.guard()
    if instance.compressor:
        instance.compressor.wake()  # what was rotated while nobody listened
    return instance


def _find_shim(instance: NativeInstance, folder: Path, saved: dict[str, Any]) -> None:
    def settle() -> None:
        _read_exit(instance, folder)
        instance.on_end()

    try:
        report = os.open(folder / REPORT, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StartError("adopt", f"{folder / REPORT}: {error.strerror}") from error
    try:
        shim = _open(saved["shim"], saved["boot"])
    except OSError:  # asked for after the FIFO was opened: one without a writer tells nothing, not even its end
        os.close(report)
        settle()
        leftovers.remove(instance.about.launch["owned"])
        return
    parent = instance.parent = Adopted(shim)
    _read_exit(instance, folder)
    parent.reader = listen(report, instance.on_report, settle)


def _read_exit(instance: NativeInstance, folder: Path) -> None:
    with contextlib.suppress(OSError):
        instance.on_exited(json.loads((folder / EXIT).read_text(encoding="ascii")))


def _open(process: list[int], boot: str) -> int:
    """A descriptor of a process that was written down; ProcessLookupError if it has ended, reaped or not."""
    pid, ticks = process
    descriptor = os.pidfd_open(pid)
    if boot == _boot() and processes.start_ticks(pid) == ticks and not select.select([descriptor], [], [], 0)[0]:
        return descriptor
    os.close(descriptor)
    raise ProcessLookupError(f"process {pid} has ended")


def _about(saved: dict[str, Any]) -> About:
    return About(**(saved | {name: tuple(saved[name]) for name in ("approximations", "enforcement")}))


def _drop(_output: Output) -> None:
    """Nobody listens: it is in the log."""
