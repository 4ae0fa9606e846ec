"""Matches the expressions that moby makes of patterns: all possible positions at once, as the bits of one number.

A character costs a few operations on that number, whatever the pattern: there is nothing to try again, and no pattern
and no path for which this takes longer than their lengths multiplied. The tokens are those of `files.globs`, in
Python's words and with Go's meaning. It must never raise anything but BadPatternError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from seatrial.model.values import dataclass

NAMES, DIRECTORIES, ANYTHING = "[^/]*", "(.*/)?", ".*"
STARS = (NAMES, DIRECTORIES, ANYTHING)
MAX_STEPS = 10_000
"""Beyond the number of tokens: what repetitions may add."""
MAX_REPEATS = 1000
"""Go's own limit for one repetition."""
MAX_CHARACTERS = 128
"""Of how many different characters it is remembered which steps they take."""

_REPEATS = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_LONGEST_REPEATS = 64
"""Characters, with room to spare: longer ones have a count that Go refuses."""


def _is_edge(text: str, at: int) -> bool:
    """Whether a word begins or ends here, in Go's ASCII."""
    return _is_word(text[at - 1 : at]) != _is_word(text[at : at + 1])


def _is_word(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalnum())


_HOLDS: dict[str, Callable[[str, int], bool]] = {
    "^": lambda _text, at: at == 0,
    "\\A": lambda _text, at: at == 0,
    "\\Z": lambda text, at: at == len(text),
    "\\b": _is_edge,
    "\\B": lambda text, at: not _is_edge(text, at),
}
"""What matches a place between two characters, and when."""


class BadPatternError(ValueError):
    """The pattern is malformed; Docker refuses it."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One token. `may_skip` says that it may match nothing, `may_stay` that it may match any number."""

    token: str
    may_skip: bool = False
    may_stay: bool = False


def is_quirky(tokens: Sequence[str]) -> bool:
    """Whether there is more in it than characters and wildcards."""
    return any(token in _HOLDS or token in ("|", "{", "*") for token in tokens)


class Walk:
    """The matcher of an expression without alternatives."""

    def __init__(self, tokens: Sequence[str], *, from_start: bool = True, to_end: bool = True) -> None:
        """Raises BadPatternError."""
        steps = list(_steps(tokens))
        self._count = len(steps)
        self._last = 1 << len(steps)
        self._from_start, self._to_end = from_start, to_end
        self._skips = _bits(step.may_skip for step in steps)
        self._directories = _bits(step.token == DIRECTORIES for step in steps)
        self._places = {
            token: _bits(step.token == token for step in steps)
            for token in {step.token for step in steps} & _HOLDS.keys()
        }
        runs = _runs(steps)
        self._takers = [(takes, runs[token]) for token, takes in _takers(steps)]
        self._stays = _bits(step.may_stay for step in steps)
        self._characters: dict[str, int] = {}
        self._known = "", self._skipped("", 0, 1), 0, False

    def matches(self, text: str) -> bool:
        """Whether the whole text is matched, or with `from_start` or `to_end` false some part of it."""
        positions, inside = self._skipped(text, 0, 1), 0
        for at, character in enumerate(text):
            if not self._to_end and positions & self._last:
                return True
            positions, inside = self._moved(positions, inside, character)
            positions = self._skipped(text, at + 1, positions if self._from_start else positions | 1)
        return bool(positions & self._last)

    def covers(self, path: str) -> bool:
        """Whether the whole of the path or of one of the directories above it is matched; for expressions that aren't
        quirky. The way to the last directory is remembered: what is asked for next often lies in it."""
        known, positions, inside, is_covered = self._known
        if not path.startswith(known):
            known, positions, inside, is_covered = "", self._skipped("", 0, 1), 0, False
        end = path.rfind("/")
        for at in range(len(known), len(path)):
            if is_covered or not (positions or inside):
                self._known = path[:at], positions, inside, is_covered
                return is_covered
            is_covered = path[at] == "/" and bool(positions & self._last)
            positions, inside = self._moved(positions, inside, path[at])
            positions = self._skipped("", 0, positions)
            if at == end:
                self._known = path[: at + 1], positions, inside, is_covered
        return is_covered or bool(positions & self._last)

    def _moved(self, positions: int, inside: int, character: str) -> tuple[int, int]:
        """Where one character leads. `inside` are the wildcards for directories that wait for their slash."""
        taken = self._characters.get(character)
        if taken is None:
            taken = self._taking(character)
        taken &= positions
        reached = (taken & ~self._stays) << 1 | taken & self._stays
        if self._directories:
            inside = (inside | positions & self._directories) if character != "\n" else 0
            if character == "/":
                reached |= inside << 1
        return reached, inside

    def _taking(self, character: str) -> int:
        """The steps that take this character."""
        flags = bytearray(b"0") * (self._count + 1)
        for takes, runs in self._takers:
            if takes(character):
                for start, end in runs:
                    flags[self._count + 1 - end : self._count + 1 - start] = b"1" * (end - start)
        if len(self._characters) >= MAX_CHARACTERS:
            self._characters.clear()
        self._characters[character] = taken = int(flags, 2)
        return taken

    def _skipped(self, text: str, at: int, positions: int) -> int:
        """These positions, and those behind steps that may match nothing here."""
        skips = self._skips
        for token, where in self._places.items():
            if _HOLDS[token](text, at):
                skips |= where
        # A carry runs through a row of ones and leaves zeros behind: that is how far one gets by skipping.
        return positions | ((skips + (positions & skips)) ^ skips)


