"""Findings as workflow commands of GitHub Actions, which puts them beside the lines of a pull request."""

from __future__ import annotations

from seatrial.model.finding import Finding, Severity
from seatrial.report import redact
from seatrial.report.findings_values import FindingsReport
from seatrial.report.words import clean

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: FindingsReport) -> str:
    """One command a line."""
    lines = [_line(finding) for finding in report.findings]
    lines += [f"::error::{_message(problem)}" for problem in report.problems]
    return "".join(line + "\n" for line in lines)


def _line(finding: Finding) -> str:
    place = finding.place
    properties = {"file": place.file, "line": str(place.line), "col": str(place.column)}
    if place.end_line == place.line and place.end_column > place.column:
        # The runner takes endColumn as inclusive, and only within one line.
        properties |= {"endLine": str(place.end_line), "endColumn": str(place.end_column - 1)}
    properties["title"] = finding.requirement
    message = finding.message + (f"\n{finding.remedy}" if finding.remedy else "")
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {shown}::{_message(message)}"


def _message(text: str) -> str:
    return _data("\n".join(clean(line) for line in redact.text(text).split("\n")))


def _data(text: str) -> str:
    """Source: actions/toolkit, command.ts."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
