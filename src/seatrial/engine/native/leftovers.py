"""Names of what an engine makes, and the removal of what a dead one left behind.

A name tells its owner: PID namespace, process and its start time. What belongs to a live owner is never touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from seatrial.engine.native import processes
from seatrial.engine.native.cgroups import PREFIX, Hierarchy

REMOVAL_DEADLINE = 10.0
STAYS = "stays-"
"""What the name of something has that outlives its owner: it is swept only where nobody uses it any more."""
_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-(\d+)-(\d+)-.*")


def name(number: int) -> str:
    """A name of our own, unique on this machine."""
    pid = os.getpid()
    return f"{PREFIX}{_namespace()}-{pid}-{processes.start_ticks(pid)}-{number}"


def _namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def is_orphaned(found: str) -> bool:
    """Whether a name is one of ours whose owner is dead; false where that can't be known from here."""
    match = _NAME.fullmatch(found)
    if match is None:
        return False
    namespace, pid, ticks = map(int, match.groups())
    return namespace == _namespace() and processes.start_ticks(pid) != ticks


def sweep(trees: Sequence[Hierarchy]) -> None:
    """Remove the cgroups and stages of dead owners."""
    places = {tempfile.gettempdir()}
    for tree in trees:
        place = Path(tree.own)
        places |= {str(parent) for parent in (place, *place.parents) if str(parent).startswith(tree.mount)}
    for place_name in places:
        try:
            entries = [entry.name for entry in Path(place_name).iterdir()]
        except OSError:
            continue
        orphaned = [entry for entry in entries if is_orphaned(entry)]
        remove([f"{place_name}/{entry}" for entry in orphaned if f"-{STAYS}" not in entry])
        for entry in orphaned:
            with contextlib.suppress(OSError):  # a cgroup with processes is busy
                Path(f"{place_name}/{entry}").rmdir()


def remove(folders: Sequence[str]) -> None:
    """Remove cgroups of ours (killing what is still in them) and directories, innermost first."""
    deadline = time.monotonic() + REMOVAL_DEADLINE
    for folder in folders:
        pause = 0.001
        while not _is_removed(folder) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, 0.1)


def _is_removed(folder: str) -> bool:
    """Whether the directory is gone. A cgroup is busy until the kernel has let go of the last dead process."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _is_removed(entry.path)
    try:
        Path(folder).rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        kill_all(folder)
        return False
    return True


def kill_all(folder: str) -> None:
    """SIGKILL to all processes of a cgroup."""
    with contextlib.suppress(OSError):
        _write(f"{folder}/cgroup.kill", "1")
        return
    with contextlib.suppress(OSError):
        for pid in Path(f"{folder}/cgroup.procs").read_text(encoding="ascii").split():
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)


def _write(path: str, text: str) -> None:
    """Into a file that is there: never makes one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
