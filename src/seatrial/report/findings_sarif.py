"""Findings as SARIF 2.1.0, as code hosts read it.

Paths are relative to the directory that was checked from, columns count code points, and a finding that a comment took
back is there as suppressed, with its reason. Source: OASIS, SARIF 2.1.0; GitHub's notes on what it shows of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any
from urllib.parse import quote

from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place
from seatrial.report import redact
from seatrial.report.findings_values import FindingsReport, Page, shown_line
from seatrial.report.words import HOME

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: FindingsReport) -> str:
    """The log as JSON text (ASCII)."""
    return json.dumps(document(report), indent=2, ensure_ascii=True) + "\n"


def document(report: FindingsReport) -> dict[str, Any]:
    """The log as plain values."""
    names = sorted({finding.requirement for finding in (*report.findings, *(each for each, _ in report.ignored))})
    indexes = {name: index for index, name in enumerate(names)}
    seen: Counter[str] = Counter()
    results = [_result(report, finding, indexes, seen) for finding in report.findings]
    for finding, reason in report.ignored:
        suppression = {"kind": "inSource", **({"justification": redact.text(reason)} if reason else {})}
        results.append({**_result(report, finding, indexes, seen), "suppressions": [suppression]})
    driver = {
        "name": report.tool,
        "version": report.version,
        "semanticVersion": report.version,
        "informationUri": HOME,
        "rules": [_rule(report.pages.get(name) or Page(name, name)) for name in names],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": results,
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": redact.text(problem)}} for problem in report.problems
                ],
            }
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(page: Page) -> dict[str, Any]:
    help_text = "\n\n".join(part for part in (page.what, page.why, page.instead) if part) or page.title
    example = f"\n\nUse instead:\n\n```\n{page.instead}```\n" if page.instead else ""
    markdown = "\n\n".join(part for part in (page.what, page.why) if part) + example
    return {
        "id": page.name,
        "name": "".join(part.capitalize() for part in page.name.split("-")),
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.what or page.title},
        "help": {"text": help_text, "markdown": markdown or page.title},
        "defaultConfiguration": {"level": _LEVELS[page.severity]},
        "properties": {"tags": [page.group] if page.group else []},
    }


def _result(report: FindingsReport, finding: Finding, indexes: dict[str, int], seen: Counter[str]) -> dict[str, Any]:
    text = redact.text(finding.message) + (f"\n{redact.text(finding.remedy)}" if finding.remedy else "")
    result: dict[str, Any] = {
        "ruleId": finding.requirement,
        "ruleIndex": indexes[finding.requirement],
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": _location(finding.place)}],
        "partialFingerprints": {"seatrialFinding/v1": _fingerprint(report, finding, seen)},
        "properties": {"confidence": finding.confidence.value, "service": finding.service},
    }
    related = [each for each in finding.related if each.place]
    if related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(each.place), "message": {"text": redact.text(each.value)}}
            for number, each in enumerate(related)
            if each.place
        ]
    return result


def _location(place: Place) -> dict[str, Any]:
    region = {"startLine": max(place.line, 1), "startColumn": max(place.column, 1)}
    if place.end_line >= place.line and place.end_column:
        region |= {"endLine": place.end_line, "endColumn": place.end_column}
    return {"artifactLocation": {"uri": quote(place.file)}, "region": region}


def _fingerprint(report: FindingsReport, finding: Finding, seen: Counter[str]) -> str:
    """What a finding is known by when lines move: requirement, file, service and its line's text."""
    # Without secrets: a short one could be guessed from its hash.
    line = shown_line(report, finding.place, finding.requirement) or ""
    parts = (finding.requirement, finding.place.file, finding.service, " ".join(line.split()))
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"
