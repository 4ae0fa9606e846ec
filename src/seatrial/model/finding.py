"""A requirement that the files do not meet, or a file that can't be read as it should."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from seatrial.model.place import Place


class Severity(Enum):
    """How bad a finding is, worst first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, where, and what to write instead.

    `requirement` is the name in the catalogue; `syntax` for a file that breaks its own grammar.
    """

    requirement: str
    severity: Severity
    message: str
    place: Place
    remedy: str = ""
    evidence: tuple[str, ...] = ()
