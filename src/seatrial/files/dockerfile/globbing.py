"""The patterns of `${name#…}`, `${name%…}` and `${name/…/…}`: `*` is any run of characters, `?` any one.

Matched without backtracking, by looking for the literal parts one after the other, so that no pattern can make a
Dockerfile slow to read. As in BuildKit, neither wildcard matches a newline, and there are no brackets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass

MAX_WORK = 50_000_000


class GlobError(ValueError):
    """The pattern is not valid."""


@dataclass(frozen=True, slots=True)
class _Any:
    """The token `?`; a star is None, everything else a character."""


_ONE = _Any()
Token = str | _Any | None


def _tokens(pattern: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "\\":
            following = pattern[at : at + 1]
            if following in ("}", "/"):
                continue
            if following not in ("*", "?", "\\"):
                raise GlobError(f"invalid escape '\\{following}'")
            tokens.append(following)
            at += 1
        else:
            tokens.append(None if character == "*" else _ONE if character == "?" else character)
    return tokens


class _Segment:
    """The part of a pattern between two stars."""

    def __init__(self, tokens: Sequence[str | _Any]) -> None:
        self.length = len(tokens)
        self._literal = "".join(token for token in tokens if isinstance(token, str))
        self._pattern: re.Pattern[str] | None = None
        if len(self._literal) != self.length:
            pieces = [re.escape(token) if isinstance(token, str) else "." for token in tokens]
            self._pattern = re.compile("".join(pieces))

    def find(self, text: str, start: int) -> int:
        """Where it first occurs from `start` on, or -1."""
        if self._pattern is None:
            return text.find(self._literal, start)
        self._measure(text)
        match = self._pattern.search(text, start)
        return match.start() if match else -1

    def find_last(self, text: str, start: int) -> int:
        """Where it last occurs, not before `start`, or -1."""
        if self._pattern is None:
            return text.rfind(self._literal, start)
        self._measure(text)
        last = len(text) - self.length
        return next((at for at in range(last, start - 1, -1) if self._pattern.match(text, at)), -1)

    def is_at(self, text: str, at: int) -> bool:
        """Whether it occurs at this very place."""
        return text.startswith(self._literal, at) if self._pattern is None else bool(self._pattern.match(text, at))

    def _measure(self, text: str) -> None:
        if len(text) * self.length > MAX_WORK:
            raise GlobError("it would take too long")


class _Glob:
    def __init__(self, tokens: Sequence[Token]) -> None:
        segments: list[list[str | _Any]] = [[]]
        for token in tokens:
            if token is None:
                segments.append([])
            else:
                segments[-1].append(token)
        self._first = _Segment(segments[0])
        self._rest = [
            _Segment(each) for index, each in enumerate(segments[1:], 1) if each or index == len(segments) - 1
        ]

    def match(self, line: str, start: int, *, greedy: bool) -> int:
        """The end of the shortest or longest match that begins at `start`, or -1. `line` has no newline."""
        if not self._first.is_at(line, start):
            return -1
        end = start + self._first.length
        for index, segment in enumerate(self._rest):
            last = index == len(self._rest) - 1
            at = segment.find_last(line, end) if greedy and last else segment.find(line, end)
            if at < 0:
                return -1
            end = at + segment.length
        return end

    def search(self, line: str, start: int) -> tuple[int, int] | None:
        """The leftmost, then longest match from `start` on. If the first place fails, so do all behind it, because
        a star can only shrink there."""
        at = self._first.find(line, start)
        end = self.match(line, at, greedy=True) if at >= 0 else -1
        return (at, end) if end >= 0 else None


def trim_prefix(value: str, pattern: str, *, greedy: bool) -> str:
    """The value without the shortest (or longest) beginning that the pattern matches."""
    return _trimmed(value, _tokens(pattern), greedy)


def trim_suffix(value: str, pattern: str, *, greedy: bool) -> str:
    """The value without the shortest (or longest) end that the pattern matches."""
    return _trimmed(value[::-1], _tokens(pattern)[::-1], greedy)[::-1]


def _trimmed(value: str, tokens: Sequence[Token], greedy: bool) -> str:
    end = _Glob(tokens).match(value.partition("\n")[0], 0, greedy=greedy)
    return value[end:] if end > 0 else value


def replace(value: str, pattern: str, replacement: str, *, every: bool, limit: int) -> str:
    """The value with the first (or every) match replaced. Raises GlobError if it would be longer than `limit`."""
    glob = _Glob(_tokens(pattern))
    parts: list[str] = []
    length, going = 0, True
    for number, line in enumerate(value.split("\n")):
        if number:
            parts.append("\n")
        at = 0
        while going and (found := glob.search(line, at)):
            start, end = found
            parts.append(line[at:start])
            parts.append(_template(replacement, line[start:end]) if every else replacement)
            length += len(parts[-1])
            if length > limit:
                raise GlobError(f"the result is longer than {limit} characters")
            at, going = end, every
            if end == start:  # an empty match: go on behind the next character
                parts.append(line[end : end + 1])
                at = end + 1
                if at > len(line):
                    break
            elif at == len(line):
                break
        parts.append(line[at:])
    return "".join(parts)


_VARIABLE = pattern(r"\$(?:\$|\{(\w+)\}|(\w+))")


def _template(replacement: str, matched: str) -> str:
    """BuildKit hands the replacement of `//` to Go's regexp, where `$0` is the match and other names are empty."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return matched if (match[1] or match[2]) == "0" else ""

    return _VARIABLE.sub(value, replacement)
