"""When a process ends, to the microsecond, and by which signal: pidfds. It watches and never signals.

Polling can't tell a worker that ended just before PID 1 from one that the kernel killed with the namespace. A pidfd
becomes readable at the end (pidfd_open(2), Linux 5.3), and from Linux 6.15 tells the exit status of a process that
isn't our child (`engine/pidfds.py`).
"""

from __future__ import annotations

import asyncio
import os
import time

from seatrial.engine.pidfds import exit_signal


class EndWatch:
    """Watches one process. `ended` is the monotonic time of its end, `signal` what killed it (None: not known)."""

    def __init__(self, host_pid: int) -> None:
        self.ended: float | None = None
        self.signal: int | None = None
        self._loop = asyncio.get_running_loop()
        self._descriptor = -1
        if host_pid <= 0:
            return
        try:
            self._descriptor = os.pidfd_open(host_pid)
        except OSError:
            return
        self._loop.add_reader(self._descriptor, self._readable)

    @property
    def works(self) -> bool:
        """Whether the end is, or was, seen by the kernel's word."""
        return self._descriptor >= 0 or self.ended is not None

    def _readable(self) -> None:
        self.ended = time.monotonic()
        self._loop.remove_reader(self._descriptor)

    def close(self) -> None:
        """Ask for the exit status, if the kernel tells, and let go. Idempotent."""
        if self._descriptor < 0:
            return
        self._loop.remove_reader(self._descriptor)
        self.signal = exit_signal(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1
