"""Names of what an engine makes, and the removal of what a dead one left behind.

A name tells its owner: PID namespace, process and its start time. What belongs to a live owner is never touched.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seatrial.engine.native import processes
from seatrial.engine.native.cgroups import PREFIX, Hierarchy
from seatrial.engine.native.inside import launcher

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
        remove([f"{place_name}/{entry}" for entry in entries if is_orphaned(entry)])


def remove(folders: Sequence[str]) -> None:
    """Remove directories of ours, killing what is still in a cgroup."""
    launcher.remove(list(folders))
