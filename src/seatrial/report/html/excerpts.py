"""What the service said around each event: a few lines of its log before and after it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.model.recording import Event, EventKind, LogLine, Run
from seatrial.report.words import clean, clip

BEFORE, AFTER = 0.5, 1.0
"""Seconds around an event in which a line belongs to it."""
LINES = 3
"""Lines before, and as many after."""
MOST = 12
"""Events of one run."""
_TOLD = {
    EventKind.READY: "ready",
    EventKind.SIGNAL: "",
    EventKind.NOT_LISTENING: "stops listening",
    EventKind.FROZEN: "frozen",
    EventKind.KILLED: "killed",
    EventKind.RAISED: "error raised",
    EventKind.OOM: "out of memory",
    EventKind.ZOMBIE: "zombie",
    EventKind.DEPENDENCY: "dependency",
    EventKind.REPLACED: "replaced",
    EventKind.WORK: "work",
    EventKind.EXITED: "exited with",
}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """An event and the lines around it; `moment` counts from the signal, or from the start where there was none."""

    moment: str
    what: str
    before: tuple[LogLine, ...]
    after: tuple[LogLine, ...]


def excerpts(run: Run) -> tuple[Excerpt, ...]:
    """An excerpt for each event about which the service said something."""
    found = (excerpt for event in run.events if event.kind in _TOLD and (excerpt := _around(run, event)))
    return tuple(excerpt for excerpt, _ in zip(found, range(MOST), strict=False))


def _around(run: Run, event: Event) -> Excerpt | None:
    before = [line for line in run.log if event.time - BEFORE <= line.time < event.time][-LINES:]
    after = [line for line in run.log if event.time <= line.time <= event.time + AFTER][:LINES]
    if not before and not after:
        return None
    moment = f"{event.time - (run.signalled or 0.0):+.3f} s"
    return Excerpt(moment, clip(clean(" ".join(_words(event))), 120), tuple(before), tuple(after))


def _words(event: Event) -> Iterator[str]:
    if told := _TOLD[event.kind]:
        yield told
    if event.name:
        yield event.name
    if event.detail:
        yield f"({event.detail})"
