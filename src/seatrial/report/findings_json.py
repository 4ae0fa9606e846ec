"""Findings as JSON: everything that is known, for programs."""

from __future__ import annotations

import json
from typing import Any

from seatrial.model.finding import Finding
from seatrial.model.place import Place
from seatrial.report import redact
from seatrial.report.findings_values import FindingsReport

FORMAT = 1
"""It changes when an older reader would misunderstand a newer report."""


def render(report: FindingsReport) -> str:
    """The report as JSON text (ASCII)."""
    return json.dumps(document(report), indent=2, ensure_ascii=True) + "\n"


def document(report: FindingsReport) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "format": FORMAT,
        "tool": f"{report.tool} {report.version}",
        "summary": {
            **{severity.value: number for severity, number in report.counts().items()},
            "ignored": len(report.ignored),
            "in_baseline": report.in_baseline,
            "consequences": report.consequences,
            "services": report.services,
            "files": report.files,
        },
        "findings": [_finding(finding) for finding in report.findings],
        "ignored": [{**_finding(finding), "reason": redact.text(reason)} for finding, reason in report.ignored],
        "not_read": [redact.text(problem) for problem in report.problems],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "requirement": finding.requirement,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "message": redact.text(finding.message),
        "remedy": redact.text(finding.remedy),
        "service": finding.service,
        "place": _place(finding.place),
        "related": [
            {"what": redact.text(each.value), "place": _place(each.place)} for each in finding.related if each.place
        ],
        "evidence": [redact.text(line) for line in finding.evidence],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line or None,
        "end_column": place.end_column or None,
    }
