"""Findings as JUnit XML: a test case for each failure, and one for each requirement that is met."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.model.finding import Finding, Severity
from seatrial.report.escaping import xml_attribute, xml_text
from seatrial.report.findings_values import FindingsReport


def render(report: FindingsReport) -> str:
    """The document. What is only information is no failure: it is put into the case's output."""
    names = sorted({*report.pages, *(finding.requirement for finding in report.findings)})
    cases = [case for name in names for case in _cases(name, [f for f in report.findings if f.requirement == name])]
    failures = sum(finding.severity is not Severity.INFO for finding in report.findings)
    errors = len(report.problems)
    head = f'tests="{len(cases) + errors}" failures="{failures}" errors="{errors}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites {head}>",
        f'<testsuite name="seatrial check" {head}>',
        *cases,
        *(
            f'<testcase classname="seatrial" name="reading"><error message={xml_attribute(each)}/></testcase>'
            for each in report.problems
        ),
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _cases(name: str, findings: list[Finding]) -> Iterator[str]:
    """A case has one failure at most: the schema allows no second one, and readers show the first alone."""
    failures = [each for each in findings if each.severity is not Severity.INFO]
    notes = [f"{each.place}: {each.message}" for each in findings if each.severity is Severity.INFO]
    for finding in failures:
        message = xml_attribute(f"{finding.place}: {finding.message}")
        failure = f'<failure type="{finding.severity.value}" message={message}>{xml_text(finding.remedy)}</failure>'
        yield _case(f"seatrial.check.{name}", str(finding.place), failure)
    output = f"<system-out>{xml_text(chr(10).join(notes))}</system-out>" if notes else ""
    if output or not failures:
        yield _case("seatrial.check", name, output)


def _case(group: str, name: str, inside: str) -> str:
    head = f"<testcase classname={xml_attribute(group)} name={xml_attribute(name)}"
    return f"{head}>{inside}</testcase>" if inside else head + "/>"
