"""Applies edits to a text and writes files: every byte outside an edit stays as it was.

An edit that overlaps an earlier one, lies outside the text or doesn't keep its promise is left, with the reason. A file
is replaced in one step (a new one beside it, then a rename), and never when it is no longer what was read.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seatrial.files.json_positions import Lines
from seatrial.files.reading import read_bytes
from seatrial.model.edit import Edit
from seatrial.model.errors import InputError
from seatrial.model.place import Place

_BOM = "\ufeff"
_LONE_CR = re.compile(r"\r(?!\n)")

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

    def overlaps(self, other: _Span) -> bool:
        """Whether both want the same characters; insertions at one point don't."""
        if self.start == self.end and other.start == other.end:
            return False
        return self.start < other.end and other.start < self.end


def edited(text: str, edits: Iterable[Edit], is_kept: IsKept) -> Edited:
    """The text with these edits, which are of one file and in the order of their importance."""
    # Two projects may call one file by two names.
    wanted = tuple({(replace(each.place, file=""), each.text, each.requirement): each for each in edits}.values())
    if _LONE_CR.search(text):
        return Edited(text, left=tuple(Left(each, "the file has line ends of old Macs") for each in wanted))
    chosen, left = _without_overlaps(text, wanted)
    done = [edit for edit, _ in chosen]
    if done and not is_kept(text, new := _spliced(text, [span for _, span in chosen]), done):
        chosen, broken = _one_by_one(text, chosen, is_kept)
        left += broken
        done = [edit for edit, _ in chosen]
    new = _spliced(text, [span for _, span in chosen])
    return Edited(new, tuple(done), tuple(left))


def _without_overlaps(text: str, edits: Sequence[Edit]) -> tuple[list[tuple[Edit, _Span]], list[Left]]:
    lines = Lines(text, "")
    chosen: list[tuple[Edit, _Span]] = []
    left: list[Left] = []
    for edit in edits:
        span = _span(text, lines, edit)
        if span is None:
            left.append(Left(edit, "the file does not have this place"))
        elif other := next((each for each, taken in chosen if taken.overlaps(span)), None):
            left.append(Left(edit, f"it overlaps the fix for {other.requirement}"))
        else:
            chosen.append((edit, span))
    return chosen, left


def _one_by_one(
    text: str, chosen: list[tuple[Edit, _Span]], is_kept: IsKept
) -> tuple[list[tuple[Edit, _Span]], list[Left]]:
    kept: list[tuple[Edit, _Span]] = []
    left: list[Left] = []
    for each in chosen:
        trial = [*kept, each]
        if is_kept(text, _spliced(text, [span for _, span in trial]), [edit for edit, _ in trial]):
            kept = trial
        else:
            left.append(Left(each[0], "it would change more of the file than it should"))
    return kept, left


def _span(text: str, lines: Lines, edit: Edit) -> _Span | None:
    place = edit.place
    try:
        start = lines.offset(place.line, place.column)
        end = lines.offset(place.end_line, place.end_column)
    except (IndexError, ValueError):
        return None
    if not 0 <= start <= end <= len(text) or place.line > text.count("\n") + 1:
        return None
    return _Span(start, end, _with_line_ends(edit.text, text, start))


def _with_line_ends(new: str, text: str, at: int) -> str:
    """With the line ends of the line where it goes, or of the line before in the last one."""
    after = text.find("\n", at)
    here = after if after >= 0 else text.rfind("\n", 0, at)
    return new.replace("\n", "\r\n") if here > 0 and text[here - 1] == "\r" else new


def _spliced(text: str, spans: Sequence[_Span]) -> str:
    parts: list[str] = []
    at = 0
    for span in sorted(spans, key=lambda each: (each.start, each.end)):  # stable: insertions keep their order
        parts += [text[at : span.start], span.text]
        at = span.end
    return "".join(parts) + text[at:]


def unified_diff(old: str, new: str, name: str) -> str:
    """What `git apply` and `patch -p1` take; "" where nothing differs."""
    lines = difflib.unified_diff(_lines(old), _lines(new), f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    # Not splitlines(): a form feed or U+2028 ends no line.
    return re.findall(r"[^\n]*\n|[^\n]+\Z", text)


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read. `has_bom` says that a byte order mark stood in front of the text."""

    path: Path
    data: bytes
    text: str
    has_bom: bool


def read_source(path: Path, shown: str) -> Source:
    """The file behind all links. Raises InputError, also where it isn't UTF-8."""
    real = Path(os.path.realpath(path))
    data = read_bytes(real, shown)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is not UTF-8", place=Place(shown, 1)) from None
    return Source(real, data, text.removeprefix(_BOM), text.startswith(_BOM))


def write_source(source: Source, text: str, shown: str) -> None:
    """Replace the file's text in one step, keeping its mode. Raises InputError where it has changed meanwhile."""
    data = ((_BOM if source.has_bom else "") + text).encode("utf-8")
    try:
        with _beside(source.path, data) as temporary:
            status = source.path.stat()
            temporary.chmod(stat.S_IMODE(status.st_mode))
            with contextlib.suppress(PermissionError):
                os.chown(temporary, status.st_uid, status.st_gid)
            if read_bytes(source.path, shown) != source.data:
                raise InputError("has changed since it was read", place=Place(shown, 1), hint="run it again")
            temporary.replace(source.path)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", place=Place(shown, 1)) from error


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
