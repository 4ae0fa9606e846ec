"""Values of the model as JSON's plain values and back, without loss.

The JSON follows the dataclasses field by field: an object per value or mapping, an array per tuple, an enum's own
word. Decoding is strict about what it knows and ignores fields that it doesn't (an additive change needs no new
version): a bad value is a `WrongError` that says where it stands, never a traceback.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import math
import sys
import types
import typing
from enum import Enum
from functools import cache
from typing import Any

_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


class WrongError(Exception):
    """A value that can't be what it should; the path leads to it (`runs[0].exit.code`)."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path or 'the file'}: {message}")


def encode(value: Any) -> Any:
    """The value as dictionaries, lists and plain values."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [encode(part) for part in value]
    if dataclasses.is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, collections.abc.Mapping):
        return {key: encode(part) for key, part in value.items()}
    return value


def decode(kind: Any, data: Any, path: str = "") -> Any:
    """`data` as a value of the type `kind`. Raises WrongError."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType or origin is typing.Union:
        (inner,) = (part for part in typing.get_args(kind) if part is not type(None))
        return None if data is None else decode(inner, data, path)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind)[0], data, path)
    if origin is collections.abc.Mapping:
        return _decode_mapping(typing.get_args(kind)[1], data, path)
    if dataclasses.is_dataclass(origin or kind):
        return _decode_object(origin or kind, typing.get_args(kind), data, path)
    if issubclass(kind, Enum):
        return _decode_word(kind, data, path)
    return _decode_plain(kind, data, path)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, vars(sys.modules[kind.__module__]))


def _decode_tuple(kind: Any, data: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise WrongError(path, f"an array was expected, not {kind_of(data)}")
    return tuple(decode(kind, part, f"{path}[{index}]") for index, part in enumerate(data))


def _decode_mapping(kind: Any, data: Any, path: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise WrongError(path, f"an object was expected, not {kind_of(data)}")
    return {name: decode(kind, part, f"{path}.{name}") for name, part in data.items()}


def _decode_object(kind: Any, arguments: tuple[Any, ...], data: Any, path: str) -> Any:
    """A dataclass; `arguments` are those of a generic one (`Sourced[int]`)."""
    if not isinstance(data, dict):
        raise WrongError(path, f"an object was expected, not {kind_of(data)}")
    standing_for = dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False))
    values = {}
    for field in dataclasses.fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in data:
            hint = _hints(kind)[field.name]
            values[field.name] = decode(standing_for.get(hint, hint), data[field.name], place)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise WrongError(place, "is missing")
    return kind(**values)


def _decode_word(kind: type[Enum], data: Any, path: str) -> Enum:
    try:
        return kind(data)
    except ValueError:
        known = ", ".join(repr(member.value) for member in kind)
        raise WrongError(path, f"{str(data)[:40]!r} is none of {known}") from None


def _decode_plain(kind: type, data: Any, path: str) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        try:
            return float(data)
        except OverflowError:
            raise WrongError(path, "the number is too large") from None
    if type(data) is not kind:
        raise WrongError(path, f"{_NAMES.get(kind, kind.__name__)} was expected, not {kind_of(data)}")
    if isinstance(data, float) and not math.isfinite(data):
        raise WrongError(path, "the number is too large")
    return data


def kind_of(data: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "an array", type(None): "null", **_NAMES}
    return names.get(type(data), type(data).__name__)
