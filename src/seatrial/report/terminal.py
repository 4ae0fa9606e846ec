"""The checklist of a trial for a terminal: what failed and why, with evidence, numbers and what to do.

`render` gives one string; whoever prints it decides about colour, width and characters. Meaning never hangs on colour:
headings, marks and words say the same. Nothing that a service wrote gets here with control characters, and nothing
becomes a hyperlink.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from io import StringIO

from rich.console import Console
from rich.text import Text

from seatrial.model import catalogue
from seatrial.model.finding import Finding
from seatrial.model.recording import Run
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.comparison import COUNTED, GOOD, RANK, Change
from seatrial.report.phases import phases
from seatrial.report.summary import load_line, outcomes, sentence, tallies, warnings
from seatrial.report.trial import Entry, Trial
from seatrial.report.words import clean, clip, command, count


class Detail(Enum):
    """How much to print."""

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"


@dataclass(frozen=True, slots=True)
class Style:
    """What the terminal can show. `width` in cells."""

    width: int = 80
    colour: bool = False
    unicode: bool = True
    detail: Detail = Detail.NORMAL


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph: `first` stands before its first line, and as many blanks before the others."""

    text: str
    first: str = ""
    style: str = ""
    first_style: str = ""


_MARKS = {
    Ruling.FAIL: ("✗", "bold red"),
    Ruling.NOT_PROVED: ("?", "yellow"),
    Ruling.PASS: ("✓", "green"),
    Ruling.SKIPPED: ("·", "dim"),
}
_CHANGES = {
    Change.WORSE: ("✗", "bold red"),
    Change.FOUND: ("✗", "yellow"),
    Change.UNPROVED: ("?", "yellow"),
    Change.UNKNOWN: ("?", "yellow"),
    Change.BETTER: ("✓", "green"),
    Change.NEW: ("·", "dim"),
    Change.SKIPPED: ("·", "dim"),
    Change.GONE: ("·", "dim"),
}
_ASCII = str.maketrans(
    {"✗": "x", "✓": "+", "…": "...", "→": "->", "·": "-", "│": "|", "–": "-", "—": "-", "’": "'", "×": "x"}
)
EVIDENCE = 8
"""Lines of evidence shown of one verdict, unless more are asked for."""
LAST_WORDS = 13
"""The same of one that was not proved: the service's own words are all there is to know."""
LAST_LINES = 20
SMALLEST = 24
"""Narrower than this many cells nothing can be wrapped sensibly."""


