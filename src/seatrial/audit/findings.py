"""What auditors said, as findings of ours. Pure: texts come in as values.

A hole that two of them know at one package is one finding; what a linter says where we say it already is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from seatrial.audit.hadolint import NAMES
from seatrial.audit.interface import Remark, Vulnerability
from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place

NAME = "dependencies-audited"
_SEVERITIES = {"critical": Severity.ERROR, "high": Severity.ERROR, "medium": Severity.WARNING, "low": Severity.INFO}


def of_vulnerabilities(
    tool: str, found: Iterable[Vulnerability], texts: Mapping[str, str], default_file: str
) -> Iterator[Finding]:
    """One finding each. `texts` are the lock files by the names that the places get; `default_file` is where to point
    to for what isn't found in any."""
    for each in found:
        file = each.file if each.file in texts else default_file
        text = texts.get(file, "")
        version = each.version or _locked_version(text, each)
        named = f"{each.package} {version}".strip() or "a package"
        why = f": {each.title}" if each.title else ""
        fixed = f"fixed in {each.fixed_in}" if each.fixed_in else "no fixed version is known"
        message = f"{named} has a known hole, {each.advisory or 'without a number'} ({each.severity}){why}; {fixed}"
        remedy = (
            f"raise {each.package} to {each.fixed_in}" if each.fixed_in else "replace it, or see whether it is used"
        )
        place = Place(file, _line_of(text, each.package))
        yield Finding(NAME, _SEVERITIES[each.severity], message, place, remedy, (f"told by {tool}",))


def of_remarks(remarks: Iterable[Remark], prefix: str, known: Iterable[Finding]) -> tuple[list[Finding], list[str]]:
    """Findings for what has a name of ours, without those that are known at their line; and the codes of the rest."""
    there = {(each.requirement, each.place.file, each.place.line) for each in known}
    found: list[Finding] = []
    others: list[str] = []
    for each in remarks:
        name, file = NAMES.get(each.code), prefix + each.file.removeprefix("./")
        if name is None:
            others.append(each.code)
        elif (name, file, each.line) not in there:
            there.add((name, file, each.line))
            message = f"{each.message} (hadolint {each.code})"
            place = Place(file, each.line, each.column)
            found.append(Finding(name, Severity.INFO, message, place, evidence=("told by hadolint",)))
    return found, others


def once(findings: Iterable[Finding]) -> list[Finding]:
    """Each hole of a package once, whoever tells it first."""
    seen: dict[tuple[str, ...], Finding] = {}
    for each in findings:
        hole = re.match(r"(\S+) ?(\S*) has a known hole, (\S+)", each.message)
        key = (hole.group(1), hole.group(3)) if hole else (each.requirement, str(each.place), each.message)
        seen.setdefault(key, each)
    return list(seen.values())


def _locked_version(text: str, each: Vulnerability) -> str:
    """The version that package-lock.json has for the package (npm doesn't tell it)."""
    try:
        packages = json.loads(text).get("packages", {}) if text else {}
        entry = packages.get(each.file) or packages.get(f"node_modules/{each.package}") or {}
        version = entry.get("version", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return version[:40] if isinstance(version, str) else ""


def _line_of(text: str, package: str) -> int:
    """The line that names the package, or the first one."""
    name = re.escape(package)
    patterns = (rf'"node_modules/{name}"\s*:', rf'"{name}"\s*:', rf"(?im)^[ \t]*{name}(?![\w.-])")
    found = next((each for pattern in patterns if (each := re.search(pattern, text))), None)
    return text.count("\n", 0, found.start()) + 1 if found else 1
