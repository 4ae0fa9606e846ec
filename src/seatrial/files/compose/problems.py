"""Collects what is wrong with a project's compose files.

One sink for all steps, so that a step can report and go on. The same thing about the same place is told once.
"""

from __future__ import annotations

from collections.abc import Collection

from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place

_FAR = 3
"""More edits than this apart, and a name is no misspelling."""
_MANY = 200
"""Among more names than this no suggestion is looked for: it would take longer than it is worth."""


class Problems:
    """The findings so far."""

    def __init__(self) -> None:
        self._findings: dict[tuple[str, Place], Finding] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them, in the order in which they were told."""
        return tuple(self._findings.values())

    def error(self, message: str, place: Place, remedy: str = "") -> None:
        """Something that compose would refuse."""
        self._tell(Severity.ERROR, message, place, remedy)

    def warn(self, message: str, place: Place, remedy: str = "") -> None:
        """Something that is probably not meant."""
        self._tell(Severity.WARNING, message, place, remedy)

    def note(self, message: str, place: Place, remedy: str = "") -> None:
        """Something worth knowing that is no mistake."""
        self._tell(Severity.INFO, message, place, remedy)

    def _tell(self, severity: Severity, message: str, place: Place, remedy: str) -> None:
        self._findings.setdefault((message, place), Finding("syntax", severity, message, place, remedy))


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known name that a misspelt one most likely means; None if none is near."""
    if len(word) > 40 or len(known) > _MANY:
        return None
    lowered = word.lower().replace("-", "_")
    distances = ((_distance(lowered, name), name) for name in known if abs(len(name) - len(word)) <= _FAR)
    best = min(distances, default=(_FAR + 1, ""))
    return best[1] if best[0] <= min(_FAR, max(1, len(word) // 3)) else None


def _distance(left: str, right: str) -> int:
    previous = list(range(len(right) + 1))
    for row, one in enumerate(left, 1):
        current = [row]
        for column, other in enumerate(right, 1):
            change = previous[column - 1] + (one != other)
            current.append(min(change, previous[column] + 1, current[-1] + 1))
        previous = current
    return previous[-1]
