"""Renders a trial as one HTML page: verdict cards first, then a timeline per run, then numbers, log and machine.

Everything is inline, nothing is fetched (a content security policy says so to the browser, too), and every text goes
through autoescape: what a service writes into its log can't become markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from seatrial.model import catalogue
from seatrial.model.recording import Recording, Run
from seatrial.model.verdict import Ruling
from seatrial.report.comparison import Change, Shift
from seatrial.report.html.comparing import COLUMNS, overlay, rows
from seatrial.report.html.excerpts import excerpts
from seatrial.report.html.marks import MARKS
from seatrial.report.html.picture import Picture
from seatrial.report.html.timeline import timeline
from seatrial.report.phases import phases
from seatrial.report.summary import load_line, outcomes, sentence, tallies, warnings
from seatrial.report.trial import Trial
from seatrial.report.words import clean, clip, command, requirement_page

WIDE, NARROW = 1000.0, 330.0
"""The widths, in units, of the picture for a screen and of that for a phone; CSS shows one of them."""
LARGEST = 1_000_000
"""Bytes that a page may have, however long the trial was."""


@dataclass(frozen=True, slots=True)
class _Measure:
    """How much is shown: lines of a log and characters of a line, lines of evidence, runs with pictures, and whether
    there is a picture of its own for phones."""

    log_lines: int
    characters: int
    evidence: int
    pictures: int
    narrow: bool


_MEASURES = (
    _Measure(200, 500, 60, 100, narrow=True),
    _Measure(60, 200, 30, 100, narrow=False),
    _Measure(20, 160, 12, 4, narrow=False),
    _Measure(0, 120, 4, 1, narrow=False),
)
"""From all to the least; the first that makes a page of no more than `LARGEST` bytes is taken."""


def render(trial: Trial) -> str:
    """The page, UTF-8 text ending in a newline."""
    page = ""
    for measure in _MEASURES:
        page = _rendered(trial, measure)
        if len(page.encode("utf-8", "replace")) <= LARGEST:
            break
    return page


def _rendered(trial: Trial, measure: _Measure) -> str:
    recording = trial.recording
    runs = [_run(run, measure, is_drawn=number < measure.pictures) for number, run in enumerate(recording.runs)]
    seen = {mark for run in runs for _, picture in run["pictures"] for mark in picture.marks()}
    baseline = trial.comparison.baseline.recording if trial.comparison else None
    page = _environment().get_template("page.html.j2")
    return (
        page.render(
            trial=trial,
            recording=recording,
            entries=[entry for entry in trial.entries() if entry.verdict.ruling is not Ruling.SKIPPED],
            skipped=[entry for entry in trial.entries() if entry.verdict.ruling is Ruling.SKIPPED],
            measure=measure,
            is_whole=measure is _MEASURES[0],
            load=load_line(recording),
            warnings=warnings(recording),
            runs=runs,
            marks=[mark for mark in MARKS if mark in seen],
            rulings={
                Ruling.FAIL: "fail",
                Ruling.NOT_PROVED: "unproved",
                Ruling.PASS: "pass",
                Ruling.SKIPPED: "unproved",
            },
            signs={Ruling.FAIL: "✗", Ruling.NOT_PROVED: "?", Ruling.PASS: "✓", Ruling.SKIPPED: "?"},
            changes=_changes(trial),
            columns=COLUMNS,
            rows=rows(baseline, recording) if baseline else (),
            overlays=_overlays(baseline, recording) if baseline else (),
        ).rstrip()
        + "\n"
    )


def _run(run: Run, measure: _Measure, *, is_drawn: bool) -> dict[str, Any]:
    sizes = [("wide", WIDE), ("narrow", NARROW)] if measure.narrow else [("only", WIDE)]
    lines = run.log[len(run.log) - measure.log_lines :] if measure.log_lines < len(run.log) else run.log
    zero = run.signalled or 0.0
    return {
        "run": run,
        "sentence": sentence(run),
        "pictures": [(size, timeline(run, width)) for size, width in sizes] if is_drawn else [],
        "tallies": tallies(run),
        "phases": phases(run),
        "excerpts": excerpts(run) if measure.log_lines else (),
        "log": [(f"{line.time - zero:+.3f}", line) for line in lines],
        "log_left": len(run.log) - len(lines) + run.log_truncated,
    }


def _changes(trial: Trial) -> list[Shift]:
    """What isn't the same as in the baseline, the worst first."""
    order = list(Change)
    shifts = trial.comparison.shifts if trial.comparison else ()
    told = [shift for shift in shifts if shift.change is not Change.SAME or shift.figures]
    return sorted(told, key=lambda shift: order.index(shift.change))


def _overlays(baseline: Recording, recording: Recording) -> list[tuple[str, Picture]]:
    sizes = (("wide", WIDE), ("narrow", NARROW))
    return [(size, drawn) for size, width in sizes if (drawn := overlay(baseline, recording, width)) is not None]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        clean=clean,
        line=lambda text, limit: clip(clean(text), limit),
        command=command,
        outcomes=outcomes,
        title=catalogue.title,
        requirement=catalogue.find,
        address=requirement_page,
    )
    return environment


def _source(name: str) -> str:
    return resources.files("seatrial.report.html").joinpath(name).read_text(encoding="utf-8")
