"""Inline ignores: `# seatrial: ignore=name reason` in Dockerfiles, YAML, shell and Python, `// …` in JavaScript.

An ignore of hadolint's (`# hadolint ignore=DL3002`) counts for what asks the same here.

An ignore counts for its own line where something stands before it, else for the next line that is no comment (in a
Dockerfile for the whole instruction that begins there; in YAML also for what stands below the key, see `covers`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from seatrial.model.documents import Documents
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass

_MARK = "seatrial:"
_COMMENT = pattern(r"(?:#|//)[ \t]*seatrial:[ \t]*ignore=([A-Za-z0-9_,\-]*)[ \t]*([^\n\r]*)")
_HADOLINT = "hadolint "
_HADOLINT_COMMENT = pattern(r"#[ \t]*hadolint[ \t]+(?:global[ \t]+)?ignore=([A-Z0-9, \t]+)()")
_ASKS_THE_SAME = {
    "DL3002": "non-root-user",
    "DL3006": "base-image-pinned",
    "DL3007": "base-image-pinned",
    "DL3009": "cache-mount",
    "DL3019": "cache-mount",
    "DL3025": "exec-form-command",
    "DL3032": "cache-mount",
    "DL3040": "cache-mount",
    "DL3042": "cache-mount",
    "DL3057": "healthcheck-present",
    "DL3060": "cache-mount",
    "DL3064": "no-secrets-in-image",
}
_COMMENT_LINE = pattern(r"[ \t]*(?:#|//|$)")


@dataclass(frozen=True, slots=True)
class Ignore:
    """One ignore comment: lines `first` to `last` of `file`, the names, and why."""

    names: tuple[str, ...]
    reason: str
    file: str
    first: int
    last: int
    place: Place

    def covers(self, finding: Finding) -> bool:
        """Whether this finding is to be ignored by it."""
        place = finding.place
        return finding.requirement in self.names and place.file == self.file and self.first <= place.line <= self.last


def read_ignores(documents: Documents) -> tuple[Ignore, ...]:
    """All ignores of all files that were read."""
    return tuple(
        ignore
        for file, text in documents.texts.items()
        if _MARK in text or _HADOLINT in text
        for ignore in _of_file(file, text, documents)
    )


def unknown_names(ignores: tuple[Ignore, ...], known: Collection[str]) -> Iterator[Finding]:
    """A finding for each name that no requirement has."""
    for ignore in ignores:
        for name in ignore.names or ("",):
            if name in known:
                continue
            from seatrial.model import catalogue  # late, as what follows: only for names that may be wrong

            if catalogue.find(name) is None:
                from difflib import get_close_matches

                close = get_close_matches(name, [each.name for each in catalogue.REQUIREMENTS], n=1, cutoff=0.6)
                remedy = f"write ignore={close[0]}" if close else "`seatrial list` names the requirements"
                message = f"no requirement is called {name!r}, so this ignores nothing"
                yield Finding("syntax", Severity.WARNING, message, ignore.place, remedy)


def _of_file(file: str, text: str, documents: Documents) -> Iterator[Ignore]:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        found = _COMMENT.search(line) if _MARK in line else None
        if found is None and _HADOLINT in line:
            found = _HADOLINT_COMMENT.search(line)
        if found is None:
            continue
        first = number if line[: found.start()].strip() else _next_line(lines, number)
        names = tuple(name for name in found.group(1).split(",") if name)
        if not found.group().lstrip("#/ \t").startswith(_MARK):
            names = tuple(_ASKS_THE_SAME[name.strip()] for name in names if name.strip() in _ASKS_THE_SAME)
            if not names:
                continue
        place = Place(file, number, found.start() + 1, number, len(line.rstrip()) + 1)
        yield Ignore(names, found.group(2).strip(), file, first, _last_line(file, first, documents), place)


def _next_line(lines: list[str], number: int) -> int:
    """The first line after `number` that is neither empty nor a comment."""
    at = number
    while at < len(lines) and _COMMENT_LINE.match(lines[at]) and lines[at].lstrip(" \t\r")[:1] in ("", "#", "/"):
        at += 1
    return at + 1


def _last_line(file: str, first: int, documents: Documents) -> int:
    for dockerfile in documents.dockerfiles:
        if dockerfile.file == file:
            for instruction in dockerfile.instructions:
                if instruction.place.line == first:
                    return max(instruction.place.end_line, first)
    return first
