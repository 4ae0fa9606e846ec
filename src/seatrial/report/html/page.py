"""Renders a trial as one HTML page: verdict cards first, then a timeline per run, then numbers, log and machine.

Everything is inline, nothing is fetched (a content security policy says so to the browser, too), and every text goes
through autoescape: what a service writes into its log can't become markup.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined

from seatrial.model import catalogue
from seatrial.model.recording import LogLine, Run
from seatrial.model.verdict import Ruling
from seatrial.report.html.marks import MARKS
from seatrial.report.html.timeline import timeline
from seatrial.report.summary import load_line, outcomes, sentence, tallies, warnings
from seatrial.report.trial import Trial
from seatrial.report.words import clean, clip, command

WIDE, NARROW = 1000.0, 330.0
"""The widths, in units, of the picture for a screen and of that for a phone; CSS shows one of them."""
LOG_LINES = 200
LOG_CHARACTERS = 500


def render(trial: Trial) -> str:
    """The page, UTF-8 text ending in a newline."""
    pictures = [(("wide", timeline(run, WIDE)), ("narrow", timeline(run, NARROW))) for run in trial.recording.runs]
    seen = {mark for drawn in pictures for _, picture in drawn for mark in picture.marks()}
    runs = [
        {
            "run": run,
            "sentence": sentence(run),
            "pictures": drawn,
            "tallies": tallies(run),
            "log": _log(run),
            "log_left": max(len(run.log) - LOG_LINES, 0) + run.log_truncated,
        }
        for run, drawn in zip(trial.recording.runs, pictures, strict=True)
    ]
    page = _environment().get_template("page.html.j2")
    return (
        page.render(
            trial=trial,
            recording=trial.recording,
            entries=trial.entries(),
            load=load_line(trial.recording),
            warnings=warnings(trial.recording),
            runs=runs,
            marks=[mark for mark in MARKS if mark in seen],
            rulings={Ruling.FAIL: "fail", Ruling.NOT_PROVED: "unproved", Ruling.PASS: "pass"},
            signs={Ruling.FAIL: "✗", Ruling.NOT_PROVED: "?", Ruling.PASS: "✓"},
        ).rstrip()
        + "\n"
    )


def _log(run: Run) -> list[tuple[str, LogLine]]:
    """The last lines, each with its moment as counted from the signal (or from the start)."""
    zero = run.signalled or 0.0
    return [(f"{line.time - zero:+.3f}", line) for line in run.log[-LOG_LINES:]]


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
        line=lambda text: clip(clean(text), LOG_CHARACTERS),
        command=command,
        outcomes=outcomes,
        title=catalogue.title,
    )
    return environment


def _source(name: str) -> str:
    return resources.files("seatrial.report.html").joinpath(name).read_text(encoding="utf-8")
