"""Splits the arguments of an instruction into words, by the rule of each instruction.

All functions work on spans of a logical line, so that a word's place is never guessed. Source: buildkit's
line_parsers.go and split_command.go; where those look at bytes and so break non-ASCII text, these look at characters.
"""

from __future__ import annotations

import json
import re

from seatrial.files.dockerfile.lines import A_SPACE, SPACE, LogicalLine
from seatrial.files.dockerfile.syntax import Flag, Pair, Word
from seatrial.model.patterns import pattern

BLANK = pattern(r"[\t\v\f\r ]+")
"""What separates keyword, flags and simple words; no other kind of space does."""

_SPACE_RUN = pattern(f"{A_SPACE}*")
_LONE_SURROGATES = pattern("[\ud800-\udfff]")
_STOPS = {escape: pattern(f"[{SPACE}'\"{re.escape(escape)}]") for escape in "\\`"}
_QUOTE_STOPS = {(quote, escape): pattern(f"[{quote}{re.escape(escape)}]") for quote in "'\"" for escape in "\\`"}
_STRINGS = json.JSONDecoder(strict=True)
_APOSTROPHE = pattern("'")

Span = tuple[int, int]


class RefusalError(Exception):
    """Docker refuses this instruction; a finding is made of it and nothing else. `span` is in the logical line."""

    def __init__(self, message: str, span: Span, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.remedy = remedy


def trim(text: str, start: int, end: int) -> Span:
    """The span without the space at both ends."""
    while start < end and text[start] in SPACE:
        start += 1
    while start < end and text[end - 1] in SPACE:
        end -= 1
    return start, end


def word_at(line: LogicalLine, span: Span, text: str | None = None) -> Word:
    """The word at `span`, with another text where it was decoded."""
    return Word(line.text[span[0] : span[1]] if text is None else text, line.place(*span))


def split_blanks(text: str, start: int, end: int) -> list[Span]:
    """Words between blanks; quotes mean nothing (FROM, EXPOSE, COPY without JSON)."""
    spans, at = [], start
    for match in BLANK.finditer(text, start, end):
        spans.append((at, match.start()))
        at = match.end()
    return [*spans, (at, end)] if start < end else []


def split_quoted(text: str, start: int, end: int, escape: str) -> list[Span]:
    """Words between spaces, except inside quotes and after the escape character (ENV, LABEL, ARG)."""
    spans = []
    at = _skip_space(text, start, end)
    while at < end:
        stop, cut = _end_of_word(text, at, end, escape)
        if cut > at:
            spans.append((at, cut))
        at = _skip_space(text, stop, end)
    return spans


def _skip_space(text: str, start: int, end: int) -> int:
    match = _SPACE_RUN.match(text, start, end)
    return match.end() if match else start


def _end_of_word(text: str, at: int, end: int, escape: str) -> tuple[int, int]:
    """Where the word ends, and where its text does: an escape character with nothing behind it is dropped."""
    quote = ""
    while at < end:
        # Nothing can be escaped between single quotes.
        stops = _APOSTROPHE if quote == "'" else _QUOTE_STOPS[quote, escape] if quote else _STOPS[escape]
        match = stops.search(text, at, end)
        if match is None:
            break
        at, character = match.end(), match[0]
        if character == escape:
            if at == end:
                return end, end - 1
            at += 1
        elif character == quote:
            quote = ""
        elif character in "'\"":
            quote = character
        else:
            return match.start(), match.start()
    return end, end


def split_flags(line: LogicalLine, start: int, end: int, escape: str) -> tuple[list[Flag], int]:
    """The `--flags` at the beginning, and where the arguments begin. A lone `--` ends them."""
    flags: list[Flag] = []
    text = line.text
    at = _skip_space(text, start, end)
    while at < end and text.startswith("--", at, end):
        value, stop = _unquote(text, at, end, escape)
        if value == "--":
            return flags, stop
        flags.append(_flag(line, at, stop, value))
        at = _skip_space(text, stop, end)
    return flags, at


def _flag(line: LogicalLine, start: int, stop: int, cooked: str) -> Flag:
    name, equals, value = cooked[2:].partition("=")
    place = line.place(start, stop)
    if not equals:
        return Flag(name, None, place)
    at = line.text.index("=", start, stop) + 1
    return Flag(name, value, place, line.place(at, stop))


def _unquote(text: str, at: int, end: int, escape: str) -> tuple[str, int]:
    """A flag without its quotes and escapes, and where it ends. Here, single quotes do allow escapes."""
    parts: list[str] = []
    quote = ""
    while at < end:
        stops = _QUOTE_STOPS[quote, escape] if quote else _STOPS[escape]
        match = stops.search(text, at, end)
        if match is None:
            parts.append(text[at:end])
            return "".join(parts), end
        parts.append(text[at : match.start()])
        at, character = match.end(), match[0]
        if character == escape:
            parts.append(text[at : min(at + 1, end)])
            at += 1
        elif character == quote:
            quote = ""
        elif character in "'\"":
            quote = character
        else:
            return "".join(parts), match.start()
    return "".join(parts), min(at, end)


def read_json(line: LogicalLine, start: int, end: int) -> list[Word] | None:
    """The strings of a JSON array, or None where it is no JSON array at all (then it is a shell line). The span has no
    space at its ends.

    Raises RefusalError for a valid array with anything but strings in it.
    """
    if not line.text.startswith("[", start):
        return None
    text = line.text[start:end]
    words: list[Word] = []
    at = _skip_json_space(text, 1)
    if text.startswith("]", at):
        return words if _skip_json_space(text, at + 1) == len(text) else None
    while True:
        if not text.startswith('"', at):
            _refuse_other_json(text, start, at)
            return None
        try:
            value, stop = _STRINGS.raw_decode(text, at)
        except ValueError:
            return None
        words.append(word_at(line, (start + at, start + stop), _as_decoded(value)))
        at = _skip_json_space(text, stop)
        if text.startswith("]", at):
            return words if _skip_json_space(text, at + 1) == len(text) else None
        if not text.startswith(",", at):
            return None
        at = _skip_json_space(text, at + 1)


def _as_decoded(value: str) -> str:
    """Go's decoder makes U+FFFD of half a surrogate pair."""
    return value if value.isascii() else _LONE_SURROGATES.sub("\ufffd", value)


_JSON_SPACE = pattern(r"[ \t\n\r]*")


def _skip_json_space(text: str, at: int) -> int:
    match = _JSON_SPACE.match(text, at)
    return match.end() if match else at


def _refuse_other_json(text: str, start: int, at: int) -> None:
    """Raises RefusalError if the text is JSON after all, with something else than a string at `at`."""
    try:
        json.loads(text.strip(SPACE), parse_constant=_no_constant, parse_int=_number, parse_float=_number)
    except (ValueError, RecursionError):
        return
    message = "the JSON form takes strings only"
    raise RefusalError(message, (start + at, start + len(text)), 'Write every element in double quotes: ["a", "1"].')


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("out of range")  # as Go's decoder says, which makes it a shell line
    return value


def read_pairs(line: LogicalLine, start: int, end: int, escape: str, keyword: str) -> tuple[list[Word], list[Pair]]:
    """The words and assignments of ENV and LABEL: `name=value …`, or the old `name value`."""
    text = line.text
    spans = split_quoted(text, start, end, escape)
    words = [word_at(line, span) for span in spans]
    if not spans:
        return words, []
    if "=" not in text[slice(*spans[0])]:
        pair = _legacy_pair(line, start, end, keyword)
        return [part for part in (pair.name, pair.value) if part], [pair]
    pairs = []
    for first, last in spans:
        equals = text.find("=", first, last)
        if equals < 0:
            shown = text[first:last][:60]
            raise RefusalError(f"can't find = in {shown!r}: {keyword} takes name=value", (first, last))
        pairs.append(_pair(line, first, equals, last))
    return words, pairs


def _pair(line: LogicalLine, first: int, equals: int, last: int) -> Pair:
    value = word_at(line, (equals + 1, last))
    return Pair(word_at(line, (first, equals)), value, line.place(first, last))


def _legacy_pair(line: LogicalLine, start: int, end: int, keyword: str) -> Pair:
    blank = BLANK.search(line.text, start, end)
    if blank is None:
        raise RefusalError(f"{keyword} must have two arguments", (start, end), f"Write {keyword} name=value.")
    value = word_at(line, (blank.end(), end))
    return Pair(word_at(line, (start, blank.start())), value, line.place(start, end), legacy=True)


def read_argument(line: LogicalLine, span: Span) -> Pair:
    """One word of ARG: `name` or `name=value`."""
    equals = line.text.find("=", *span)
    if equals < 0:
        return Pair(word_at(line, span), None, line.place(*span))
    return _pair(line, span[0], equals, span[1])
