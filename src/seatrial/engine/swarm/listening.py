"""When a task closed its listeners, seen from this machine where the task runs here.

A listening socket is closed when no process of the container has a descriptor of it any more. Which descriptors they
are is looked up now and then while the task runs; whether they are still there is a matter of microseconds.
"""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.engine.docker import seeing
from seatrial.engine.native.sockets import LISTEN

FILES = ("tcp", "tcp6")


class Listening:
    """The listeners of one container. Needs root, as the processes are others'."""

    def __init__(self, container: str) -> None:
        self._table = seeing.Table(container)
        self._open: dict[str, str] = {}

    def look(self) -> None:
        """Find out what listens now."""
        found: dict[str, str] = {}
        processes = [state.host_pid for state in self._table.now() if state.state != "Z"]
        inodes = _listening(processes[0]) if processes else frozenset()
        for pid in processes:
            found |= {path: link for path, link in _descriptors(pid).items() if link in inodes}
        self._open = found

    @property
    def is_known(self) -> bool:
        """Whether anything was seen to listen."""
        return bool(self._open)

    def is_closed(self) -> bool:
        """Whether nothing of what listened when `look` was called last does so now."""
        return not any(_link(path) == link for path, link in self._open.items())


def _listening(pid: int) -> frozenset[str]:
    """The listening sockets of a process's network namespace, as links of descriptors name them."""
    found = set()
    for name in FILES:
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text(encoding="ascii", errors="replace").splitlines()[1:]
        except OSError:
            continue
        found |= {f"socket:[{fields[9]}]" for line in lines if len(fields := line.split()) > 9 and fields[3] == LISTEN}
    return frozenset(found)


def _descriptors(pid: int) -> dict[str, str]:
    """What the descriptors of a process are, by their paths."""
    folder = f"/proc/{pid}/fd"
    try:
        return {path: _link(path) for number in os.listdir(folder) if (path := f"{folder}/{number}")}  # noqa: PTH208 - quick
    except OSError:
        return {}


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - quick
    except OSError:
        return ""
