"""Draws what a run used over time: its memory, and how much of a processor. Pure geometry.

A curve has as many points as can be told apart in the picture, however many were sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.model.memory import mib
from seatrial.model.recording import Run, Sample
from seatrial.report.html.picture import Axis, Curve, Lane

LABEL = 20.0
HEIGHT = 40.0
APART = 3.0
"""Units between two points, at least."""
WINDOW = 0.2
"""Seconds over which processor time is averaged: the kernel counts it in steps of 10 ms."""

Points = Sequence[tuple[float, float]]
"""Moments, in seconds, and values."""


def memory(run: Run, axis: Axis, y: float) -> Lane | None:
    """The memory of all processes; None where it wasn't sampled."""
    points = [(sample.time, float(sample.memory)) for sample in run.samples]
    most = max((value for _, value in points), default=0.0)
    return _lane("memory", f"peak {mib(most)}", points, most, axis, y)


def processor(run: Run, axis: Axis, y: float) -> Lane | None:
    """The processor time of all processes per second; one whole core is 100 %."""
    points = rates(run.samples)
    most = max((value for _, value in points), default=0.0)
    used = max((sample.cpu for sample in run.samples), default=0.0)
    note = f"peak {most:.0%} of a core, {used:.2f} s in all"
    return _lane("processor", note, points, max(most, 0.05), axis, y)


def rates(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """Processor seconds per second, each over a window that ends there."""
    points, first = [], 0
    for number, sample in enumerate(samples):
        while first < number - 1 and samples[first + 1].time <= sample.time - WINDOW:
            first += 1
        span = sample.time - samples[first].time
        if span > 0:
            points.append((sample.time, max(0.0, sample.cpu - samples[first].cpu) / span))
    return points


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value lies between `foot` (nothing) and the top (`most`)."""

    foot: float
    most: float

    def y(self, value: float) -> float:
        """The height of a value."""
        return round(self.foot - HEIGHT * value / (self.most or 1.0), 1)


def line(points: Points, axis: Axis, scale: Scale) -> str:
    """The path through all points that lie on the axis; "" where fewer than two do."""
    placed: list[tuple[float, float]] = []
    for moment, value in points:
        if not axis.begin <= moment <= axis.end:
            continue
        x, y = axis.x(moment), scale.y(value)
        if placed and x - placed[-1][0] < APART:
            placed[-1] = (placed[-1][0], min(y, placed[-1][1]))  # peaks stay
        else:
            placed.append((x, y))
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in placed) if len(placed) > 1 else ""


def _lane(label: str, note: str, points: Points, most: float, axis: Axis, y: float) -> Lane | None:
    scale = Scale(y + LABEL + HEIGHT, most)
    path = line(points, axis, scale)
    if not path:
        return None
    first, last = path[1:].split("L")[0].split(" ")[0], path.rpartition("L")[2].split(" ")[0]
    area = f"{path}L{last} {scale.foot:g}L{first} {scale.foot:g}Z"
    title = f"{label}: {note}"
    curves = (Curve(area, "area", title), Curve(path, "line", title))
    return Lane(y, LABEL + HEIGHT + 2, label, note, baseline=scale.foot, curves=curves)
