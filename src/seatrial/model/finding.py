"""A requirement that the files do not meet, or a file that can't be read as it should."""

from __future__ import annotations

from enum import Enum

from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass


class Severity(Enum):
    """How bad a finding is, worst first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Confidence(Enum):
    """How sure a finding is: HIGH follows from the files alone, MEDIUM also from what is usual."""

    HIGH = "high"
    MEDIUM = "medium"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, where, and what to write instead.

    `requirement` is the name in the catalogue; `syntax` for a file that breaks its own grammar. `service` is the one
    that it concerns, "" for a file as a whole. `related` are other places that the finding stands on, each with what
    is there.
    """

    requirement: str
    severity: Severity
    message: str
    place: Place
    remedy: str = ""
    evidence: tuple[str, ...] = ()
    confidence: Confidence = Confidence.HIGH
    service: str = ""
    related: tuple[Sourced[str], ...] = ()
