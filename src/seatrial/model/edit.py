"""A change of one file that meets one requirement, and what it promises to change and nothing else.

Values alone: the rules' fixes make them, `files.editing` applies them, and `files.promises` holds the outcome against
the promise. An edit never holds more of a file than the spans that it replaces.
"""

from __future__ import annotations

from seatrial.model.place import Place
from seatrial.model.values import dataclass

Path = tuple[str | int, ...]
"""A way into a YAML document: keys of mappings, and numbers of items in lists."""


@dataclass(frozen=True, slots=True)
class Sets:
    """YAML: `path` gets the value that `written` is; every key above it is there already."""

    path: Path
    written: str
    document: int = 0


@dataclass(frozen=True, slots=True)
class Substitutes:
    """YAML: in the string at `path`, or in one item of the list there, `old` becomes `new`, once."""

    path: Path
    old: str
    new: str
    document: int = 0


@dataclass(frozen=True, slots=True)
class InsertsItem:
    """YAML: the list at `path` gets the string `item` behind its first item that is `behind`."""

    path: Path
    behind: str
    item: str
    document: int = 0


@dataclass(frozen=True, slots=True)
class Renames:
    """YAML: the last key of `path` is called `name` from now on."""

    path: Path
    name: str
    document: int = 0


@dataclass(frozen=True, slots=True)
class Becomes:
    """Dockerfile: the instruction that begins on `line` becomes the one that `written` is."""

    line: int
    written: str


@dataclass(frozen=True, slots=True)
class Splices:
    """Dockerfile: in the text of the instruction that begins on `line`, what stands from `start` to `end` becomes
    `text`. Several of them may change one instruction."""

    line: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Precedes:
    """Dockerfile: `written` are new instructions, right in front of the one that begins on `line`."""

    line: int
    written: str


@dataclass(frozen=True, slots=True)
class Execs:
    """Shell script: the simple command at `line` and `column` is started by `exec`."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Appends:
    """A file of lines (.dockerignore): `lines` come behind all others."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listens:
    """JavaScript: behind the statement that ends on `line`, `written` is one statement more."""

    line: int
    written: str


Promise = Sets | Substitutes | InsertsItem | Renames | Becomes | Splices | Precedes | Execs | Appends | Listens


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` takes the place of the span `place`; where the span is empty it is put in there.

    Lines in `text` end in "\\n"; who applies it gives them the file's own line ends. `is_safe` says that nothing
    changes but that the requirement is met. `note` is what was done, in words. `more` are other spans of the same file
    and `also` what they promise: all of them are applied, or none is. `creates` says that the file needn't be there.
    """

    place: Place
    text: str
    requirement: str
    note: str
    promise: Promise
    is_safe: bool = True
    more: tuple[tuple[Place, str], ...] = ()
    also: tuple[Promise, ...] = ()
    creates: bool = False

    @property
    def spans(self) -> tuple[tuple[Place, str], ...]:
        """All places with the text that they get."""
        return ((self.place, self.text), *self.more)

    @property
    def promises(self) -> tuple[Promise, ...]:
        """All that is promised."""
        return (self.promise, *self.also)
