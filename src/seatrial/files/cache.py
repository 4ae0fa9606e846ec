"""Keeps the answers of earlier runs: what was printed, with every question to the disk that it stands on.

An answer counts as long as each of those questions has the same answer as then: contents by their hash, listings,
whether something is there (`files.disk`). So nothing that has changed can be overlooked, whatever its time stamp says,
and a fresh checkout finds what an earlier one left. Nothing of a file is kept but what the report itself showed, and
that without secrets; others can't read it. It must never make a run fail: what can't be read or written, is broken or
belongs to somebody else is as if it weren't there. Entries appear whole (written aside, then renamed), each has a
checksum, and the oldest go when there are too many.
"""

from __future__ import annotations

import json
import os
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seatrial.files.disk import Notes, digest, is_consistent
from seatrial.files.reading import answer
from seatrial.model.values import dataclass

MAX_ENTRIES = 256
MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRY_BYTES = 16 * 1024 * 1024
_MAGIC = b"seatrial answer 1\n"
_ENDING = ".answer"
_Grouped = dict[str, dict[str, list[str]]]
"""Paths by what is asked of them, and by the answer: there are few of both."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run printed, and its exit code. `talk` are lines for stderr."""

    code: int
    text: str
    talk: tuple[str, ...] = ()


class Cache:
    """The answers in one directory, which is made when the first is kept."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def look(self, key: str) -> Answer | None:
        """The answer that was kept under this key, if everything that it stands on is as it was."""
        file = self._file(key)
        try:
            kept = _load(_read_own(file))
            if not _are_as_before(kept["notes"]):
                return None
            found = Answer(int(kept["code"]), str(kept["text"]), tuple(str(line) for line in kept["talk"]))
            os.utime(file)  # the oldest are those that nobody has asked for
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return found

    def keep(self, key: str, kept: Answer, notes: Notes) -> None:
        """Keep this answer, which stands on these notes."""
        if not is_consistent(notes):
            return
        data = _dump(kept, notes)
        if len(data) > MAX_ENTRY_BYTES:
            return
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(self.directory.stat()):
                _write_whole(self._file(key), data)
                self._forget_the_oldest()
        except OSError:
            return

    def _file(self, key: str) -> Path:
        return self.directory / (digest(key.encode("utf-8", "surrogatepass")) + _ENDING)

    def _forget_the_oldest(self) -> None:
        """Until what is left is within the bounds. Another run may be doing the same."""
        with os.scandir(self.directory) as entries:
            found = sorted(
                ((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in entries), reverse=True
            )
        size = 0
        for count, (_, each, path) in enumerate(found):
            size += each
            if count >= MAX_ENTRIES or size > MAX_BYTES:
                Path(path).unlink(missing_ok=True)


def default_directory() -> Path | None:
    """`$XDG_CACHE_HOME/seatrial/check`, by the XDG base directory specification; None without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):
        home = os.path.expanduser("~")  # noqa: PTH111 — gives "~" back where Path.home raises
        if not home.startswith("/"):
            return None
        base = home + "/.cache"
    return Path(base) / "seatrial" / "check"


def fingerprint(directories: Sequence[str]) -> str:
    """What tells one state of the code in these directories from another: names, sizes and times of its modules."""
    found: list[str] = []
    waiting = list(directories)
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        waiting.append(entry.path)
                elif entry.name.endswith((".py", ".json")):
                    status = entry.stat()
                    found.append(f"{entry.path} {status.st_size} {status.st_mtime_ns}")
    return digest("\n".join(sorted(found)).encode("utf-8", "surrogateescape"))


def _is_ours(status: os.stat_result) -> bool:
    """Whether nobody else can have put something here."""
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _read_own(file: Path) -> bytes:
    """Raises OSError where it is missing, or not ours."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 — an open descriptor, not a path
        status = os.fstat(descriptor)
        if not (stat.S_ISREG(status.st_mode) and _is_ours(status) and status.st_size <= MAX_ENTRY_BYTES):
            raise PermissionError(f"{file} is not ours")
        return stream.read(MAX_ENTRY_BYTES)


def _write_whole(file: Path, data: bytes) -> None:
    aside = file.with_name(f"{file.stem}.{os.getpid()}.{os.urandom(4).hex()}.new")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as stream:  # noqa: PTH123  # a descriptor
            stream.write(data)
        aside.replace(file)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _are_as_before(notes: _Grouped) -> bool:
    return all(
        answer(kind, path) == said
        for kind, answers in notes.items()
        for said, paths in answers.items()
        for path in paths
    )


def _dump(kept: Answer, notes: Notes) -> bytes:
    grouped: _Grouped = {}
    for (kind, path), said in notes.items():
        grouped.setdefault(kind, {}).setdefault(said, []).append(path)
    document = {"code": kept.code, "text": kept.text, "talk": kept.talk, "notes": grouped}
    packed = zlib.compress(json.dumps(document).encode(), 1)
    return _MAGIC + digest(packed).encode() + b"\n" + packed


def _load(data: bytes) -> dict[str, Any]:
    """Raises ValueError for what isn't whole."""
    magic, said, packed = data[: len(_MAGIC)], data[len(_MAGIC) : len(_MAGIC) + 32], data[len(_MAGIC) + 33 :]
    if magic != _MAGIC or said.decode("ascii", "replace") != digest(packed):
        raise ValueError("not an answer, or broken")
    unpacked = zlib.decompressobj().decompress(packed, 16 * MAX_ENTRY_BYTES)
    document = json.loads(unpacked)
    if not isinstance(document, dict):
        raise ValueError("not an answer")
    return document
