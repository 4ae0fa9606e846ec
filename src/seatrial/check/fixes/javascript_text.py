"""Where a call and its statement end in JavaScript or TypeScript, by brackets and quotes alone. Pure.

Gives nothing where a slash may begin a regular expression, which only a whole grammar could tell from a division.
"""

from __future__ import annotations

import re

from seatrial.model.place import Place

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_REST = re.compile(r"[ \t]*;?[ \t]*(?://[^\n]*)?\r?(?=\n|$)")


def offset(text: str, place: Place) -> int:
    """How far into the text the place begins."""
    at = 0
    for _ in range(place.line - 1):
        at = text.find("\n", at) + 1
    return at + place.column - 1


def end_of_call(text: str, at: int) -> int:
    """Behind the bracket that closes the call whose name ends at `at` or a little later; 0 where that isn't sure."""
    opened = text.find("(", at)
    if opened < 0 or not re.fullmatch(r"[\w$.]*\s*", text[at:opened]):
        return 0
    waiting: list[str] = []
    at = opened
    while at < len(text):
        sign = text[at]
        if sign in "'\"`":
            at = _end_of_string(text, at)
            if not at:
                return 0
            continue
        if sign == "/":
            at = _end_of_comment(text, at)
            if not at:
                return 0
            continue
        if sign in _CLOSING:
            waiting.append(_CLOSING[sign])
        elif sign in ")]}" and waiting.pop() != sign:
            return 0
        at += 1
        if not waiting:
            return at
    return 0


def end_of_line(text: str, at: int) -> int:
    """The end of the line on which a statement ends at `at`; 0 where anything more stands there."""
    found = _REST.match(text, at)
    return found.end() - (1 if found.group().endswith("\r") else 0) if found else 0


def _end_of_string(text: str, at: int) -> int:
    quote = text[at]
    found = re.compile(rf"(?:\\.|[^\\{quote}])*{quote}", re.DOTALL).match(text, at + 1)
    if found is None or (quote == "`" and "${" in found.group()) or (quote != "`" and "\n" in found.group()):
        return _end_of_template(text, at) if quote == "`" else 0
    return found.end()


def _end_of_template(text: str, at: int) -> int:
    """Of a template whose `${…}` hold neither templates nor braces."""
    found = re.compile(r"`(?:\\.|\$\{[^`{}]*\}|[^`\\$]|\$(?!\{))*`", re.DOTALL).match(text, at)
    return found.end() if found else 0


def _end_of_comment(text: str, at: int) -> int:
    if text.startswith("//", at):
        end = text.find("\n", at)
        return end if end > 0 else len(text)
    if text.startswith("/*", at):
        return text.find("*/", at) + 2
    return 0
