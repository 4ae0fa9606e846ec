"""What `seatrial fix` makes of the files: one round of edits after the other, in memory, until there is nothing to do.

A fix may make room for another one: of two edits that want one place a round makes the cause's, and a finding may only
be there once its cause is gone. So the files are looked at anew as they would be by then (`files.disk` pretends that
they are), and what is shown and written is what comes of all rounds: a second run has nothing to do. It must never
write anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from seatrial.files import disk
from seatrial.files.editing import Change, Edited, Left, edited, encoded, read_source
from seatrial.files.promises import are_kept
from seatrial.model.documents import Documents
from seatrial.model.edit import Edit
from seatrial.model.errors import InputError
from seatrial.model.values import dataclass, field, replace

MAX_ROUNDS = 6
"""Two are usual; more than this would be two fixes that undo each other."""

Look = Callable[[], Iterable[tuple[Documents, Iterable[Edit]]]]
"""Every project with the edits that its findings ask for, read anew in each round."""


@dataclass(frozen=True, slots=True)
class Options:
    """Which edits are made, and who hears of a file (as it is called here) that can't be read."""

    unsafe: bool
    wrong: Callable[[str, InputError], None]
    rounds: int = MAX_ROUNDS


@dataclass(frozen=True, slots=True)
class Mended:
    """A file with what has become of it, and the rounds in which something was done to it."""

    change: Change
    rounds: tuple[Edited, ...]

    @property
    def done(self) -> tuple[Edit, ...]:
        """All edits; the places are those of their own round."""
        return tuple(edit for each in self.rounds for edit in each.done)


@dataclass(slots=True)
class Outcome:
    """What came of it. `left` are the edits that the last round could not make, with the file's name; `unsafe` counts
    those that were not asked for."""

    projects: int = 0
    unsafe: int = 0
    mended: dict[str, Mended] = field(default_factory=dict)
    left: list[tuple[str, Left]] = field(default_factory=list)


@dataclass(slots=True)
class _File:
    """A file and what is wanted of it in this round. `text` is what the findings were made from, None where they
    weren't made from what it holds (.dockerignore)."""

    shown: str
    path: Path
    text: str | None
    edits: dict[Edit, None] = field(default_factory=dict)


def mend(look: Look, options: Options) -> Outcome:
    """All rounds. `mended` goes by real paths."""
    outcome = Outcome()
    for _ in range(options.rounds):
        with disk.pretending({real: encoded(each.change) for real, each in outcome.mended.items()}):
            files = _collected(look(), outcome)
        outcome.unsafe, outcome.left = 0, []
        if not [real for real, file in files.items() if _mended(real, file, options, outcome)]:
            break
    return outcome


def shown_path(path: Path) -> str:
    """How messages call it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("../") else relative


def _collected(projects: Iterable[tuple[Documents, Iterable[Edit]]], outcome: Outcome) -> Mapping[str, _File]:
    files: dict[str, _File] = {}
    outcome.projects = 0
    for documents, edits in projects:
        outcome.projects += 1
        for edit in edits:
            path = Path(documents.directory) / edit.place.file
            real = os.path.realpath(path)
            if real not in files:
                files[real] = _File(shown_path(path), path, documents.texts.get(edit.place.file))
            files[real].edits[edit] = None
    return files


def _mended(real: str, file: _File, options: Options, outcome: Outcome) -> bool:
    """Do to one file what one round can; whether that was anything."""
    wanted = [edit for edit in file.edits if edit.is_safe or options.unsafe]
    outcome.unsafe += len(file.edits) - len(wanted)
    if not wanted:
        return False
    try:
        before = outcome.mended.get(real) or _read(file, may_be_new=all(edit.creates for edit in wanted))
        if file.text is not None and before.change.text != file.text:
            raise InputError("has changed since it was read", hint="run it again")
    except InputError as error:
        options.wrong(file.shown, error)
        return False
    result = edited(before.change.text, wanted, are_kept)
    outcome.left += [(file.shown, left) for left in result.left]
    if result.done:
        change = replace(before.change, text=result.text)
        outcome.mended[real] = Mended(change, (*before.rounds, result))
    return bool(result.done)


def _read(file: _File, *, may_be_new: bool) -> Mended:
    source = read_source(file.path, file.shown, may_be_new=may_be_new)
    return Mended(Change(source, source.text, file.shown), ())
