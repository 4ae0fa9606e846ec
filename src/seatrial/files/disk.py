"""The door to the disk for everything that is read: each question is asked here, and can be asked again.

While somebody listens (`listen`), each question is noted with its answer: whether something is there, what a directory
holds, what a file holds (a hash of it, never the text). A run whose questions all have the same answers as before has
the same outcome, which is what `files.cache` lives on. So nothing in `files` may look at the disk in another way; a
test sees to that. Never raises but where it says so.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from seatrial.model.values import dataclass

try:
    from _blake2 import blake2b  # what hashlib gives; importing that loads OpenSSL, a tenth of a short run
except ImportError:
    from hashlib import blake2b

Question = tuple[str, str]
"""What is asked (a name in `QUESTIONS`), and of which path."""
Notes = dict[Question, str]
Entries = tuple[tuple[str, bool], ...]

_CHANGED = "changed", ""
_listening: list[Notes] = []


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a directory held, how notes say it, and the names alone; those are None where it can't be read."""

    entries: Entries
    said: str
    names: frozenset[str] | None


Listings = dict[str, _Listing]
_known: Listings = {}
"""What directories held when they were first asked for, while somebody listens."""
MAX_KNOWN = 2000
_contents: dict[tuple[str, str], bytes] = {}
"""What the small files held that were read last, while somebody listens: several readers look at one file."""
MAX_CONTENTS = 16
MAX_CONTENT_BYTES = 64 * 1024
_pretended: dict[str, bytes] = {}
"""What files are said to hold, by their real paths, whatever is on the disk."""


def listen() -> Notes:
    """From now on, note every question and its answer in what this returns; what is asked twice is looked at once."""
    notes: Notes = {}
    _listening.append(notes)
    return notes


@contextmanager
def apart() -> Iterator[Notes]:
    """Listen alone for a while. Whoever listened before gets to know of it by `hear`."""
    others, notes = _listening[:], Notes()
    _listening[:] = [notes]
    try:
        yield notes
    finally:
        _listening[:] = others


def stop_listening(notes: Notes) -> None:
    """The end of it."""
    _listening[:] = [each for each in _listening if each is not notes]
    if not _listening:
        _known.clear()
        _contents.clear()


@contextmanager
def pretending(files: Mapping[str, bytes]) -> Iterator[None]:
    """For a while, answer as if these files (by their real paths) were there and held this. Nobody may listen then."""
    assert not (_listening and files)
    _pretended.update(files)
    try:
        yield
    finally:
        _pretended.clear()


def note(kind: str, path: str | Path, answer: str) -> None:
    """Note an answer, if somebody listens."""
    if _listening:
        _note((kind, os.fspath(path)), answer)


def _note(question: Question, answer: str) -> None:
    for notes in _listening:
        if notes.setdefault(question, answer) != answer:
            notes[_CHANGED] = "yes"


def hear(notes: Notes) -> None:
    """Note what another process has asked."""
    for own in _listening:
        if any(own[question] != notes[question] for question in own.keys() & notes.keys()):
            own[_CHANGED] = "yes"
        own.update(notes)


def listings() -> Listings:
    """What is known of directories, for a process that needn't look again."""
    return dict(_known)


def know(listings: Listings) -> None:
    """Take over what another process has known a moment ago, if somebody listens."""
    if _listening:
        _known.update(listings)


def is_consistent(notes: Notes) -> bool:
    """Whether nothing changed while these were taken."""
    return _CHANGED not in notes


def exists(path: str | Path) -> bool:
    """Whether there is anything of this name, be it a link to nothing."""
    return _ask("exists", path) == "yes"


def kind_of(path: str | Path) -> str:
    """What is here, or where a link leads to: "file", "directory", "other", or "" for nothing."""
    return _ask("kind", path)


def is_regular(path: str | Path) -> bool:
    """Whether there is a regular file (or a link to one) here."""
    return _ask("kind", path) == "file"


def is_directory(path: str | Path) -> bool:
    """Whether there is a directory (or a link to one) here."""
    return _ask("kind", path) == "directory"


def is_executable(path: str | Path) -> bool:
    """Whether we may execute this file."""
    return _ask("executable", path) == "yes"


