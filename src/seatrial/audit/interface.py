"""What an adapter is: which program is run on what, and a pure function that reads its output.

An adapter module defines `TOOL = Tool(…)`. Its `read` gets what the program wrote and gives what it says; it raises
`GarbledError` for what is no such output, and nothing else whatever the text holds. Everything in a `Vulnerability`
and a `Remark` is taken from that text, with types and lengths seen to. Only `running` starts anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from seatrial.model.errors import SeatrialError
from seatrial.model.values import dataclass

MAX_WORD = 200
"""Characters of a name, a version or a title that are kept."""


class GarbledError(SeatrialError):
    """What the program wrote is not what it writes. The message says what is wrong, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A known hole in a package that is installed. `severity` is one of "critical", "high", "medium", "low"; `file` is
    where the package is named, as the program says it; "" is unknown everywhere."""

    package: str
    version: str
    advisory: str
    severity: str
    title: str = ""
    fixed_in: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a linter says of a line. `code` is its own name for it."""

    code: str
    message: str
    file: str
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Said:
    """All that a run says. `trouble` is why that isn't all there is to say."""

    vulnerabilities: tuple[Vulnerability, ...] = ()
    remarks: tuple[Remark, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program. `wants` are names of files: it is run in each directory that has one of them, or, where
    `once`, in the first directory alone, with all that is below. `files` puts the found files behind `arguments`.

    `good_codes` are the exit codes with which it has done its work, whatever it found.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    wants: tuple[str, ...]
    read: Callable[[str], Said]
    once: bool = False
    files: bool = False
    good_codes: tuple[int, ...] = (0, 1)
    get_it: str = ""


def json_of(text: str) -> Any:
    """The JSON of an output. Raises GarbledError."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise GarbledError("its output is no JSON") from None


def table(value: Any, what: str = "") -> Mapping[str, Any]:
    """A mapping; an empty one in the place of anything else, unless `what` says what it has to be."""
    if isinstance(value, dict):
        return value
    if what:
        raise GarbledError(f"its output has no {what}")
    return {}


def tables(value: Any) -> Iterator[Mapping[str, Any]]:
    """The mappings of a list."""
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def word(value: Any) -> str:
    """A short text on one line; "" in the place of anything else."""
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    plain = "".join(each if each.isprintable() else " " for each in text[: MAX_WORD * 2])
    return " ".join(plain.split())[:MAX_WORD]


def severity(value: Any) -> str:
    """One of the four words."""
    said = word(value).lower()
    known = {"critical": "critical", "high": "high", "medium": "medium", "moderate": "medium"}
    return known.get(said, "low")
