"""Says when to look at logs again: inotify on their directories, so that an idle log costs no wake-ups.

Where the kernel gives no inotify (its limit of instances is per user) `fileno` is -1, and one looks again every
`FALLBACK` seconds.
"""

from __future__ import annotations

import ctypes
import os
import select
import threading
from collections.abc import Iterable
from pathlib import Path

FALLBACK = 0.2
_MODIFY, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x80, 0x100, 0x200
_MASK = _MODIFY | _MOVED_TO | _CREATE | _DELETE


class Watch:
    """Watches the directories of some files. What happens in a directory wakes, whichever file it was."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._waking, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._closing = threading.Lock()
        self._inotify = _inotify()
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> None:
        """Watch one more. Where the kernel won't, all is looked at by the clock from now on."""
        if self._inotify >= 0 and not _watch(self._inotify, path.parent):
            os.close(self._inotify)
            self._inotify = -1

    def fileno(self) -> int:
        """Readable when something has changed; -1 where there is no inotify."""
        return self._inotify

    def wait(self, timeout: float | None) -> None:
        """Wait for a change, for `wake`, or for the timeout (None: as long as it takes)."""
        descriptors = [self._waking]
        if self._inotify >= 0:
            descriptors.append(self._inotify)
        else:
            timeout = FALLBACK if timeout is None else min(timeout, FALLBACK)
        poll = select.poll()  # select() has a limit on descriptors' numbers
        for descriptor in descriptors:
            poll.register(descriptor, select.POLLIN)
        poll.poll(None if timeout is None else timeout * 1000)
        self.clear()

    def clear(self) -> None:
        """Forget the changes seen so far: one is about to look."""
        for descriptor in (self._waking, self._inotify):
            try:
                while descriptor >= 0 and os.read(descriptor, 65536):
                    pass
            except BlockingIOError:
                continue

    def wake(self) -> None:
        """End a `wait`, from another thread. Nothing happens once this is closed."""
        with self._closing:
            try:
                if self._write >= 0:
                    os.write(self._write, b"!")
            except BlockingIOError:  # it is full of wake-ups already
                return

    def close(self) -> None:
        with self._closing:
            for descriptor in (self._waking, self._write, self._inotify):
                if descriptor >= 0:
                    os.close(descriptor)
            self._waking = self._write = self._inotify = -1


def _inotify() -> int:
    """A new inotify descriptor, or -1."""
    return int(ctypes.CDLL(None).inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))


def _watch(inotify: int, folder: Path) -> bool:
    """Watch a directory; False where it is not there or the limit is reached."""
    return int(ctypes.CDLL(None).inotify_add_watch(inotify, os.fsencode(folder), _MASK)) >= 0
