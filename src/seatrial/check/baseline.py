"""Baselines: findings that were there before and are not to be told again.

A finding is recognised by what it says, not by its line number: requirement, file, service and the text of its line,
without secrets, since a baseline is committed. Pure: text in, text out. A baseline that can't be read is an InputError
of the caller's file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from seatrial.model.errors import InputError
from seatrial.model.finding import Finding
from seatrial.model.place import Place
from seatrial.model.redaction import source_line

FORMAT = 1
_SECRETS = "no-secrets-in-image"
Key = tuple[str, str, str, str]


def key(finding: Finding, texts: Mapping[str, str]) -> Key:
    """What a finding is recognised by."""
    lines = texts.get(finding.place.file, "").split("\n")
    number = finding.place.line
    column = max(finding.place.column, 1) if finding.requirement == _SECRETS else 0
    line = source_line(lines, number, column) if 0 < number <= len(lines) else ""
    text = " ".join(line.split())
    return finding.requirement, finding.place.file, finding.service, text


def write(findings: Iterable[Finding], texts: Mapping[str, str]) -> str:
    """The baseline that hides exactly these."""
    counted = Counter(key(finding, texts) for finding in findings)
    names = ("requirement", "file", "service", "line")
    entries = [{**dict(zip(names, each, strict=True)), "count": counted[each]} for each in sorted(counted)]
    return json.dumps({"format": FORMAT, "findings": entries}, indent=2, ensure_ascii=False) + "\n"


def read(text: str, file: str) -> Counter[Key]:
    """The findings of a baseline, and how many of each. Raises InputError."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r} is not known")
        counted: Counter[Key] = Counter()
        for entry in document["findings"]:
            requirement, shown, service, line = (
                str(entry[name]) for name in ("requirement", "file", "service", "line")
            )
            counted[requirement, shown, service, line] += int(entry.get("count", 1))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"is not a baseline: {type(error).__name__}: {error}"[:200]
        raise InputError(message, place=Place(file, 1), hint=f"seatrial check --write-baseline {file}") from error
    return counted


def without_known(
    findings: Iterable[Finding], texts: Mapping[str, str], known: Counter[Key]
) -> tuple[tuple[Finding, ...], int]:
    """The findings that the baseline doesn't have, and how many it had. Takes what it uses out of `known`."""
    left: list[Finding] = []
    dropped = 0
    for finding in findings:
        found = key(finding, texts)
        if known[found] > 0:
            known[found] -= 1
            dropped += 1
        else:
            left.append(finding)
    return tuple(left), dropped
