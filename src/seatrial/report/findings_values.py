"""What the reports of `seatrial check` are made from, and the table of their formats.

Values only; a format's module is imported when it is asked for. No report sees a file: the texts come along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module

from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place
from seatrial.model.values import dataclass, field
from seatrial.report import redact

FORMATS = ("text", "json", "sarif", "github", "junit", "markdown")


@dataclass(frozen=True, slots=True)
class Page:
    """The documentation of a requirement, as far as a report needs it."""

    name: str
    title: str
    what: str = ""
    why: str = ""
    instead: str = ""
    group: str = ""
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class FindingsReport:
    """One check. `texts` are the files by the names that places use, for excerpts; `ignored` are the findings that
    inline comments took back, each with its reason; `consequences` and `in_baseline` count what isn't shown.
    `pages` has an entry for each requirement that was checked."""

    tool: str
    version: str
    findings: tuple[Finding, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    pages: Mapping[str, Page] = field(default_factory=dict)
    ignored: tuple[tuple[Finding, str], ...] = ()
    consequences: int = 0
    in_baseline: int = 0
    services: int = 0
    files: int = 0
    problems: tuple[str, ...] = ()
    """What could not be read at all."""

    def counts(self) -> Mapping[Severity, int]:
        """How many findings of each severity."""
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in Severity}


@dataclass(frozen=True, slots=True)
class TextStyle:
    """What the terminal can show."""

    colour: bool = False
    unicode: bool = True


def render(report: FindingsReport, form: str, style: TextStyle) -> str:
    """The report in this format, ending in a newline (or empty)."""
    module = import_module(f"seatrial.report.findings_{form}")
    rendered: str = module.render(report, style) if form == "text" else module.render(report)
    return rendered


SECRETS = "no-secrets-in-image"
"""Whose findings point at a credential: nothing of it may be shown."""


def shown_line(report: FindingsReport, place: Place, requirement: str) -> str | None:
    """The line of a finding without secrets; None where it isn't known."""
    lines = _lines(report.texts.get(place.file, ""))
    if place.file not in report.texts or not 0 < place.line <= len(lines):
        return None
    return _shown(report.texts[place.file], place.line, max(place.column, 1) if requirement == SECRETS else 0)


def line_of(report: FindingsReport, file: str, number: int) -> str | None:
    """A line of a file, without its line end; None where it isn't known."""
    text = report.texts.get(file)
    if text is None:
        return None
    lines = _lines(text)
    return lines[number - 1] if 0 < number <= len(lines) else None


@lru_cache(maxsize=64)
def _shown(text: str, number: int, column: int) -> str:
    """Remembered, since thousands of findings may stand on one long line."""
    return redact.source_line(_lines(text), number, column)


@lru_cache(maxsize=4)
def _lines(text: str) -> tuple[str, ...]:
    """Remembered, since the findings of one file come one behind the other."""
    lines = text.split("\n")
    return tuple([line.rstrip("\r") for line in lines] if "\r" in text else lines)