def render(trial: Trial, style: Style) -> str:
    """The whole checklist, ending in a newline."""
    out = StringIO()
    width = max(style.width, SMALLEST)
    console = Console(
        file=out,
        width=width,
        color_system="standard" if style.colour else None,
        force_terminal=style.colour,
        no_color=not style.colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for line in _lines(trial, style.detail):
        _print(console, line, width)
    text = "".join(part.rstrip(" ") + "\n" for part in out.getvalue().splitlines())
    return text if style.unicode else text.translate(_ASCII)


def _print(console: Console, line: Line, width: int) -> None:
    if len(line.first) > width // 2:
        line = Line(f"{line.first.strip()} {line.text}", "  ", line.style, line.first_style)
    indent = len(line.first)
    wrapped = Text(line.text, style=line.style).wrap(console, max(width - indent, 1), overflow="fold")
    for number, part in enumerate(wrapped or [Text()]):
        part.rstrip()
        first = line.first if number == 0 else " " * indent
        console.print(Text.assemble((first, line.first_style), part), soft_wrap=True)


def _lines(trial: Trial, detail: Detail) -> Iterator[Line]:
    if detail is not Detail.QUIET:
        yield from _head(trial)
    for text in warnings(trial.recording):
        yield Line(text, "  warning  ", first_style="yellow")
    if detail is not Detail.QUIET:
        yield from _output(trial)
    for ruling in RANK:
        entries = [entry for entry in trial.entries() if entry.verdict.ruling is ruling]
        if not entries or (detail is Detail.QUIET and ruling in GOOD):
            continue
        yield Line("")
        number, follow = trial.counted(ruling)
        yield Line(f"{COUNTED[ruling]} ({number}{follow})", style="bold")
        for entry in entries:
            yield from _entry(entry, detail)
    yield from _compared(trial)
    yield from _findings(trial.findings)
    yield from _advice(trial, detail)
    if detail is not Detail.QUIET:
        yield from _counted(trial)
        yield from _machine(trial, detail)
    yield from _foot(trial)


def _head(trial: Trial) -> Iterator[Line]:
    subject = trial.recording.subject
    tool, engine = trial.recording.tool, trial.recording.machine.engine
    yield Line(clean(f"{subject.name} · {engine} engine · {tool}"), style="bold")
    yield Line(_placed(command(subject.argv), subject.argv_place), "  command  ")
    if subject.final_argv and subject.final_argv != subject.argv:
        yield Line(_placed(command(subject.final_argv), subject.final_place), "  program  ")
    if load := load_line(trial.recording):
        yield Line(load, "  load     ")
    told: dict[str, list[str]] = {}
    for run in trial.recording.runs:
        told.setdefault(sentence(run), []).append(run.scenario.value)
    for text, names in told.items():
        yield Line(text, f"  {names[0]}  ", first_style="dim")
        if len(names) > 1:
            yield Line(f"likewise: {', '.join(names[1:])}", " " * (len(names[0]) + 4), style="dim")


def _output(trial: Trial) -> Iterator[Line]:
    """What the service itself said last, where that is all there is to know."""
    run = next((run for run in trial.recording.runs if run.log), None)
    if run is None or not trial.proved_nothing:
        return
    yield Line("")
    yield Line("the service's own last lines", style="bold")
    for line in run.log[-LAST_LINES:]:
        yield Line(clip(clean(line.text), 400), "    │ ", style="dim", first_style="dim")


def _placed(text: str, place: str) -> str:
    return f"{text}  ({clean(place)})" if place else text


def _entry(entry: Entry, detail: Detail) -> Iterator[Line]:
    verdict = entry.verdict
    mark, colour = _MARKS[verdict.ruling]
    if verdict.ruling in GOOD and detail is not Detail.VERBOSE:
        yield Line(clean(f"{', '.join(entry.requirements)}: {verdict.summary}"), f"  {mark} ", first_style=colour)
        return
    title = f" — {catalogue.title(verdict.requirement)}" if not entry.also else ""
    yield Line(clean(", ".join(entry.requirements) + title), f"  {mark} ", style="bold", first_style=colour)
    yield from _body(verdict, detail)
    if entry.consequences:
        names = ", ".join(each.requirement for each in entry.consequences)
        yield Line(f"this explains {count(len(entry.consequences), 'other')}: {names}", "    ", style="dim")
        if detail is Detail.VERBOSE:
            for each in entry.consequences:
                yield Line(f"{each.requirement}: {clean(each.summary)}", "      ", style="dim")


def _body(verdict: Verdict, detail: Detail) -> Iterator[Line]:
    yield Line(clean(verdict.summary), "    ")
    normal = EVIDENCE if verdict.ruling is not Ruling.NOT_PROVED else LAST_WORDS
    limit = len(verdict.evidence) if detail is Detail.VERBOSE else normal
    for line in verdict.evidence[:limit]:
        yield Line(clip(clean(line), 400), "    │ ", style="dim", first_style="dim")
    if len(verdict.evidence) > limit:
        yield Line(f"… and {len(verdict.evidence) - limit} more (--verbose)", "    │ ", style="dim", first_style="dim")
    if detail is Detail.VERBOSE:
        for name, figure in verdict.figures.items():
            yield Line(f"{clean(name)} = {figure:g}", "    │ ", style="dim", first_style="dim")
    for number, line in enumerate(verdict.remedy.splitlines()):
        yield Line(clean(line), "    → " if number == 0 else "      ", first_style="cyan")


def _findings(findings: Iterable[Finding]) -> Iterator[Line]:
    found = tuple(findings)
    if not found:
        return
    yield Line("")
    yield Line(f"in the files ({len(found)})", style="bold")
    for finding in found:
        name = "" if finding.requirement == "syntax" else f" [{finding.requirement}]"
        yield Line(clean(f"{finding.place}: {finding.message}{name}"), f"  {finding.severity.value}  ")
        for line in finding.evidence[:EVIDENCE]:
            yield Line(clip(clean(line), 400), "    │ ", style="dim", first_style="dim")
        if finding.remedy:
            yield Line(clean(finding.remedy), "    → ", first_style="cyan")


def _compared(trial: Trial) -> Iterator[Line]:
    """What changed since the baseline, by name; numbers only where they changed by more than their noise."""
    if (comparison := trial.comparison) is None:
        return
    baseline = comparison.baseline
    yield Line("")
    yield Line(clean(f"compared with {baseline.name} ({baseline.recorded_at})"), style="bold")
    if comparison.is_another:
        yield Line(
            clean(f"the baseline is of another service: {baseline.service}"), "  warning  ", first_style="yellow"
        )
    for change, (mark, colour) in _CHANGES.items():
        for shift in comparison.of(change):
            told = f"{change.value}: {shift.requirement} ({shift.rulings}): {shift.summary}"
            yield Line(clean(told), f"  {mark} ", first_style=colour)
    for shift in comparison.shifts:
        for figure in shift.figures:
            yield Line(clean(f"{shift.requirement}: {figure}"), "  · ", first_style="dim")
    yield Line(comparison.headline(), "  ")


def _advice(trial: Trial, detail: Detail) -> Iterator[Line]:
    """What to write into the files by what was measured: what holds already only where all is asked for."""
    if detail is Detail.QUIET:
        return
    told = [each for each in trial.advice if detail is Detail.VERBOSE or (each.value is not None and not each.holds)]
    if not told:
        return
    yield Line("")
    yield Line("measured, for the files", style="bold")
    for each in told:
        now = f"; now {each.said}{', which is enough' if each.holds else ''}" if each.said else ""
        yield Line(clean(f"{each.proposed}: {each.figure}{now}"), f"  {each.setting.value}  ", first_style="cyan")
    if trial.has_files:
        yield Line("seatrial fix --from RECORDING writes it (--save keeps one)", "    → ", first_style="cyan")


def _counted(trial: Trial) -> Iterator[Line]:
    """The load that was counted, by phase."""
    for run in trial.recording.runs:
        if told := phases(run):
            yield Line("")
            yield Line(f"the load of {run.scenario.value}, counted", style="bold")
        for phase in told:
            yield Line(phase.told, f"  {phase.load}, {phase.when}  ", first_style="dim")


def _machine(trial: Trial, detail: Detail) -> Iterator[Line]:
    machine = trial.recording.machine
    if machine.approximations:
        yield Line("")
        yield Line("approximated here, and not so in the real image", style="bold")
        for text in machine.approximations:
            yield Line(clean(text), "  · ")
    if detail is not Detail.VERBOSE:
        return
    for text in machine.enforcement:
        yield Line(clean(text), "  limit  ", first_style="dim")
    for run in trial.recording.runs:
        yield from _numbers(run)


def _numbers(run: Run) -> Iterator[Line]:
    if run.connections:
        yield Line("")
        yield Line(f"the load of {run.scenario.value}", style="bold")
    for tally in tallies(run):
        yield Line(f"{count(tally.connections, 'connection')}", f"  {tally.population.value}  ")
        for word, counted in (("before the signal", tally.before), ("after it", tally.after)):
            if counted:
                yield Line(outcomes(counted), f"    {word}  ", first_style="dim")


def _foot(trial: Trial) -> Iterator[Line]:
    colour = _MARKS[trial.result][1]
    yield Line("")
    yield Line(f"{clean(trial.recording.subject.name)}: {trial.headline()}", style=colour)
    failed = next((entry.verdict for entry in trial.entries() if entry.verdict.ruling is Ruling.FAIL), None)
    if failed and catalogue.find(failed.requirement):
        yield Line(f"seatrial explain {failed.requirement}", "hint: ", first_style="cyan")
