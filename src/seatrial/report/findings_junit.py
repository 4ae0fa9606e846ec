"""Findings as JUnit XML: a test case for each requirement, a failure for each finding."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.report import redact
from seatrial.report.findings_values import FindingsReport

_FORBIDDEN = pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: FindingsReport) -> str:
    """The document. What is only information is no failure: it is put into the case's output."""
    names = sorted({*report.pages, *(finding.requirement for finding in report.findings)})
    cases = [_case(name, [each for each in report.findings if each.requirement == name]) for name in names]
    failures = sum(finding.severity is not Severity.INFO for finding in report.findings)
    errors = len(report.problems)
    head = f'tests="{len(cases) + errors}" failures="{failures}" errors="{errors}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {head}>",
        f'<testsuite name="seatrial check" {head}>',
        *(line for case in cases for line in case),
        *(
            f'<testcase classname="seatrial" name="reading"><error message={_attribute(each)}/></testcase>'
            for each in report.problems
        ),
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(name: str, findings: list[Finding]) -> list[str]:
    head = f'<testcase classname="seatrial.check" name={_attribute(name)}'
    if not findings:
        return [head + "/>"]
    failures = [each for each in findings if each.severity is not Severity.INFO]
    notes = [each for each in findings if each.severity is Severity.INFO]
    lines = [head + ">"]
    for finding in failures:
        message = _attribute(f"{finding.place}: {finding.message}")
        lines.append(f'<failure type="{finding.severity.value}" message={message}>{_text(finding.remedy)}</failure>')
    if notes:
        lines.append(
            "<system-out>" + _text("\n".join(f"{each.place}: {each.message}" for each in notes)) + "</system-out>"
        )
    return [*lines, "</testcase>"]


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\ufffd", redact.text(text)))


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", redact.text(text)))
