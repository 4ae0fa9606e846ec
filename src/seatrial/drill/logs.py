"""The service's output as lines, bounded and without its secrets.

The end of a process and the end of its output are two events; this knows only the second. It must never let a known
secret into a recording, and never grow without bound: the first and the last `KEPT` lines stay.
"""

from __future__ import annotations

from collections import deque

from seatrial.engine.interface import Output
from seatrial.model.recording import LogLine
from seatrial.model.redaction import Redactor

KEPT = 2000
LONGEST = 16384
"""Characters of one line that are kept."""
MARGIN = 1024
"""Characters more that are looked at, in which what looks like a secret has its end."""


class LogBook:
    """Collects output and gives it as lines: the first and the last `kept` of them."""

    def __init__(self, redactor: Redactor, kept: int = KEPT) -> None:
        self._kept = kept
        self._redactor = redactor
        self._margin = max(MARGIN, redactor.longest)
        self._rest = {"stdout": b"", "stderr": b""}
        self._dropping: set[str] = set()
        self._first: list[LogLine] = []
        self._last: deque[LogLine] = deque(maxlen=kept)
        self._count = 0
        self.ended: dict[str, float] = {}

    @property
    def dropped(self) -> int:
        """How many lines in the middle were not kept."""
        return self._count - len(self._first) - len(self._last)

    def feed(self, output: Output) -> None:
        """Take a piece of output; an empty one is the end of its stream."""
        stream = output.stream
        if not output.data:
            self.ended[stream] = output.time
            self._finish(stream, output.time)
            return
        *whole, rest = (self._rest.get(stream, b"") + output.data).split(b"\n")
        for line in whole:
            self._add(stream, output.time, line, complete=True)
        room = 4 * (LONGEST + self._margin + 1)
        self._rest[stream] = rest[:room]

    def _finish(self, stream: str, time: float) -> None:
        if rest := self._rest.pop(stream, b""):
            self._add(stream, time, rest, complete=False)

    def _add(self, stream: str, time: float, data: bytes, *, complete: bool) -> None:
        line = LogLine(time, stream, self._clean(data.decode("utf-8", "replace").removesuffix("\r")), complete)
        self._count += 1
        if len(self._first) < self._kept:
            self._first.append(line)
        else:
            self._last.append(line)

    def _clean(self, text: str) -> str:
        """A line without known secrets. One that is too long is cut when it is clean of what looks like one, too; what
        then stands at the end may be the first half of one that was cut, and goes."""
        if len(text) <= LONGEST:
            return self._redactor.known(text)
        kept = LONGEST + self._margin
        cleaned = self._redactor.text(text[:kept])
        return (cleaned[: -self._margin] if len(text) > kept else cleaned)[:LONGEST]

    def lines(self, zero: float) -> tuple[LogLine, ...]:
        """What was kept, in the order of arrival, with what is still unfinished; times relative to `zero`."""
        for stream in tuple(self._rest):
            self._finish(stream, self.ended.get(stream, zero))
        kept = (*self._first, *self._last)
        return tuple(LogLine(round(line.time - zero, 6), line.stream, line.text, line.complete) for line in kept)
