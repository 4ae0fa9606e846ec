"""What a plain YAML scalar means, by the rules of the parser that compose uses (go-yaml).

That is YAML 1.2's core schema with a few leftovers: `0777` is octal and `1_000` a number, but `yes` and `on` are
strings and `22:22` is no sexagesimal number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.files.compose.nodes import Value
from seatrial.model.patterns import pattern

if TYPE_CHECKING:
    from datetime import date

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_SPECIAL_FLOATS = {
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER = pattern(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[1-9][0-9]*|0)")
_FLOAT = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = pattern(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_SURE_TO_FIT = 19
"""A number of fewer digits fits into 64 bits."""
_LONGEST = 100
"""A longer number fits into no 64 bits and would only cost time."""


def resolve(text: str) -> Value:
    """The value of a plain scalar without a tag."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[text]
    if text[0] in "+-.0123456789" and len(text) <= _LONGEST:
        number = _number(text)
        return text if number is None else number
    return text


def resolve_tagged(text: str, tag: str, plain: bool) -> Value:
    """The value of a scalar that may have a tag; `plain` is whether it stood without quotes.

    Raises ValueError if the text is not what the tag promises.
    """
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if kind == tag:  # no tag, or an unknown one, which compose ignores
        return resolve(text) if plain and not tag else text
    if kind in ("int", "float", "bool", "null"):
        value = resolve(text)
        wanted = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "bool"):
            raise ValueError(f"{text!r} is tagged !!{kind} and is none")
        return float(value) if kind == "float" and isinstance(value, int) else value
    return text


def _number(text: str) -> int | float | date | None:
    if "-" in text and (match := _DATE.fullmatch(text)):
        return _date(*map(int, match.groups()))
    if text.isdecimal() and text.isascii() and text[0] != "0" and len(text) < _SURE_TO_FIT:
        return int(text)
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        value = _integer(plain)
        if value == 0 and plain.startswith("-"):
            return -0.0
        if -(2**63) <= value < 2**64:
            return value
    return float(plain) if _FLOAT.fullmatch(plain) else None


def _date(year: int, month: int, day: int) -> date | None:
    from datetime import date

    try:
        return date(year, month, day)
    except ValueError:
        return None


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)
