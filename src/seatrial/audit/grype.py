"""grype: the advisories for all packages below a directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seatrial.audit.interface import Said, Tool, Vulnerability, json_of, severity, table, tables, word


def read(text: str) -> Said:
    """What `grype dir:. -o json` wrote."""
    report = table(json_of(text), "report")
    table(report if "matches" in report else None, "matches")
    return Said(tuple(_of_match(each) for each in tables(report.get("matches"))))


def _of_match(match: Mapping[str, Any]) -> Vulnerability:
    hole, artifact = table(match.get("vulnerability")), table(match.get("artifact"))
    versions = table(hole.get("fix")).get("versions")
    location = next(tables(artifact.get("locations")), {})
    return Vulnerability(
        word(artifact.get("name")),
        word(artifact.get("version")),
        word(hole.get("id")),
        severity(hole.get("severity")),
        word(hole.get("description")).partition(". ")[0],
        word(versions[0]) if isinstance(versions, list) and versions else "",
        word(location.get("path")).lstrip("/"),
    )


TOOL = Tool(
    "grype", "grype", ("dir:.", "-o", "json", "-q"), ("*",), read, once=True, get_it="https://github.com/anchore/grype"
)
