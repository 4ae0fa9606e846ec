"""Compose's variables: `$V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+r} ${V+r}`, nested, and `$$` for a dollar.

Text in, text out. A value that is put in is never looked at again, so the result is no longer than text and values
allow. A lone `$` that starts no variable stays as it is, as in compose. Never reads the process's environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass, field

Lookup: TypeAlias = Callable[[str], str | None]
"""Gives the value of a variable, or None where it isn't set."""

_REFERENCE = pattern(r"\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|(\{))")
_NAME = pattern(r"[_a-zA-Z][_a-zA-Z0-9]*")
_OPERATORS = (":?", ":-", ":+", "?", "-", "+")
_MAX_NESTING = 30
MAX_LENGTH = 1 << 20
"""Characters of one result: variables that hold variables could otherwise double their length line by line."""


class InterpolationError(Exception):
    """A text that can't be interpolated, from `offset` on. `missing` is the required variable that has no value."""

    def __init__(self, message: str, offset: int, missing: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.missing = missing


@dataclass(slots=True)
class Interpolated:
    """The result. `unset` are the variables that had no value and no default, each with the offset of its use."""

    text: str
    unset: list[tuple[str, int]] = field(default_factory=list)


def interpolate(text: str, lookup: Lookup) -> Interpolated:
    """The text with its variables replaced. Raises InterpolationError."""
    result = Interpolated("")
    result.text = _substitute(text, 0, lookup, result, 0) if "$" in text else text
    return result


def _substitute(text: str, origin: int, lookup: Lookup, result: Interpolated, nesting: int) -> str:
    if nesting > _MAX_NESTING:
        raise InterpolationError(f"variables are nested deeper than {_MAX_NESTING} levels", origin)
    parts: list[str] = []
    position = length = 0
    while match := _REFERENCE.search(text, position):
        parts.append(text[position : match.start()])
        position = match.end()
        offset = origin + match.start()
        if match[1]:
            parts.append("$")
        elif match[2]:
            parts.append(_value(match[2], offset, lookup, result))
        else:
            end = _closing(text, position)
            if end < 0:
                raise _invalid(text[match.start() :], offset)
            inner = text[position:end]
            parts.append(_braced(inner, offset, lookup, result, nesting))
            position = end + 1
        length += len(parts[-1])
        if length > MAX_LENGTH:
            raise InterpolationError("the variables make this too long", offset)
    parts.append(text[position:])
    return "".join(parts)


def _closing(text: str, start: int) -> int:
    """The index of the brace that closes the one before `start`, on the same line; -1 if there is none."""
    line_end = text.find("\n", start)
    line_end = len(text) if line_end < 0 else line_end
    depth = 1
    for index in range(start, line_end):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    # Braces that don't balance: compose then takes the last one of the line.
    return text.rfind("}", start, line_end)


def _braced(inner: str, offset: int, lookup: Lookup, result: Interpolated, nesting: int) -> str:
    match = _NAME.match(inner)
    if not match:
        raise _invalid("${" + inner + "}", offset)
    name, rest = match[0], inner[match.end() :]
    if not rest:
        return _value(name, offset, lookup, result)
    operator = next((word for word in _OPERATORS if rest.startswith(word)), None)
    if operator is None:
        raise _invalid("${" + inner + "}", offset)
    word = rest[len(operator) :]
    origin = offset + 2 + match.end() + len(operator)
    value = lookup(name)
    is_said = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        return _substitute(word, origin, lookup, result, nesting + 1) if is_said else ""
    if is_said and value is not None:
        return value
    if operator.endswith("-"):
        return _substitute(word, origin, lookup, result, nesting + 1)
    reason = _substitute(word, origin, lookup, result, nesting + 1)
    raise InterpolationError(
        f"the required variable {name} has no value" + (f": {reason}" if reason else ""), offset, missing=name
    )


def _value(name: str, offset: int, lookup: Lookup, result: Interpolated) -> str:
    value = lookup(name)
    if value is None:
        result.unset.append((name, offset))
        return ""
    return value


def _invalid(text: str, offset: int) -> InterpolationError:
    shown = text if len(text) <= 60 else text[:57] + "…"
    return InterpolationError(f"{shown!r} is not a variable; a dollar sign that is meant is written $$", offset)
