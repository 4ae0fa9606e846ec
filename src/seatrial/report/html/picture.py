"""The values that a timeline picture is made of, and its axis: where a moment lies, and which moments are named.

Pure geometry. Lengths are user units of the SVG, times are seconds after the start of the run's instance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.model.recording import EventKind, Run
from seatrial.report.html.marks import Mark
from seatrial.report.words import clean, clip

CHARACTER = 6.4
"""A generous width of one character of the picture's text, in user units."""
LEAD = 1.0
"""Seconds shown before the signal, at most."""
PAD = 6.0


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis: `begin` to `end` seconds over `width` units; labels count from `zero`."""

    begin: float
    end: float
    zero: float
    width: float

    def x(self, moment: float) -> float:
        """Where a moment lies, kept inside the picture."""
        share = (min(max(moment, self.begin), self.end) - self.begin) / (self.end - self.begin)
        return round(PAD + share * (self.width - 2 * PAD), 1)

    def label(self, moment: float) -> str:
        """A moment as "+0.52 s"."""
        return f"{moment - self.zero:+.3f} s"

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round moments and their labels, as many as fit."""
        room = max(int(self.width / 70), 2)
        span = self.end - self.begin
        steps = (size * 10.0**power for power in range(-3, 7) for size in (1, 2, 5))
        step = next((size for size in steps if span / size <= room), span)
        first = int((self.begin - self.zero) / step)
        moments = (self.zero + step * number for number in range(first, first + room + 3))
        return tuple(
            (self.x(moment), f"{moment - self.zero:+.6g} s" if abs(moment - self.zero) > step / 2 else "0")
            for moment in moments
            if self.begin <= moment <= self.end
        )


@dataclass(frozen=True, slots=True)
class Bar:
    """A span in a row: `kind` is "life" (a thin line), "busy" (a request), "process" or "listening"."""

    x: float
    width: float
    y: float
    height: float
    kind: str
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """A mark at a moment."""

    x: float
    y: float
    mark: Mark
    title: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One colour of a stacked bar."""

    y: float
    height: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class Stack:
    """All that happened within one bin of time."""

    x: float
    width: float
    title: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A path of the SVG; `kind` is "line", "line before" (of another recording) or "area"."""

    path: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One population (or the processes, what they used, the log). `note` stands at its right; `baseline` is the line of
    stacks, and the foot of curves."""

    y: float
    height: float
    label: str
    note: str = ""
    bars: tuple[Bar, ...] = ()
    dots: tuple[Dot, ...] = ()
    stacks: tuple[Stack, ...] = ()
    baseline: float | None = None
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, slots=True)
class Marker:
    """A moment that concerns all lanes: a line through the picture with a label in its head."""

    x: float
    label: str
    kind: str
    title: str
    text_x: float = 0.0
    text_y: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture, ready to be drawn."""

    width: float
    height: float
    head: float
    foot: float
    lanes: tuple[Lane, ...]
    markers: tuple[Marker, ...]
    ticks: tuple[tuple[float, str], ...]
    title: str
    description: str

    def marks(self) -> set[Mark]:
        """The marks that can be seen in it."""
        dots = {dot.mark for lane in self.lanes for dot in lane.dots}
        return dots | {piece.mark for lane in self.lanes for stack in lane.stacks for piece in stack.pieces}


def axis_of(run: Run, width: float) -> Axis:
    """The span that matters: from shortly before the signal to the end; without a signal the whole run."""
    ends = [event.time for event in run.events] + [line.time for line in run.log]
    ends += [each.closed for each in run.connections if each.closed is not None]
    last = run.exit.time if run.exit else max(ends, default=0.0)
    # The client may go on for a while after PID 1's end; that is not the service's any more.
    end = max(last, min(max(ends, default=last), last + 0.5), 0.001)
    if run.signalled is None:
        return Axis(0.0, end * 1.02, 0.0, width)
    begun = min((each.begun for each in run.connections), default=run.signalled)
    begin = max(begun, run.signalled - LEAD, 0.0)
    begin = min(begin, run.signalled - 0.05 * (end - run.signalled))
    return Axis(begin, max(end, run.signalled + 0.001) + 0.02 * (end - begin), run.signalled, width)


def markers_of(run: Run, axis: Axis) -> tuple[tuple[Marker, ...], float]:
    """The moments that concern all, with labels that do not overlap, and the height that the labels take."""
    rows: list[float] = []
    placed = []
    for moment, label, kind in sorted(_moments(run, axis)):
        x = axis.x(moment)
        length = len(label) * CHARACTER + 8
        anchor = "start" if x + length <= axis.width or x < length else "end"
        left = x + 3 if anchor == "start" else x - 3 - length
        row = next((number for number, taken in enumerate(rows) if taken <= left), len(rows))
        rows[row : row + 1] = [left + length]
        text_x = x + 3 if anchor == "start" else x - 3
        title = f"{label}, {axis.label(moment)}"
        placed.append(Marker(x, label, kind, title, round(text_x, 1), 12.0 + 14 * row, anchor))
    return tuple(placed), 14.0 * len(rows) + 8


_NAMED = {
    EventKind.READY: ("ready", "ready"),
    EventKind.NOT_LISTENING: ("stops listening", "listener"),
    EventKind.OOM: ("out of memory", "kill"),
    EventKind.ZOMBIE: ("zombie", "kill"),
    EventKind.REAPED: ("orphan reaped", "ready"),
}
"""The label and the look of events that are marked; of each kind the first."""


def _moments(run: Run, axis: Axis) -> Iterable[tuple[float, str, str]]:
    seen = set()
    for event in run.events:
        if not axis.begin <= event.time <= axis.end or event.kind in seen:
            continue
        if event.kind is EventKind.SIGNAL:
            yield event.time, clip(clean(event.name), 20), "kill" if event.name == "SIGKILL" else "signal"
        elif event.kind is EventKind.REPLACED and run.replicas:
            yield event.time, clip(clean(f"{event.name}: {event.detail}"), 40), "signal"
        elif event.kind in _NAMED:
            seen.add(event.kind)
            label, look = _NAMED[event.kind]
            yield event.time, label, look
    has_own_grace = bool(run.replicas) or (run.exit is not None and run.exit.killed)
    if run.signalled is not None and not has_own_grace and axis.begin <= run.signalled + run.grace <= axis.end:
        yield run.signalled + run.grace, "grace is over", "grace"
    if run.exit is not None:
        yield run.exit.time, f"exit {run.exit.code}", "exit"
