"""Findings as Markdown: a table for a pull request's comment or a wiki page."""

from __future__ import annotations

from urllib.parse import quote

from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern
from seatrial.report import redact
from seatrial.report.findings_values import FindingsReport
from seatrial.report.words import clean, count

_SPECIAL = pattern(r"([\\|*_<>\[\]#])")
_CODE = pattern(r"(`[^`\n]+`)")


def render(report: FindingsReport) -> str:
    """A heading, the table, and what isn't in it."""
    lines = ["## seatrial check", ""]
    if report.findings:
        lines += ["| | where | what | instead |", "| --- | --- | --- | --- |"]
        lines += [_row(finding) for finding in report.findings]
    else:
        lines.append(f"No findings in {count(report.services, 'service')}, {count(report.files, 'file')}.")
    lines += [f"\nNot read: {_plain(problem)}" for problem in report.problems]
    if report.ignored:
        lines += ["", f"<details><summary>{count(len(report.ignored), 'finding')} ignored by a comment</summary>", ""]
        lines += [
            f"- {_where(finding)} `{finding.requirement}`: {_plain(reason) or 'no reason given'}"
            for finding, reason in report.ignored
        ]
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _row(finding: Finding) -> str:
    what = f"**{finding.requirement}**: {_plain(finding.message)}"
    return f"| {finding.severity.value} | {_where(finding)} | {what} | {_plain(finding.remedy)} |"


def _where(finding: Finding) -> str:
    place = finding.place
    return f"[{_plain(place.file)}:{place.line}]({quote(place.file)}#L{place.line})"


def _plain(text: str) -> str:
    """Escaped, except what stands between backticks (where only the table's own sign must be)."""
    parts = _CODE.split(clean(redact.text(" ".join(text.split()))))
    return "".join(
        part.replace("|", "\\|")
        if part.startswith("`") and part.endswith("`") and len(part) > 2
        else _SPECIAL.sub(r"\\\1", part)
        for part in parts
    )
