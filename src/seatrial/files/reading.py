"""Reads the user's files: regular ones only, up to a size, as text.

A project can hold anything: a FIFO that blocks for ever, a link to /proc/kmsg, a file of gigabytes. What is read here
is opened without blocking, looked at with fstat on the open descriptor (so that nothing can be swapped in between) and
bounded. It must never hang and never raise anything but InputError.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from seatrial.files import disk
from seatrial.model.errors import InputError
from seatrial.model.place import Place

MAX_BYTES = 4 * 1024 * 1024
"""Far above any hand-written file of a project; more is a mistake or an attack."""
_CONTENT = "content up to "
_READABLE = "readable"


def read_text(path: Path | str, shown: str = "", *, limit: int = MAX_BYTES) -> str:
    """The text of a regular file, as UTF-8; bytes that are none become U+FFFD.

    `shown` is how messages call it. Raises InputError, with the file as its place, when it is missing, unreadable,
    not a regular file, or larger than `limit` bytes.
    """
    return read_bytes(path, shown, limit=limit).decode("utf-8", "replace")


def read_bytes(path: Path | str, shown: str = "", *, limit: int = MAX_BYTES) -> bytes:
    """Like `read_text`, before decoding."""
    question = f"{_CONTENT}{limit}"
    known = disk.remembered(question, str(path))
    if known is not None:
        return known
    try:
        data = _read_bytes(path, shown, limit)
    except InputError as error:
        disk.note(question, path, error.message)
        raise
    disk.note_content(question, str(path), data)
    return data


def _read_bytes(path: Path | str, shown: str, limit: int) -> bytes:
    place = Place(shown or str(path), 1)
    # Looked at before opening, too: opening a device can act (a watchdog), reading /proc/kmsg takes from others.
    _refuse_unreadable(path, place)
    try:
        # O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever (fifo(7)).
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {_reason(error)}", place=place) from error
    try:
        return _read_bounded(descriptor, place, limit)
    except OSError as error:
        raise InputError(f"cannot be read: {_reason(error)}", place=place) from error
    finally:
        os.close(descriptor)


def refuse_unreadable(path: Path, shown: str = "") -> None:
    """Raises the InputError of reading a missing file or one that isn't regular, without opening it."""
    try:
        _refuse_unreadable(path, Place(shown or str(path), 1))
    except InputError as error:
        disk.note(_READABLE, path, error.message)
        raise
    disk.note(_READABLE, path, "")


def answer(kind: str, path: str) -> str:
    """The answer to a question that was noted in `files.disk`, asked anew."""
    if kind.startswith(_CONTENT):
        try:
            return disk.digest(_read_bytes(Path(path), "", int(kind.removeprefix(_CONTENT))))
        except InputError as error:
            return error.message
    if kind == _READABLE:
        try:
            _refuse_unreadable(Path(path), Place(path, 1))
        except InputError as error:
            return error.message
        return ""
    return disk.QUESTIONS[kind](path)


def _refuse_unreadable(path: Path | str, place: Place) -> None:
    try:
        status = os.stat(path)  # noqa: PTH116 — in a path's own class it is slower
        # What takes room on a disk lies neither in /proc nor in /sys, and links are slow to follow one by one.
        real_path = "" if status.st_blocks else os.path.realpath(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {_reason(error)}", place=place) from error
    _refuse_special(status, real_path, place)


def is_regular(path: Path) -> bool:
    """Whether there is a regular file (or a link to one) here."""
    return disk.is_regular(path)


def _read_bounded(descriptor: int, place: Place, limit: int) -> bytes:
    status = os.fstat(descriptor)
    _refuse_special(status, "", place)
    parts: list[bytes] = []
    left = limit + 1
    # One byte more than there should be: what is read then ends before it, or the file has grown.
    size = min(left, max(status.st_size + 1, 4096))
    while left > 0 and (part := os.read(descriptor, min(left, size))):
        parts.append(part)
        left -= len(part)
        if len(part) < size:
            break
    if left <= 0:
        raise InputError(f"is larger than {limit // 1024} KiB", place=place)
    return b"".join(parts)


def _refuse_special(status: os.stat_result, real_path: str, place: Place) -> None:
    # Files of /proc and /sys claim to be regular, and some never end or block.
    if not stat.S_ISREG(status.st_mode) or real_path.startswith(("/proc/", "/sys/")):
        raise InputError("is not a regular file", place=place, hint="give a plain file; pipes and devices are not read")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