def real_path(path: str | Path) -> str:
    """The path without links."""
    return _ask("real", path)


def entries(directory: str | Path) -> Entries:
    """The names in a directory, sorted, each with whether it is a directory itself (a link is none). Nothing where
    that can't be read."""
    path = os.fspath(directory)
    if not _listening:
        found_now = _scan(path) or ()
        return _with_pretended(path, found_now) if _pretended else found_now
    known = _known.get(path)
    if known is None:
        found = _scan(path)
        known = _Listing(found or (), _listed(found), None if found is None else frozenset(name for name, _ in found))
        if len(_known) < MAX_KNOWN:
            _known[path] = known
    _note(("entries", path), known.said)
    return known.entries


def remembered(kind: str, path: str) -> bytes | None:
    """What this file held when it was read a moment ago, or is said to hold; None where that isn't known."""
    return _pretended.get(_real(path)) if _pretended else _contents.get((kind, path))


def note_content(kind: str, path: str, data: bytes) -> None:
    """Note what a file holds, if somebody listens."""
    if not _listening:
        return
    note(kind, path, digest(data))
    if len(data) <= MAX_CONTENT_BYTES:
        if len(_contents) >= MAX_CONTENTS:
            _contents.clear()
        _contents[kind, path] = data


def digest(data: bytes) -> str:
    """What stands for a file's content in notes."""
    return blake2b(data, digest_size=16).hexdigest()


def _ask(kind: str, given: str | Path) -> str:
    """The answer, which while somebody listens is the one that was given before."""
    path = os.fspath(given)
    if not _listening:
        return _OF_FILES[kind] if kind in _OF_FILES and _is_pretended(path) else QUESTIONS[kind](path)
    question = kind, path
    answer = _listening[0].get(question)
    if answer is None:
        if kind in _OF_NOTHING and _is_not_listed(path):
            return _OF_NOTHING[kind]
        answer = QUESTIONS[kind](path)
    elif len(_listening) == 1:
        return answer
    _note(question, answer)
    return answer


_OF_NOTHING = {"exists": "no", "kind": ""}
"""The answers where there is nothing."""
_OF_FILES = {"exists": "yes", "kind": "file"}
"""The answers where there is a regular file."""


def _is_pretended(path: str) -> bool:
    return bool(_pretended) and _real(path) in _pretended


def _with_pretended(directory: str, found: Entries) -> Entries:
    """What the directory holds, with the files that are said to be there."""
    real = _real(directory)
    new = {os.path.basename(path) for path in _pretended if os.path.dirname(path) == real}  # noqa: PTH119, PTH120 — texts
    return tuple(sorted({*found, *((name, False) for name in new)}))


def _is_not_listed(path: str) -> bool:
    """Whether a listing that is known lacks this name, or that of a directory above it: most of what is asked for isn't
    there. The answer stands on the listing then, which is noted for that."""
    directory, _, name = path.rpartition("/")
    while (known := _known.get(directory)) is None:
        if not directory:
            return False
        directory, _, name = directory.rpartition("/")
    if known.names is None or name in known.names or name in ("", ".", ".."):
        return False
    _note(("entries", directory), known.said)
    return True


def _exists(path: str) -> str:
    try:
        return "yes" if os.path.lexists(path) else "no"
    except ValueError:
        return "no"


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 — a path object for each question is slow
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else "other"


def _executable(path: str) -> str:
    try:
        return "yes" if os.access(path, os.X_OK) else "no"
    except ValueError:
        return "no"


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return path


def _scan(path: str) -> Entries | None:
    try:
        with os.scandir(path) as found:
            return tuple(sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in found))
    except (OSError, ValueError):
        return None


def _listed(found: Entries | None) -> str:
    if found is None:
        return "unreadable"
    return digest(os.fsencode("\n".join(name + "/" * is_directory for name, is_directory in found)))


QUESTIONS: dict[str, Callable[[str], str]] = {
    "exists": _exists,
    "kind": _kind,
    "executable": _executable,
    "real": _real,
    "entries": lambda path: _listed(_scan(path)),
}
"""How each question is asked anew; `files.reading` adds its own."""
