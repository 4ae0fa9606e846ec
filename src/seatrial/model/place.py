"""Where in a file something was said."""

from __future__ import annotations

from typing import Generic, TypeVar

from seatrial.model.values import dataclass

T = TypeVar("T", covariant=True)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A span of a text file. Lines and columns count from 1, columns in characters; the end is exclusive.

    `file` is as the user would write it: relative to the directory that was read where possible. An `end_line`
    of 0 means that only the start is known.
    """

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Sourced(Generic[T]):
    """A value and the place that said it. `place` is None for a default that no file says."""

    value: T
    place: Place | None = None