def any_of(tokens: Sequence[str]) -> Callable[[str], bool]:
    """The matcher of an expression with alternatives: the first begins where the text does, the last ends there, and
    what stands between may match anywhere, for moby puts `^` and `$` around the whole. Raises BadPatternError."""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == "|":
            parts.append([])
        else:
            parts[-1].append(token)
    last = len(parts) - 1
    walks = [Walk(part, from_start=number == 0, to_end=number == last) for number, part in enumerate(parts)]
    return lambda text: any(walk.matches(text) for walk in walks)


def _steps(tokens: Sequence[str]) -> Iterator[_Step]:
    """The tokens with repetitions written out."""
    at = added = 0
    while at < len(tokens):
        token = tokens[at]
        least, most, behind = _repetition(tokens, at + 1)
        if behind > at + 1 and (token in STARS or _repetition(tokens, behind)[2] > behind):
            raise BadPatternError("it repeats a repetition")
        if _repetition(tokens, at)[2] > at:
            raise BadPatternError("there is nothing in front of a repetition that it could repeat")
        if token in STARS:
            yield _Step(token, may_skip=True, may_stay=token != DIRECTORIES)
        else:
            yield from _repeated(token, least, most)
            added += (most or least) if behind > at + 1 else 0
        if added > MAX_STEPS:
            raise BadPatternError("its repetitions are more than are followed here")
        at = behind


def _repeated(token: str, least: int, most: int | None) -> Iterator[_Step]:
    if token in _HOLDS:
        least, most = min(least, 1), min(least, 1)
    yield from (_Step(token) for _ in range(least))
    if most is None:
        yield _Step(token, may_skip=True, may_stay=True)
    else:
        yield from (_Step(token, may_skip=True) for _ in range(most - least))


def _repetition(tokens: Sequence[str], at: int) -> tuple[int, int | None, int]:
    """How often what stands in front of it is repeated, at least and at most (None: for ever), and where what is
    behind it begins: at `at` if there is no repetition."""
    token = tokens[at] if at < len(tokens) else ""
    if token == "*":
        return 0, None, at + 1
    found = _REPEATS.match("".join(tokens[at : at + _LONGEST_REPEATS])) if token == "{" else None
    if found is None:
        return 1, 1, at
    least = int(found[1])
    most = None if found[2] == "," else int(found[3] or found[1])
    if max(least, most or 0) > MAX_REPEATS or (most is not None and most < least):
        raise BadPatternError("it repeats something more than 1000 times, or less than no times")
    return least, most, at + len(found[0])


def _bits(flags: Iterable[bool]) -> int:
    """The number whose bits these are, the lowest first."""
    return int("".join("1" if flag else "0" for flag in flags)[::-1] or "0", 2)


def _runs(steps: Iterable[_Step]) -> dict[str, list[tuple[int, int]]]:
    """Where each token stands, from and to."""
    found: dict[str, list[tuple[int, int]]] = {}
    for number, step in enumerate(steps):
        runs = found.setdefault(step.token, [])
        start = runs.pop()[0] if runs and runs[-1][1] == number else number
        runs.append((start, number + 1))
    return found


def _takers(steps: Iterable[_Step]) -> Iterator[tuple[str, Callable[[str], object]]]:
    """The tokens that take a character, and which."""
    for token in dict.fromkeys(step.token for step in steps):
        if token == NAMES:
            yield token, "/".__ne__
        elif token == ANYTHING:
            yield token, "\n".__ne__
        elif token != DIRECTORIES and token not in _HOLDS:
            literal = _literal(token)
            yield token, literal.__eq__ if literal else _compiled(token).fullmatch


def _literal(token: str) -> str:
    """The one character that the token stands for; "" where a regular expression has to say it."""
    escaped = token[1:] if token[:1] == "\\" else ""
    if len(escaped) == 1 and not escaped.isalnum():
        return escaped
    return token if len(token) == 1 and token not in ".+()$?\\" else ""


def _compiled(token: str) -> re.Pattern[str]:
    try:
        return re.compile(token, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPatternError(f"it is no regular expression once rewritten ({error})") from error
