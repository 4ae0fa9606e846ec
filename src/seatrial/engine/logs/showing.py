"""What `seatrial logs` does: the logs of some services as lines on stdout and stderr, until now or as they come.

    render_logs(sources, options, write)       # write(stream, data): "stdout" or "stderr", bytes

`LogView` is the same in steps that never wait, for a caller with an event loop: `history()`, then `poll()` whenever
`watch.fileno()` is readable.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from seatrial.engine.logs.files import Report
from seatrial.engine.logs.interface import LogRecord, LogSource
from seatrial.engine.logs.reading import LogReader, Window
from seatrial.engine.logs.rendering import QuirkyRenderer, Renderer, Style, prefixes
from seatrial.engine.logs.watching import Watch

Write = Callable[[str, bytes], None]
Piece = tuple[str, bytes]
PATIENCE = 0.5
"""Seconds that a part of a line waits for the next one."""
END_SEEN_WITHIN = 0.5
"""Seconds within which the end of an instance is noticed: who knows of it is asked no more often."""


def _silent(_text: str) -> None:
    """Nobody wants to know what could not be read."""


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """What to show, and how. `docker_quirks`: parts of 16 KiB as Docker prints and counts them.

    With `style.prefix` all goes to stdout, as in compose; without it stderr goes to stderr, as in `docker logs`.
    """

    window: Window = field(default_factory=Window)
    style: Style = field(default_factory=Style)
    follow: bool = False
    docker_quirks: bool = False
    report: Report = _silent


class _Shown:
    """One service: its reader and its renderer."""

    def __init__(self, number: int, source: LogSource, options: ShowOptions) -> None:
        self.number = number
        self.source = source
        quirks = options.docker_quirks and not options.style.prefix

        def report(text: str) -> None:
            options.report(f"{source.name}: {text}")

        self.reader = LogReader(source.path, options.window, report, docker_quirks=quirks)
        self.renderer = (QuirkyRenderer if quirks else Renderer)(options.style)
        self.is_over = False
        self.held_since: float | None = None
        self._asked = -math.inf

    def ordered(self, records: Iterator[LogRecord]) -> Iterator[tuple[int, int, int, LogRecord]]:
        """Records with what they are merged by: the time, never backwards within one log; then the order of the
        services."""
        latest = 0
        for count, record in enumerate(records):
            latest = max(latest, record.time)
            yield latest, self.number, count, record

    def _has_ended(self, now: float) -> bool:
        if now - self._asked < END_SEEN_WITHIN:
            return False
        self._asked = now
        return self.source.ended()

    def added(self, now: float) -> Iterator[LogRecord]:
        """What came since, and an unfinished line where it has waited long enough."""
        ended = self._has_ended(now)
        came = False
        for record in self.reader.poll():
            came = True
            yield record
        if ended or self.reader.is_over:
            yield from self.reader.rest()
            self.is_over = True
        if not self.reader.holds:
            self.held_since = None
        elif came or self.held_since is None:
            self.held_since = now
        elif now - self.held_since >= PATIENCE:
            yield from self.reader.rest()
            self.held_since = None


class LogView:
    """Several logs as one stream of pieces `(stream, data)`, in the order of time."""

    def __init__(self, sources: Sequence[LogSource], options: ShowOptions) -> None:
        self._options = options
        self._shown: list[_Shown] = []
        self.watch = Watch([]) if options.follow else None
        for source in sources:
            self._add(source, options)

    def add(self, source: LogSource) -> None:
        """Follow one more: what is in its log already comes with the next `poll`. Names before lines become as wide as
        they have to be."""
        self._add(source, replace(self._options, window=replace(self._options.window, tail=None)))

    def _add(self, source: LogSource, options: ShowOptions) -> None:
        self._shown.append(_Shown(len(self._shown), source, options))
        shown = prefixes([one.source.name for one in self._shown], options.style)
        for one, prefix in zip(self._shown, shown, strict=True):
            one.renderer.prefix = prefix
        if self.watch:
            self.watch.add(source.path)

    def history(self) -> Iterator[Piece]:
        """What is there now; one record of each log is in memory at a time."""
        follow = self._options.follow
        yield from self._pieces([one.ordered(one.reader.history(follow=follow)) for one in self._shown])

    def poll(self, now: float) -> Iterator[Piece]:
        """What has come since; `now` on the monotonic clock. What came together is put in the order of time."""
        if self.watch:
            self.watch.clear()
        alive = [one for one in self._shown if not one.is_over]
        yield from self._pieces([one.ordered(one.added(now)) for one in alive])

    @property
    def is_over(self) -> bool:
        """Whether all instances have ended and all was given."""
        return all(one.is_over for one in self._shown)

    @property
    def patience(self) -> float | None:
        """Seconds until `poll` is due even if nothing changes: an unfinished line waits. None: no need."""
        return PATIENCE if any(one.reader.holds for one in self._shown) else None

    def close(self) -> None:
        for one in self._shown:
            one.reader.close()
        if self.watch:
            self.watch.close()

    def _pieces(self, logs: list[Iterator[tuple[int, int, int, LogRecord]]]) -> Iterator[Piece]:
        for _, number, _, record in heapq.merge(*logs):
            stream = "stdout" if self._options.style.prefix else record.stream
            yield stream, self._shown[number].renderer.render(record)


def render_logs(sources: Sequence[LogSource], options: ShowOptions, write: Write) -> None:
    """Print logs; with `follow` until each instance has ended and its log is complete, or `until` has passed."""
    view = LogView(sources, options)
    try:
        for stream, data in view.history():
            write(stream, data)
        while options.follow and not view.is_over:
            assert view.watch is not None
            for stream, data in view.poll(time.monotonic()):
                write(stream, data)
            if not view.is_over:
                view.watch.wait(END_SEEN_WITHIN)
    finally:
        view.close()
