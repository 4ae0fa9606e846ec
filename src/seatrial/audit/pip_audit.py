"""pip-audit: the advisories for what requirements.txt pins."""

from __future__ import annotations

from seatrial.audit.interface import Said, Tool, Vulnerability, json_of, table, tables, word


def read(text: str) -> Said:
    """What `pip-audit --format json` wrote. It tells no severity: an advisory for a version in use counts as high."""
    report = table(json_of(text), "report")
    table(report.get("dependencies") and report, "dependencies")
    found: list[Vulnerability] = []
    skipped: list[str] = []
    for package in tables(report.get("dependencies")):
        if word(package.get("skip_reason")):
            skipped.append(word(package.get("name")))
        for each in tables(package.get("vulns")):
            fixes = each.get("fix_versions")
            fixed = word(fixes[0]) if isinstance(fixes, list) and fixes else ""
            found.append(
                Vulnerability(
                    word(package.get("name")),
                    word(package.get("version")),
                    word(each.get("id")),
                    "high",
                    word(each.get("description")).partition(". ")[0],
                    fixed,
                    "requirements.txt",
                )
            )
    trouble = f"it left out {', '.join(skipped[:3])}" + (f" and {len(skipped) - 3} more" if skipped[3:] else "")
    return Said(tuple(found), trouble=trouble if skipped else "")


TOOL = Tool(
    "pip-audit",
    "pip-audit",
    # --no-deps: what isn't pinned is refused, and nothing is installed to find out what it would be.
    ("--format", "json", "--progress-spinner", "off", "--disable-pip", "--no-deps", "-r", "requirements.txt"),
    ("requirements.txt",),
    read,
    get_it="pip install pip-audit",
)
