"""npm audit: the advisories for what package-lock.json names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.audit.interface import GarbledError, Said, Tool, Vulnerability, json_of, severity, table, tables, word

_ID = re.compile(r"(GHSA-[\w-]{4,40}|CVE-\d{4}-\d{4,9})")
_BELOW = re.compile(r"<\s*(\d[\w.+-]*)\s*$")


def read(text: str) -> Said:
    """What `npm audit --json` wrote (report version 2, of npm 7 and later)."""
    report = table(json_of(text), "report")
    if "vulnerabilities" not in report:
        error = table(report.get("error"))
        code = word(error.get("code")) or word(report.get("statusCode"))
        raise GarbledError(f"it failed{f' ({code})' if code else ''}")
    found = [each for entry in tables(list(table(report["vulnerabilities"]).values())) for each in _of_entry(entry)]
    return Said(tuple(dict.fromkeys(found)))


def _of_entry(entry: Mapping[str, Any]) -> Iterator[Vulnerability]:
    """The advisories of a package itself; that it depends on another bad one is told there."""
    nodes = entry.get("nodes")
    file = word(nodes[0]) if isinstance(nodes, list) and nodes else ""
    for via in tables(entry.get("via")):
        url = _ID.search(word(via.get("url")))
        advisory = url.group() if url else word(via.get("source"))
        below = _BELOW.search(word(via.get("range")))
        yield Vulnerability(
            word(via.get("name")) or word(entry.get("name")),
            "",
            advisory,
            severity(via.get("severity")),
            word(via.get("title")),
            below.group(1) if below else "",
            file,
        )


TOOL = Tool(
    "npm",
    "npm",
    ("audit", "--json", "--omit=dev"),
    ("package-lock.json", "npm-shrinkwrap.json"),
    read,
    get_it="it comes with Node.js",
)
