"""Recordings as JSON and back, without loss, so that a trial can be judged again later and elsewhere.

The JSON follows the dataclasses of `model.recording` field by field: an object per value, an array per tuple, an enum's
own word, seconds as numbers. Reading is strict about what it knows and ignores fields that it doesn't (an additive
change keeps the format's number). A bad file is an InputError that says which value is wrong: never a traceback.
"""

from __future__ import annotations

import json
from pathlib import Path

from seatrial.model.codec import WrongError, decode, encode, kind_of
from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.model.recording import FORMAT, Recording

LARGEST = 1 << 30
"""Files beyond this many bytes are not read: no recording comes near it."""


def dumps(recording: Recording) -> str:
    """The recording as JSON text: the same text for the same recording."""
    return json.dumps(encode(recording), ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


def loads(text: str, file: str = "recording") -> Recording:
    """The recording in this text. Raises InputError, with the place, for anything else."""
    try:
        data = json.loads(text, parse_constant=_reject_constant)
    except json.JSONDecodeError as error:
        raise InputError(
            f"is not JSON: {error.msg}", place=Place(file, error.lineno, error.colno), hint=_HINT
        ) from None
    except (RecursionError, ValueError) as error:
        raise InputError(f"is not a recording: {error}", place=Place(file, 1), hint=_HINT) from None
    try:
        _check_format(data)
        decoded = decode(Recording, data)
    except WrongError as error:
        raise InputError(f"is not a recording: {error}", place=Place(file, 1), hint=_HINT) from None
    assert isinstance(decoded, Recording)
    return decoded


def save(recording: Recording, path: Path) -> None:
    """Write the recording to a file, whole or not at all. Raises InputError where the file can't be written."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(dumps(recording), encoding="ascii")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"cannot be written: {error.strerror}", place=Place(str(path), 1)) from None


def load(path: Path) -> Recording:
    """Read a recording from a file. Raises InputError for a file that is missing, unreadable or no recording."""
    return loads(read(path), str(path))


def read(path: Path) -> str:
    """The text of a file that may be a recording. Raises InputError where it can't be read, or is none surely."""
    try:
        if path.stat().st_size > LARGEST:
            raise InputError("is too large for a recording", place=Place(str(path), 1), hint=_HINT)
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=Place(str(path), 1), hint=_HINT) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not a recording: byte {error.start} is not UTF-8", place=Place(str(path), 1), hint=_HINT
        ) from None


_HINT = "a recording is written by `seatrial drill --save FILE`"


def _reject_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _check_format(data: object) -> None:
    """Refuse a file of another version before its fields are looked at."""
    if not isinstance(data, dict):
        raise WrongError("", f"an object was expected, not {kind_of(data)}")
    if "format" not in data:
        raise WrongError("format", "is missing")
    if data["format"] != FORMAT or isinstance(data["format"], bool):
        raise WrongError("format", f"{data['format']!r} is not supported: this version reads format {FORMAT}")
