"""A change of one file that meets one requirement, and what it promises to change and nothing else.

Values alone: the rules' fixes make them, `files.editing` applies them, and `files.promises` holds the outcome against
the promise. An edit never holds more of a file than the span that it replaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.model.place import Place


@dataclass(frozen=True, slots=True)
class Sets:
    """YAML: `path` gets the value that `written` is; every key above it is there already."""

    path: tuple[str, ...]
    written: str


@dataclass(frozen=True, slots=True)
class Substitutes:
    """YAML: in the string at `path`, or in one item of the list there, `old` becomes `new`, once."""

    path: tuple[str, ...]
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class InsertsItem:
    """YAML: the list at `path` gets the string `item` behind its first item that is `behind`."""

    path: tuple[str, ...]
    behind: str
    item: str


@dataclass(frozen=True, slots=True)
class Becomes:
    """Dockerfile: the instruction that begins on `line` becomes the one that `written` is."""

    line: int
    written: str


@dataclass(frozen=True, slots=True)
class Precedes:
    """Dockerfile: `written` is a new instruction, right in front of the one that begins on `line`."""

    line: int
    written: str


@dataclass(frozen=True, slots=True)
class Execs:
    """Shell script: the simple command at `line` and `column` is started by `exec`."""

    line: int
    column: int


Promise = Sets | Substitutes | InsertsItem | Becomes | Precedes | Execs


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` takes the place of the span `place`; where the span is empty it is put in there.

    Lines in `text` end in "\\n"; who applies it gives them the file's own line ends. `is_safe` says that nothing
    changes but that the requirement is met. `note` is what was done, in words.
    """

    place: Place
    text: str
    requirement: str
    note: str
    promise: Promise
    is_safe: bool = True
