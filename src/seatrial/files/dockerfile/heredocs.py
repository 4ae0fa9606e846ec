"""Recognises the `<<NAME` that opens a here-document. It never looks for the body: reading does."""

from __future__ import annotations

import re

from seatrial.files.dockerfile.expansion import ExpansionError, Options, expand_words
from seatrial.files.dockerfile.syntax import Heredoc
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

_OPENING = pattern(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)\Z", re.ASCII)
_LINE = Options(raw_quotes=True, raw_escapes=True, skip_unset=True)
_KEEP_QUOTES = Options(raw_quotes=True, skip_unset=True)
_DROP_QUOTES = Options(skip_unset=True)


def heredoc_openings(line: str) -> list[Heredoc]:
    """The heredocs that a whole instruction opens, bodies still empty. Raises ExpansionError."""
    try:
        words = expand_words(line, {}, _LINE)
    except ExpansionError:
        return []  # as BuildKit: a line that is no proper shell line has no heredocs
    openings = [heredoc_opening(word) for word in words if "<<" in word]
    return [opening for opening in openings if opening is not None]


def heredoc_opening(word: str) -> Heredoc | None:
    """The heredoc that this word opens, its body still empty; None if it is none. Raises ExpansionError.

    It is read with and without its quotes: if a quote goes away, the name was quoted, and the body is not expanded.
    The escape character of heredocs is always the backslash.
    """
    match = _OPENING.match(word)
    if match is None or not match[3]:
        return None
    plain = expand_words(match[3], {}, _DROP_QUOTES)
    if len(plain) != 1:
        return None
    raw = expand_words(match[3], {}, _KEEP_QUOTES)
    if len(raw) != 1:
        raise ExpansionError(f"{match[3]!r} is ambiguous")
    expands = _quotes(raw[0]) == _quotes(plain[0])
    descriptor = int(match[1]) if match[1] and len(match[1]) < 19 else 0
    return Heredoc(plain[0], "", expands, match[2] == "-", descriptor, Place("", 1))


def is_heredoc(word: str) -> bool:
    """Whether this word of COPY or ADD stands for a heredoc."""
    if "<<" not in word:
        return False
    try:
        return heredoc_opening(word) is not None
    except ExpansionError:
        return False


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
