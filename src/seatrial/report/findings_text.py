"""Findings for a terminal: the message, the line of the file with the span underlined, the remedy.

Plain strings and escape codes, no library: this is on the path of every check, which has 60 ms to start in.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from seatrial.model.finding import Confidence, Finding, Severity
from seatrial.model.place import Place
from seatrial.report import redact
from seatrial.report.findings_values import FindingsReport, TextStyle, line_of, shown_line
from seatrial.report.words import clean, clip, count

_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.INFO: "36"}
_RULES = {True: ("│", "─", "="), False: ("|", "-", "=")}
WIDEST = 160
"""Characters of a source line that are shown."""
_MOST_RELATED = 4


def render(report: FindingsReport, style: TextStyle) -> str:
    """The whole report."""
    lines: list[str] = []
    for finding in report.findings:
        lines += [*_finding(report, finding, style), ""]
    lines += [f"not read: {_safe(problem)}" for problem in report.problems]
    lines += _summary(report)
    return "\n".join(lines) + "\n"


def _finding(report: FindingsReport, finding: Finding, style: TextStyle) -> Iterator[str]:
    severity = _paint(f"{finding.severity.value}[{finding.requirement}]", _COLOURS[finding.severity] + ";1", style)
    unsure = " (likely)" if finding.confidence is Confidence.MEDIUM else ""
    yield f"{_paint(clean(str(finding.place)), '1', style)} {severity} {_safe(finding.message)}{unsure}"
    yield from _excerpt(report, finding, style)
    for related in finding.related[:_MOST_RELATED]:
        if related.place is not None:
            yield f"   {clean(str(related.place))}: {_safe(related.value)}"
    if len(finding.related) > _MOST_RELATED:
        yield f"   and {count(len(finding.related) - _MOST_RELATED, 'more place')}"
    for evidence in finding.evidence:
        yield f"   {_safe(evidence)}"
    if finding.remedy:
        first, *more = finding.remedy.splitlines()
        yield f"   {_paint('hint:', '32', style)} {_safe(first)}"
        yield from (f"         {_safe(line)}" for line in more)


def _excerpt(report: FindingsReport, finding: Finding, style: TextStyle) -> Iterator[str]:
    place = finding.place
    line = line_of(report, place.file, place.line)
    if line is None or not line.strip():
        return
    bar = _RULES[style.unicode][0]
    number = str(place.line)
    shown = clean(shown_line(report, place, finding.requirement) or "")
    yield f"   {number} {bar} {clip(shown, WIDEST)}"
    start, width = _span(place, line)
    # What redaction or escaping changed can't be pointed at.
    if shown == line.replace("\t", "    ") and start + width <= WIDEST:
        yield f"   {' ' * len(number)} {bar} {' ' * start}{_paint('^' * width, _COLOURS[finding.severity], style)}"


def _span(place: Place, line: str) -> tuple[int, int]:
    """Where the underline begins (in cells, tabs being four) and how long it is."""
    left = min(max(place.column - 1, 0), len(line))
    right = place.end_column - 1 if place.end_line == place.line and place.end_column > place.column else len(line)
    if not place.end_line:
        right = left + 1
    right = max(min(right, len(line.rstrip())), left + 1)
    return len(_cells(line[:left])), max(len(_cells(line[left:right])), 1)


def _cells(text: str) -> str:
    return text.replace("\t", "    ")


@lru_cache(maxsize=2048)
def _safe(text: str) -> str:
    """Remembered, since many findings have one remedy."""
    return clean(redact.text(text))


def _paint(text: str, code: str, style: TextStyle) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if style.colour else text


def _summary(report: FindingsReport) -> list[str]:
    counts = report.counts()
    parts = [
        count(number, severity.value) for severity, number in counts.items() if number and severity.value != "info"
    ]
    parts += [f"{counts[Severity.INFO]} info"] if counts[Severity.INFO] else []
    what = ", ".join(parts) or "no findings"
    looked = f"{count(report.services, 'service')}, {count(report.files, 'file')}"
    hidden = (
        (len(report.ignored), "ignored by a comment"),
        (report.in_baseline, "in the baseline"),
        (report.consequences, "hidden as a consequence of another"),
    )
    also = "".join(f"; {number} {words}" for number, words in hidden if number)
    return [f"{what} in {looked}{also}"]
