"""Applies edits to a text and writes files: every byte outside an edit stays as it was.

An edit that overlaps an earlier one, lies outside the text or doesn't keep its promise is left, with the reason. A file
is replaced in one step (a new one beside it, then a rename), and never when it is no longer what was read. Of several
files either all are written, or none is: what was written before a failure is put back.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from seatrial.files.json_positions import Lines
from seatrial.files.reading import read_bytes
from seatrial.model.edit import Appends, Edit
from seatrial.model.errors import InputError
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import dataclass, replace

_BOM = "\ufeff"
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
_LONE_CR = pattern(r"\r(?!\n)")

IsKept = Callable[[str, str, Sequence[Edit]], bool]
"""Whether the new text differs from the old one by what these edits promise, and by nothing else."""


@dataclass(frozen=True, slots=True)
class Left:
    """An edit that wasn't applied, and why."""

    edit: Edit
    reason: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A text with the edits in it that could be applied."""

    text: str
    done: tuple[Edit, ...] = ()
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    text: str


def edited(text: str, edits: Iterable[Edit], is_kept: IsKept) -> Edited:
    """The text with these edits, which are of one file and in the order of their importance."""
    # Two projects may call one file by two names.
    named = {(_nameless(each), _appends(each), each.requirement): each for each in edits}
    wanted = tuple(_each_line_once(named.values()))
    if _LONE_CR.search(text):
        return Edited(text, left=tuple(Left(each, "the file has line ends of old Macs") for each in wanted))
    chosen, left = _without_overlaps(text, wanted)
    done = [edit for edit, _ in chosen]
    if done and not is_kept(text, _with_all(text, chosen), done):
        chosen, broken = _one_by_one(text, chosen, is_kept)
        left += broken
        done = [edit for edit, _ in chosen]
    return Edited(_with_all(text, chosen), tuple(done), tuple(left))


_Chosen = tuple[Edit, tuple[_Span, ...]]


def _nameless(edit: Edit) -> tuple[tuple[Place, str], ...]:
    return tuple((replace(place, file=""), text) for place, text in edit.spans)


def _appends(edit: Edit) -> tuple[str, ...]:
    """The lines that it adds: all such edits have one place."""
    return edit.promise.lines if isinstance(edit.promise, Appends) else ()


def _each_line_once(edits: Iterable[Edit]) -> Iterator[Edit]:
    """Without the lines that an earlier edit adds already: two requirements may ask for the same one."""
    added: set[str] = set()
    for edit in edits:
        lines = tuple(line for line in _appends(edit) if line not in added)
        added.update(lines)
        if lines == _appends(edit):
            yield edit
        elif lines:
            yield replace(edit, promise=Appends(lines))


def _without_overlaps(text: str, edits: Sequence[Edit]) -> tuple[list[_Chosen], list[Left]]:
    lines = Lines(text, "")
    chosen: list[_Chosen] = []
    left: list[Left] = []
    taken: list[tuple[int, int, int]] = []
    for edit in edits:
        spans = _spans(text, lines, edit)
        others = {number for span in spans for number in _overlapped(taken, span)}
        if not spans:
            left.append(Left(edit, "the file does not have this place"))
        elif others:
            left.append(Left(edit, f"it overlaps the fix for {chosen[min(others)][0].requirement}"))
        else:
            for span in spans:
                insort(taken, (span.start, span.end, len(chosen)))
            chosen.append((edit, spans))
    return chosen, left


def _overlapped(taken: Sequence[tuple[int, int, int]], span: _Span) -> Iterator[int]:
    """The numbers of those that want a character of this span, or want to put something between two of them. Who has
    taken what is sorted, and none of it overlaps, so that the ends are in order, too."""
    at = bisect_left(taken, (span.end,))
    while at and taken[at - 1][1] > span.start:
        at -= 1
        yield taken[at][2]


def _one_by_one(text: str, chosen: list[_Chosen], is_kept: IsKept) -> tuple[list[_Chosen], list[Left]]:
    kept: list[_Chosen] = []
    left: list[Left] = []
    for each in chosen:
        trial = [*kept, each]
        if is_kept(text, _with_all(text, trial), [edit for edit, _ in trial]):
            kept = trial
        else:
            left.append(Left(each[0], "it would change more of the file than it should"))
    return kept, left


def _with_all(text: str, chosen: Sequence[_Chosen]) -> str:
    return _spliced(text, [span for _, spans in chosen for span in spans])


def _spans(text: str, lines: Lines, edit: Edit) -> tuple[_Span, ...]:
    """Where the edit goes; nothing unless all its places are there."""
    if isinstance(edit.promise, Appends):
        return (_Span(len(text), len(text), _appended(text, edit.promise.lines)),)
    found = [_span(text, lines, place, new) for place, new in edit.spans]
    return tuple(each for each in found if each) if all(found) else ()


def _appended(text: str, lines: Sequence[str]) -> str:
    """The lines at the end of a text, which ends as it did."""
    end = "\r\n" if text.endswith("\r\n") or ("\r\n" in text and not text.endswith("\n")) else "\n"
    is_whole = not text or text.endswith("\n")
    return "".join(line + end if is_whole else end + line for line in lines)


def _span(text: str, lines: Lines, place: Place, new: str) -> _Span | None:
    try:
        start = lines.offset(place.line, place.column)
        end = lines.offset(place.end_line, place.end_column)
    except (IndexError, ValueError):
        return None
    if not 0 <= start <= end <= len(text) or place.line > len(lines):
        return None
    return _Span(start, end, _with_line_ends(new, text, start))


def _with_line_ends(new: str, text: str, at: int) -> str:
    """With the line ends of the line where it goes, or of the line before in the last one."""
    after = text.find("\n", at)
    here = after if after >= 0 else text.rfind("\n", 0, at)
    return new.replace("\n", "\r\n") if here > 0 and text[here - 1] == "\r" else new


def _spliced(text: str, spans: Sequence[_Span]) -> str:
    parts: list[str] = []
    at = 0
    # Insertions at one point keep their order, but what ends the line there and lines that are deeper belong to what
    # stands in front of them.
    for span in sorted(spans, key=lambda each: (each.start, each.end, -_depth(each))):
        parts += [text[at : span.start], span.text]
        at = span.end
    return "".join(parts) + text[at:]


_BEFORE_LINES = 1 << 20


def _depth(span: _Span) -> int:
    """The indentation of the line that is put in behind another one."""
    line = span.text.removeprefix("\r").removeprefix("\n")
    if span.start != span.end:
        return 0
    return len(line) - len(line.lstrip(" ")) if line != span.text else _BEFORE_LINES


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read. `has_bom` says that a byte order mark stood in front of the text; `is_new` that there is
    no such file yet."""

    path: Path
    data: bytes
    text: str
    has_bom: bool
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A file, the text that it is to get, and how messages call it."""

    source: Source
    text: str
    shown: str


def read_source(path: Path, shown: str, *, may_be_new: bool = False) -> Source:
    """The file behind all links. Raises InputError, also where it isn't UTF-8."""
    real = Path(os.path.realpath(path))
    if may_be_new and not os.path.lexists(path):
        return Source(real, b"", "", has_bom=False, is_new=True)
    data = read_bytes(real, shown)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", place=Place(shown, 1)) from None
    return Source(real, data, text.removeprefix(_BOM), text.startswith(_BOM))


