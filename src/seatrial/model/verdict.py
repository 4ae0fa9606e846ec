"""What a drill proved of one requirement."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from seatrial.model.values import dataclass, field


class Ruling(Enum):
    """The outcomes of a requirement. NOT_PROVED is never a quiet pass; SKIPPED is what is not asked of this service, or
    not on this engine, with the reason."""

    PASS = "pass"
    FAIL = "fail"
    NOT_PROVED = "not proved"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a requirement was met, judged from a recording alone.

    `summary` is one line with the numbers; `evidence` quotes the recording; `remedy` says what to write instead.
    `cause` names another requirement whose failure explains this one, so that a report can hide the consequence.
    `figures` are the measured numbers by name, units in the names (`stop_seconds`).
    """

    requirement: str
    ruling: Ruling
    summary: str
    evidence: tuple[str, ...] = ()
    remedy: str = ""
    cause: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
