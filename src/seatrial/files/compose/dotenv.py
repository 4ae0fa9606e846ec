"""The grammar of `.env` and `env_file`, as compose reads it.

Comments, `export`, quotes, several lines in quotes, escapes in double quotes, variables everywhere but in single
quotes, and a name alone that takes its value from outside. Text in, assignments with their lines out; opens no file.
Two things differ on purpose: a line without a name is an error here (the engine refuses it later), and a name alone on
a last line without a line end counts (compose takes it for the value of a variable without a name).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import MutableMapping

from seatrial.files.compose.interpolation import InterpolationError, Lookup, interpolate
from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass

_BLANKS = "\t\v\f\r \x85\xa0"
"""What is skipped around names: white space without line ends."""
_EXPORT = pattern(rf"export[{_BLANKS}]+")
_ESCAPE = pattern(r"\\(?:([abcfnrtv$\"\\])|0([0-9]{0,3}))")
_ESCAPED = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "$": "$$",
    '"': '"',
    "\\": "\\",
}
_MAX_TOTAL = 16 << 20
"""Characters of all values of one file, for the same reason as `interpolation.MAX_LENGTH`."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One variable and where in the file its name stands."""

    name: str
    value: str
    line: int
    column: int


class EnvFileError(Exception):
    """A file that breaks the grammar, at a line and column."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


def parse_env(text: str, lookup: Lookup, known: MutableMapping[str, str]) -> list[Assignment]:
    """The assignments of a file, in order; each is also put into `known`.

    Variables in values are looked up with `lookup` and then in `known`. Raises EnvFileError; `known` then holds what
    stood before the error.
    """
    return _Reader(text.removeprefix("\ufeff"), lookup, known).read()


def parse_raw_env(text: str, lookup: Lookup, known: MutableMapping[str, str]) -> list[Assignment]:
    """The same for `format: raw`: one `NAME=value` a line, the value exactly as written."""
    found: list[Assignment] = []
    for number, whole in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = whole.removesuffix("\r").lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not name or any(character.isspace() for character in name):
            raise EnvFileError(f"{name!r} is not a variable's name", number, 1)
        outside = value if equals else lookup(name)
        if outside is not None:
            known[name] = outside
            found.append(Assignment(name, outside, number, whole.index(line[0]) + 1))
    return found


class _Reader:
    def __init__(self, text: str, lookup: Lookup, known: MutableMapping[str, str]) -> None:
        self.text = text
        self.position = 0
        self.outside = lookup
        self.known = known
        self.found: list[Assignment] = []
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def read(self) -> list[Assignment]:
        total = 0
        while self._skip_to_statement():
            start = self.position
            name, has_value = self._name()
            if has_value:
                value: str | None = self._value()
            else:
                value = self.outside(name)
            if value is not None:
                total += len(value)
                if total > _MAX_TOTAL:
                    raise self._error("the values of this file are too long together", start)
                self.known[name] = value
                line, column = self._at(start)
                self.found.append(Assignment(name, value, line, column))
        return self.found

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def _error(self, message: str, offset: int) -> EnvFileError:
        return EnvFileError(message, *self._at(offset))

    def _skip_to_statement(self) -> bool:
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "#":
                end = self.text.find("\n", self.position)
                self.position = len(self.text) if end < 0 else end
            elif not character.isspace():
                if match := _EXPORT.match(self.text, self.position):
                    self.position = match.end()
                return self.position < len(self.text)
            else:
                self.position += 1
        return False

    def _name(self) -> tuple[str, bool]:
        """The name, and whether a value follows; the position is then at the value."""
        start = self.position
        for index in range(start, len(self.text)):
            character = self.text[index]
            if character in "=:\n":
                return self._named(start, index, character != "\n")
            if not (character.isalnum() or character in "_.-[]" or character in _BLANKS):
                raise self._error(f"{character!r} can't be part of a variable's name", index)
        return self._named(start, len(self.text), False)

    def _named(self, start: int, end: int, has_value: bool) -> tuple[str, bool]:
        name = self.text[start:end].rstrip()
        if " " in name:
            raise self._error(f"a variable's name can't contain a space: {name!r}", start)
        if not name and has_value:
            raise self._error("a variable's name is missing before this", end)
        self.position = min(end + 1, len(self.text))
        while has_value and self.position < len(self.text) and self.text[self.position] in _BLANKS:
            self.position += 1
        return name, has_value

    def _value(self) -> str:
        start = self.position
        quote = self.text[start : start + 1]
        if quote in ("'", '"') and quote:
            return self._quoted(quote)
        end = self.text.find("\n", start)
        end = len(self.text) if end < 0 else end
        self.position = end
        return self._interpolated(self.text[start:end].partition(" #")[0].rstrip(), start)

    def _quoted(self, quote: str) -> str:
        start = self.position
        parts: list[str] = []
        index = start + 1
        while index < len(self.text):
            character = self.text[index]
            if character == quote:
                self.position = index + 1
                value = "".join(parts)
                return value if quote == "'" else self._interpolated(_ESCAPE.sub(_unescape, value), start)
            if character == "\\" and index + 1 < len(self.text):
                index += 1
                following = self.text[index]
                parts.append(following if following == quote else character + following)
            else:
                parts.append(character)
            index += 1
        raise self._error(f"the quote {quote} is never closed", start)

    def _interpolated(self, text: str, offset: int) -> str:
        try:
            return interpolate(text, self._lookup).text
        except InterpolationError as error:
            raise self._error(error.message, offset) from None

    def _lookup(self, name: str) -> str | None:
        outside = self.outside(name)
        return self.known.get(name) if outside is None else outside


def _unescape(match: re.Match[str]) -> str:
    letter, digits = match[1], match[2]
    if letter:
        return _ESCAPED.get(letter, match[0])
    if len(digits) == 3 and all(digit in "01234567" for digit in digits) and int(digits, 8) < 256:
        return chr(int(digits, 8))
    return "\\" + digits
