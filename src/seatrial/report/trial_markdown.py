"""A trial as Markdown for a pull request's comment: what got worse, what failed and what to do; the rest folded away.

Short on purpose: a comment that is long is not read, and GitHub takes 65,536 characters at most.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.model import catalogue
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling
from seatrial.report.comparison import COUNTED, GOOD, Change, Comparison
from seatrial.report.escaping import markdown
from seatrial.report.phases import phases
from seatrial.report.summary import sentence
from seatrial.report.trial import Entry, Trial
from seatrial.report.words import clip, count, requirement_page

MOST = 20
"""Rows of one table."""
WORDS = 300
"""Characters of one cell."""
_SIGNS = {Ruling.FAIL: "❌ fail", Ruling.NOT_PROVED: "❔ not proved"}


def render(trial: Trial) -> str:
    """The comment, ending in a newline."""
    lines = [f"## Sea trial of {_cell(trial.recording.subject.name)}: {trial.headline()}", ""]
    if trial.comparison is not None:
        lines += _compared(trial.comparison)
    shown = [entry for entry in trial.entries() if entry.verdict.ruling not in GOOD]
    if shown:
        lines += ["| | requirement | what happened | instead |", "| --- | --- | --- | --- |"]
        lines += [_row(entry) for entry in shown[:MOST]]
        if len(shown) > MOST:
            lines += ["", f"… and {len(shown) - MOST} more"]
        lines.append("")
    lines += _advice(trial)
    lines += _counted(trial)
    lines += _folded(trial)
    return "\n".join(lines).rstrip("\n") + "\n"


def _compared(comparison: Comparison) -> Iterator[str]:
    at = f" of {_cell(comparison.baseline.recorded_at)}" if comparison.baseline.recorded_at else ""
    yield f"**Compared with {_cell(comparison.baseline.name)}**{at}: {comparison.headline()}."
    yield ""
    changed = comparison.of(*(change for change in Change if change is not Change.SAME))
    for shift in changed[:MOST]:
        yield f"- **{shift.change.value}**: `{_cell(shift.requirement)}` ({shift.rulings}): {_cell(shift.summary)}"
    if len(changed) > MOST:
        yield f"- … and {len(changed) - MOST} more"
    if changed:
        yield ""


def _row(entry: Entry) -> str:
    verdict = entry.verdict
    names = "<br>".join(_name(name) for name in entry.requirements[:MOST])
    what = _cell(verdict.summary)
    if entry.consequences:
        others = ", ".join(f"`{_cell(each.requirement)}`" for each in entry.consequences)
        what += f"; explains {count(len(entry.consequences), 'other')}: {others}"
    return f"| {_SIGNS[verdict.ruling]} | {names} | {what} | {_cell(verdict.remedy)} |"


def _advice(trial: Trial) -> Iterator[str]:
    told = [each for each in trial.advice if each.value is not None]
    if not told:
        return
    better = sum(not each.holds for each in told)
    yield f"<details><summary>Measured advice: {count(better, 'setting')} to change</summary>"
    yield ""
    yield "| setting | proposed | now | measured |"
    yield "| --- | --- | --- | --- |"
    for each in told:
        now = f"{each.said}{', enough' if each.holds else ''}"
        yield f"| {each.setting.value} | {each.proposed} | {_cell(now)} | {_cell(each.figure)} |"
    yield ""
    yield "</details>"
    yield ""


def _counted(trial: Trial) -> Iterator[str]:
    told = [(run, phase) for run in trial.recording.runs for phase in phases(run)]
    if not told:
        return
    yield "<details><summary>The load, counted by phase</summary>"
    yield ""
    yield "| run | load | when | what became of it |"
    yield "| --- | --- | --- | --- |"
    for run, phase in told[:MOST]:
        yield f"| {run.scenario.value} | {_cell(phase.load)} | {phase.when} | {_cell(phase.told)} |"
    yield ""
    yield "</details>"
    yield ""


def _folded(trial: Trial) -> Iterator[str]:
    for ruling in GOOD:
        names = [verdict.requirement for verdict in trial.verdicts if verdict.ruling is ruling]
        if names:
            yield f"<details><summary>{len(names)} {COUNTED[ruling]}</summary>"
            yield ""
            yield ", ".join(f"`{_cell(name)}`" for name in names)
            yield ""
            yield "</details>"
            yield ""
    yield _foot(trial.recording)


def _foot(recording: Recording) -> str:
    stop = next((sentence(run) for run in recording.runs), "nothing was run")
    return f"<sub>{_cell(recording.tool)}, {_cell(recording.machine.engine)} engine. {_cell(stop)}.</sub>"


def _name(requirement: str) -> str:
    if catalogue.find(requirement) is None:
        return f"`{_cell(requirement)}`"
    return f"[`{requirement}`]({requirement_page(requirement)})"


def _cell(text: str) -> str:
    return markdown(clip(text, WORDS))
