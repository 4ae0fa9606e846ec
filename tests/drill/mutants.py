"""The mutants of the good services, as mutants.toml has them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

GOOD = Path(__file__).parent / "good"
UNPROVED = {
    "node": frozenset({"work-finished-or-returned", "image-size"}),
    "python": frozenset(
        {"work-finished-or-returned", "image-size", "liveness-is-shallow", "readiness-is-deep", "dies-on-fatal-error"}
    ),
}
"""What does not apply to the good ones: all else passes."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a good service: each edit is a file, what stands there, and what stands there instead."""

    name: str
    base: str
    breaks: str
    edits: tuple[tuple[str, str, str], ...]
    also: tuple[str, ...] = ()
    quick: bool = False


def _read() -> tuple[Mutant, ...]:
    table = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))
    return tuple(Mutant(**{**each, "edits": tuple(map(tuple, each["edits"]))}) for each in table["mutant"])


MUTANTS = _read()