def encoded(change: Change) -> bytes:
    """What the file is to hold."""
    return ((_BOM if change.source.has_bom else "") + change.text).encode("utf-8")


def write_source(source: Source, text: str, shown: str) -> None:
    """Replace the file's text in one step, keeping its mode. Raises InputError where it has changed meanwhile."""
    write_sources([Change(source, text, shown)])


def write_sources(changes: Sequence[Change]) -> None:
    """Write them all, or none: nothing is replaced before every new file lies ready on the disk, and a failure after
    that puts back what was there. Raises InputError."""
    with contextlib.ExitStack() as stack:
        ready = [(change, stack.enter_context(_prepared(change))) for change in changes]
        for change in changes:
            _is_as_read(change)
        done: list[tuple[Change, Path | None]] = []
        try:
            for change, temporary in ready:
                kept = None if change.source.is_new else stack.enter_context(_kept_copy(change))
                _put(change, temporary)
                done.append((change, kept))
        except BaseException:
            for change, kept in reversed(done):
                _put_back(change.source.path, kept)
            raise
        _settle({change.source.path.parent for change in changes})


@contextlib.contextmanager
def _prepared(change: Change) -> Iterator[Path]:
    """The new file beside the old one, with its mode and owner."""
    source = change.source
    with _said(change), _beside(source.path, encoded(change)) as temporary:
        if source.is_new:
            temporary.chmod(0o666 & ~_umask())
        else:
            status = source.path.stat()
            if not status.st_mode & _WRITABLE:
                # A rename would not ask: the directory alone decides, and root may anyway.
                raise InputError("is read-only", place=Place(change.shown, 1), hint="make it writable first: chmod u+w")
            temporary.chmod(stat.S_IMODE(status.st_mode))
            with contextlib.suppress(PermissionError):
                os.chown(temporary, status.st_uid, status.st_gid)
        yield temporary


@contextlib.contextmanager
def _kept_copy(change: Change) -> Iterator[Path]:
    """What was there, under another name: it can take its place again in one step."""
    path = change.source.path
    with _said(change), _beside(path, change.source.data) as copy:
        status = path.stat()
        copy.chmod(stat.S_IMODE(status.st_mode))
        with contextlib.suppress(PermissionError):
            os.chown(copy, status.st_uid, status.st_gid)
        yield copy


def _put(change: Change, temporary: Path) -> None:
    with _said(change):
        if not change.source.is_new or not _linked(temporary, change.source.path):
            temporary.replace(change.source.path)


def _linked(temporary: Path, path: Path) -> bool:
    """Name a new file, which unlike a rename fails where somebody was faster; False where there are no links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _put_back(path: Path, kept: Path | None) -> None:
    with contextlib.suppress(OSError):
        if kept is None:
            path.unlink()
        else:
            kept.replace(path)


def _is_as_read(change: Change) -> None:
    source, hint = change.source, "run it again"
    is_same = (
        not os.path.lexists(source.path) if source.is_new else read_bytes(source.path, change.shown) == source.data
    )
    if not is_same:
        raise InputError("has changed since it was read", place=Place(change.shown, 1), hint=hint)


@contextlib.contextmanager
def _said(change: Change) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=Place(change.shown, 1)) from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _settle(directories: Iterable[Path]) -> None:
    """Have the names on the disk, too, as far as the file system knows how."""
    for directory in directories:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def _beside(path: Path, data: bytes) -> Iterator[Path]:
    """A new file with this content in the same directory, on the disk; taken away if it still has its name."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123 — an open descriptor, not a path
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
