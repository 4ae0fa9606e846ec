"""trivy: the advisories for all lock files below a directory."""

from __future__ import annotations

from seatrial.audit.interface import Said, Tool, Vulnerability, json_of, severity, table, tables, word


def read(text: str) -> Said:
    """What `trivy fs --format json` wrote (schema version 2)."""
    report = table(json_of(text), "report")
    table(report if "Results" in report or "SchemaVersion" in report else None, "results")
    return Said(
        tuple(
            Vulnerability(
                word(each.get("PkgName")),
                word(each.get("InstalledVersion")),
                word(each.get("VulnerabilityID")),
                severity(each.get("Severity")),
                word(each.get("Title")),
                word(each.get("FixedVersion")).partition(",")[0],
                word(result.get("Target")),
            )
            for result in tables(report.get("Results"))
            for each in tables(result.get("Vulnerabilities"))
        )
    )


TOOL = Tool(
    "trivy",
    "trivy",
    ("fs", "--format", "json", "--quiet", "--scanners", "vuln", "."),
    ("*",),
    read,
    once=True,
    get_it="https://trivy.dev",
)
