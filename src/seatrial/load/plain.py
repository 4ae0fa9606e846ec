"""Tells the plainest answers apart at a glance: a head with one Content-Length.

It exists for speed alone and decides nothing in doubt: what it does not know for sure is left to `ResponseReader`, and
what it does tell is what that would (a property test compares them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [ -~]*")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~]?|[!-~][ \t!-~]*[!-~])[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_BODILESS = frozenset({204, 304})
_CONNECTION = frozenset({b"keep-alive", b"close"})
_KNOWN = 256
LONGEST_HEAD = 8192


@dataclass(frozen=True, slots=True)
class Head:
    """A plain answer: its status, its length with the head, and whether it announces the close."""

    status: int
    size: int
    announced: bool = False


class Heads:
    """Remembers the heads seen lately: a server under load sends the same one for a second."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Head | None] = {}

    def read(self, data: bytes) -> Head | None:
        """The head of these bytes, which begin an answer; None where it is not whole, or not plain."""
        end = data.find(b"\r\n\r\n", 0, LONGEST_HEAD) + 4
        if end < 4:
            return None
        head = data[:end]
        try:
            return self._known[head]
        except KeyError:
            pass
        if len(self._known) >= _KNOWN:
            self._known.clear()
        known = self._known[head] = _parse(head)
        return known


def _parse(head: bytes) -> Head | None:
    first, *lines = head[:-4].split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None or int(status[1]) in _BODILESS:
        return None
    length: int | None = None
    options = {b"keep-alive"}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].lower(), field[2]
        if name == b"content-length":
            if length is not None or _LENGTH.fullmatch(value) is None:
                return None
            length = int(value)
        elif name == b"transfer-encoding":
            return None
        elif name == b"connection":
            options.add(value.lower())
    if length is None or not options <= _CONNECTION:
        return None
    return Head(int(status[1]), len(head) + length, b"close" in options)
