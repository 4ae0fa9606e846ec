"""Recordings as JSON and back, without loss, so that a trial can be judged again later and elsewhere.

The JSON follows the dataclasses of `model.recording` field by field: an object per value, an array per tuple, an enum's
own word, seconds as numbers. Reading is strict about what it knows and ignores fields that it doesn't (an additive
change keeps the format's number). A bad file is an InputError that says which value is wrong: never a traceback.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from seatrial.model import recording as model
from seatrial.model.errors import InputError
from seatrial.model.place import Place
from seatrial.model.recording import FORMAT, Recording

LARGEST = 1 << 30
"""Files beyond this many bytes are not read: no recording comes near it."""


class _WrongError(Exception):
    """A value of the file that can't be what it should; the path leads to it (`runs[0].exit.code`)."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the file'}: {message}")


def dumps(recording: Recording) -> str:
    """The recording as JSON text: the same text for the same recording."""
    return json.dumps(_encode(recording), ensure_ascii=True, allow_nan=False, separators=(",", ":")) + "\n"


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
        decoded = _decode(Recording, data, "")
    except _WrongError as error:
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
    try:
        if path.stat().st_size > LARGEST:
            raise InputError("is too large for a recording", place=Place(str(path), 1), hint=_HINT)
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=Place(str(path), 1), hint=_HINT) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"is not a recording: byte {error.start} is not UTF-8", place=Place(str(path), 1), hint=_HINT
        ) from None
    return loads(text, str(path))


_HINT = "a recording is written by `seatrial drill --save FILE`"


def _reject_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _check_format(data: object) -> None:
    """Refuse a file of another version before its fields are looked at."""
    if not isinstance(data, dict):
        raise _WrongError("", f"an object was expected, not {_kind(data)}")
    if "format" not in data:
        raise _WrongError("format", "is missing")
    if data["format"] != FORMAT or isinstance(data["format"], bool):
        raise _WrongError("format", f"{data['format']!r} is not supported: this version reads format {FORMAT}")


def _encode(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_encode(part) for part in value]
    if dataclasses.is_dataclass(value):
        return {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, vars(model))


def _decode(kind: Any, data: Any, path: str) -> Any:
    """`data` as a value of the type `kind`, or _WrongError."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType or origin is typing.Union:
        (inner,) = (part for part in typing.get_args(kind) if part is not type(None))
        return None if data is None else _decode(inner, data, path)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind)[0], data, path)
    if dataclasses.is_dataclass(kind):
        return _decode_object(kind, data, path)
    if issubclass(kind, Enum):
        return _decode_word(kind, data, path)
    return _decode_plain(kind, data, path)


def _decode_tuple(kind: Any, data: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _WrongError(path, f"an array was expected, not {_kind(data)}")
    return tuple(_decode(kind, part, f"{path}[{index}]") for index, part in enumerate(data))


def _decode_object(kind: Any, data: Any, path: str) -> Any:
    if not isinstance(data, dict):
        raise _WrongError(path, f"an object was expected, not {_kind(data)}")
    values = {}
    for field in dataclasses.fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in data:
            values[field.name] = _decode(_hints(kind)[field.name], data[field.name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _WrongError(place, "is missing")
    return kind(**values)


def _decode_word(kind: type[Enum], data: Any, path: str) -> Enum:
    try:
        return kind(data)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise _WrongError(path, f"{str(data)[:40]!r} is none of {known}") from None


def _decode_plain(kind: type, data: Any, path: str) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError:
            raise _WrongError(path, "the number is too large") from None
    if type(data) is not kind:
        raise _WrongError(path, f"{_NAMES[kind]} was expected, not {_kind(data)}")
    if isinstance(data, float) and not math.isfinite(data):
        raise _WrongError(path, "the number is too large")
    return data


_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def _kind(data: object) -> str:
    names = {dict: "an object", list: "an array", type(None): "null", **_NAMES}
    return names.get(type(data), type(data).__name__)
