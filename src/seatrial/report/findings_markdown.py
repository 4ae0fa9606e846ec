"""Findings as Markdown: a table for a pull request's comment or a wiki page."""

from __future__ import annotations

from urllib.parse import quote

from seatrial.model.finding import Finding
from seatrial.report.escaping import markdown
from seatrial.report.findings_values import FindingsReport
from seatrial.report.words import count


def render(report: FindingsReport) -> str:
    """A heading, the table, and what isn't in it."""
    lines = ["## seatrial check", ""]
    if report.findings:
        lines += ["| | where | what | instead |", "| --- | --- | --- | --- |"]
        lines += [_row(finding) for finding in report.findings]
    else:
        lines.append(f"No findings in {count(report.services, 'service')}, {count(report.files, 'file')}.")
    lines += [f"\nNot read: {markdown(problem)}" for problem in report.problems]
    if report.ignored:
        lines += ["", f"<details><summary>{count(len(report.ignored), 'finding')} ignored by a comment</summary>", ""]
        lines += [
            f"- {_where(finding)} `{finding.requirement}`: {markdown(reason) or 'no reason given'}"
            for finding, reason in report.ignored
        ]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    what = f"**{finding.requirement}**: {markdown(finding.message)}"
    return f"| {finding.severity.value} | {_where(finding)} | {what} | {markdown(finding.remedy)} |"


def _where(finding: Finding) -> str:
    place = finding.place
    return f"[{markdown(place.file)}:{place.line}]({quote(place.file)}#L{place.line})"
