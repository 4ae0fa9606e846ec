"""Looks at a container's processes and sockets through this machine's own /proc, where the engine runs here.

A container's process is known by its cgroup, which has the container's id in its path: the engine's own numbers are
those of its PID namespace, which need not be ours, and /proc/PID/cgroup may be read by everybody.
"""

from __future__ import annotations

import contextlib
import os
import signal as signals
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.engine.interface import Listener, ProcessState
from seatrial.engine.native import sockets
from seatrial.engine.native.processes import ProcessTable

EMBEDDED_RESOLVER = "127.0.0.11"
"""The engine's own name server listens there inside each container of a network of its own."""


def _cgroup(name: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{name}/cgroup").read_text(encoding="utf-8", errors="replace")
    return ""


def _numbers(pid: int) -> tuple[int, ...]:
    """The numbers of a process from our PID namespace to its own; empty if it has ended."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return tuple(int(word) for word in line.split()[1:])
    return ()


class Table(ProcessTable):
    """The processes of one container. What was seen in it once belongs to it as long as its number lives: a zombie has
    no cgroup any more in the trees of cgroup v1."""

    def __init__(self, container: str) -> None:
        super().__init__("", None)
        self._container = container
        self._known: set[str] = set()

    def now(self) -> tuple[ProcessState, ...]:
        """All processes of the container, zombies included."""
        states = super().now()
        self._known = {str(state.host_pid) for state in states}
        return states

    def _is_ours(self, name: str) -> bool:
        if name in self._known:
            return True
        told = _cgroup(name)
        if self._container in told:
            return True
        if told:
            self._foreign.add(name)
        return False


@dataclass(slots=True)
class First:
    """PID 1 of a container, held by what no other process can take over."""

    pid: int
    descriptor: int
    network: int
    """A descriptor of its network namespace, or -1 where we may not enter it."""

    def signal(self, number: int) -> None:
        """Send it a signal. ProcessLookupError if it has ended, PermissionError where only the engine may."""
        signals.pidfd_send_signal(self.descriptor, number)

    def close(self) -> None:
        """Let go. Idempotent."""
        for descriptor in (self.descriptor, self.network):
            if descriptor >= 0:
                os.close(descriptor)
        self.descriptor = self.network = -1


def find(container: str, told: int) -> First | None:
    """PID 1 of a container, which the engine says has this number; None if it is not to be seen from here."""
    for pid in (told, *_elsewhere(container)):
        numbers = _numbers(pid)
        if not numbers or numbers[-1] != 1 or container not in _cgroup(str(pid)):
            continue
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            continue
        if container not in _cgroup(str(pid)):  # the number may be another's by now
            os.close(descriptor)
            continue
        return First(pid, descriptor, _network(pid))
    return None


def _elsewhere(container: str) -> Iterator[int]:
    """All processes of a container, where the engine counts in a PID namespace of its own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and container in _cgroup(entry.name):
            yield int(entry.name)


def _network(pid: int) -> int:
    """Its network namespace. To open the link proves little: only root may enter it."""
    if os.geteuid() != 0:
        return -1
    with contextlib.suppress(OSError):
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    return -1


def listeners(pid: int) -> tuple[Listener, ...]:
    """What listens in a container, without the engine's own.

    Where an engine switches IPv6 off inside (Docker does unless told otherwise), a socket on all addresses of both
    families is reached by IPv4 alone.
    """
    found = tuple(one for one in sockets.listeners(pid) if one.address != EMBEDDED_RESOLVER)
    if _has_ipv6(pid):
        return found
    return tuple(replace(one, family="ipv4", address="127.0.0.1") if _is_both(one) else one for one in found)


def _has_ipv6(pid: int) -> bool:
    """Whether any interface has an address of IPv6, be it the loopback's."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/net/if_inet6").read_text(encoding="ascii"))
    return False


def _is_both(listener: Listener) -> bool:
    return listener.family == "ipv6" and listener.wildcard


def host_pid(container: str, told: int) -> int:
    """The number here of a process of a container that has this number for the engine; 0 if there is none."""
    for pid in _elsewhere(container):
        if told in _numbers(pid)[:-1]:
            return pid
    return 0
