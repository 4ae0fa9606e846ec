"""Two recordings side by side: the numbers of each run before and now, and their memory over one axis. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.model.memory import mib
from seatrial.model.recording import Recording, Run
from seatrial.report.html.curves import HEIGHT, LABEL, Scale, line
from seatrial.report.html.picture import Axis, Curve, Lane, Picture
from seatrial.report.summary import stop_seconds
from seatrial.report.words import exit_code, seconds

COLUMNS = ("ready", "stop", "exit code", "peak memory", "processor time")


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one run, in the order of `COLUMNS`: "2.10 s → 0.40 s", "—" where neither recording has any."""

    scenario: str
    cells: tuple[str, ...]


def rows(before: Recording, now: Recording) -> tuple[Row, ...]:
    """The runs that both recordings have."""
    pairs = [(other, run) for run in now.runs if (other := before.run(run.scenario)) is not None]
    return tuple(Row(run.scenario.value, tuple(map(_cell, _numbers(other), _numbers(run)))) for other, run in pairs)


def _cell(before: str, now: str) -> str:
    return now if before == now else f"{before} → {now}"


def _numbers(run: Run) -> tuple[str, ...]:
    stop = stop_seconds(run)
    memory = max((sample.memory for sample in run.samples), default=0)
    processor = max((sample.cpu for sample in run.samples), default=0.0)
    return (
        seconds(run.readiness.time) if run.readiness.ready and run.readiness.time else "—",
        seconds(stop) if stop is not None else "—",
        exit_code(run.exit.code) if run.exit is not None else "—",
        mib(memory) if memory else "—",
        f"{processor:.2f} s" if processor else "—",
    )


def overlay(before: Recording, now: Recording, width: float) -> Picture | None:
    """The memory of the run that was sampled longest in both, from the start; None where there is none."""
    pairs = [(other, run) for run in now.runs if (other := before.run(run.scenario)) and other.samples and run.samples]
    if not pairs:
        return None
    then, run = max(pairs, key=lambda pair: pair[1].samples[-1].time)
    end = max(then.samples[-1].time, run.samples[-1].time, 0.001)
    axis = Axis(0.0, end * 1.02, 0.0, width)
    peaks = [max(sample.memory for sample in each.samples) for each in (then, run)]
    scale = Scale(8 + LABEL + HEIGHT, float(max(peaks)))
    kinds = zip((then, run), ("line before", "line"), ("before", "now"), peaks, strict=True)
    curves = tuple(
        Curve(path, kind, f"{word}: peak {mib(peak)}")
        for each, kind, word, peak in kinds
        if (path := line([(sample.time, float(sample.memory)) for sample in each.samples], axis, scale))
    )
    note = f"before (dashed) peak {mib(peaks[0])}, now peak {mib(peaks[1])}"
    lane = Lane(8, LABEL + HEIGHT + 2, "memory", note, baseline=scale.foot, curves=curves)
    foot = lane.y + lane.height
    title = f"Memory of the {run.scenario.value} run, before and now"
    return Picture(width, foot + 22, 8, foot, (lane,), (), axis.ticks(), title, f"{title}: {note}.")
