"""What `mode: non-blocking` puts between a log and its driver: a queue with a limit in bytes.

The newest is dropped where it is full, as in Docker; here the drops are counted, and told.
"""

from __future__ import annotations

from collections import deque
from threading import Condition

from seatrial.engine.logs.following import Position
from seatrial.engine.logs.interface import LogRecord

DEFAULT_BYTES = 1024 * 1024
Item = tuple[LogRecord, Position | None]
"""A record, and the place in the log behind it, where reading could begin again."""


class Ring:
    """A bounded queue between two threads."""

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self._limit = limit
        self._items: deque[Item] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._closed = False
        self.dropped = 0
        """Records that found no room."""

    def put(self, item: Item) -> bool:
        """Add a record; False if it was dropped. One that is larger than the limit finds room when nothing else is
        there."""
        size = _size(item)
        with self._changed:
            if self._bytes + size > self._limit and self._bytes > 0:
                self.dropped += 1
                return False
            self._items.append(item)
            self._bytes += size
            self._changed.notify()
            return True

    def take(self, timeout: float | None = None) -> Item | None:
        """The oldest record; waits for one. None at the timeout, after `wake`, or once the ring is closed and empty."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout)
            if not self._items:
                return None
            item = self._items.popleft()
            self._bytes -= _size(item)
            return item

    def wake(self) -> None:
        """End a `take`."""
        with self._changed:
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Nothing more will come, and all was taken."""
        return self._closed and not self._items

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _size(item: Item) -> int:
    return len(item[0].text.encode("utf-8", "replace"))
