"""One pattern of a .dockerignore or of COPY, compiled to what moby's matcher would do with it.

moby checks a pattern by Go's filepath.Match and then rewrites it into a Go regular expression; both steps are followed
here, quirks included. It must never raise anything but BadPatternError, and never take exponential time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from seatrial.files.glob_steps import STARS, BadPatternError, Walk, any_of, is_quirky

_MAX_BACKTRACKING_STARS = 2
_MAX_BACKTRACKING_LENGTH = 256
"""With more wildcards, or on longer paths, the engine of `re` may take too long; within these it is the faster one."""

_ESCAPED_BY_MOBY = frozenset(".+()$")
"""moby means to escape `|{}` as well, but its bitmap has no room for characters from 64 on."""

_GO_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_GO_LETTERS = {**{letter: "\\" + letter for letter in "dDsSwWbBAafnrtv"}, "z": "\\Z"}


Covers = Callable[[str], bool]
"""Whether a path, or one of the directories above it, is what a pattern names."""


def compile_pattern(pattern: str) -> Covers:
    """The matcher of this pattern. Raises BadPatternError."""
    _check_by_filepath_match(pattern)
    kind, expression = _rewrite(pattern)
    if kind == "exact":
        below = pattern + "/"
        return lambda path: path == pattern or path.startswith(below)
    if kind == "prefix":
        prefix = pattern[:-2]
        return lambda path: path.startswith(prefix)
    if kind == "suffix":
        return _suffix(pattern[2:])
    return _compile_expression(_tokens_from_go("".join(expression)))


def _suffix(suffix: str) -> Covers:
    inner = suffix + "/"
    if not suffix.startswith("/"):
        return lambda path: path.endswith(suffix) or inner in path
    # As the very first directory it has no slash in front of it.
    return lambda path: inner in f"/{path}/"


def _rewrite(pattern: str) -> tuple[str, list[str]]:
    """moby's Pattern.compile: the kind of match, and the pieces of the expression for the kind "expression"."""
    pieces: list[str] = []
    kind = "exact"
    at = 0
    turn = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if pattern.startswith("**", at - 1):
            at += 1
            at += pattern.startswith("/", at)
            if at < len(pattern):
                pieces.append("(.*/)?")
                kind = "expression"
            elif kind == "exact":
                kind = "prefix"
            else:
                pieces.append(".*")
                kind = "expression"
            if turn == 0:
                kind = "suffix"
        else:
            piece, at = _rewrite_one(pattern, character, at)
            pieces.append(piece)
            if character in "*?[]" or (character == "\\" and len(piece) > 1):
                kind = "expression"
        turn += 1
    return kind, pieces


def _rewrite_one(pattern: str, character: str, at: int) -> tuple[str, int]:
    if character == "*":
        return "[^/]*", at
    if character == "?":
        return "[^/]", at
    if character == "\\" and at < len(pattern):
        return "\\" + pattern[at], at + 1
    return ("\\" + character if character in _ESCAPED_BY_MOBY else character), at


def _compile_expression(tokens: list[str]) -> Covers:
    if is_quirky(tokens):
        matches = any_of(tokens)
        return lambda path: matches(path) or any(matches(parent) for parent in _parents(path))
    if sum(token in STARS for token in tokens) > _MAX_BACKTRACKING_STARS:
        return Walk(tokens).covers
    try:
        search = re.compile("^" + "".join(tokens) + "(?=/|\\Z)", re.ASCII).search
    except (re.error, OverflowError, RecursionError) as error:
        raise BadPatternError(f"it is no regular expression once rewritten ({error})") from error
    longer = cache(lambda: Walk(tokens).covers)
    most = _MAX_BACKTRACKING_LENGTH
    return lambda path: search(path) is not None if len(path) <= most else longer()(path)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _tokens_from_go(expression: str) -> list[str]:
    """A Go expression, of the kind that moby makes, in Python's words: one token for a character or a wildcard."""
    tokens: list[str] = []
    at = 0
    while at < len(expression):
        star = next((star for star in STARS if expression.startswith(star, at)), None)
        if star is not None:
            token, at = star, at + len(star)
        elif expression[at] == "\\":
            token, at = _escape_from_go(expression, at)
        elif expression[at] == "[":
            token, at = _class_from_go(expression, at)
        else:
            # `{,n}` is a repetition in Python alone; elsewhere the two agree.
            token, at = ("\\{" if expression.startswith("{,", at) else expression[at]), at + 1
        tokens.append(token)
    return tokens


def _escape_from_go(expression: str, at: int) -> tuple[str, int]:
    following = expression[at + 1 : at + 2]
    if not following:
        raise BadPatternError("it ends in a backslash")
    if following in _GO_LETTERS:
        return _GO_LETTERS[following], at + 2
    if following.isalnum() or ord(following) >= 128:
        raise BadPatternError(f"\\{following} means nothing to Docker")
    return re.escape(following), at + 2


def _class_from_go(expression: str, at: int) -> tuple[str, int]:
    """`[…]`, read by Go's rules and written so that Python sees no set operation or nested set in it."""
    at += 1
    negated = expression.startswith("^", at)
    at += negated
    items: list[str] = []
    while not (expression.startswith("]", at) and items):
        item, at = _class_item(expression, at)
        items.append(item)
    return f"[{'^' if negated else ''}{''.join(items)}]", at + 1


def _class_item(expression: str, at: int) -> tuple[str, int]:
    if expression.startswith("[:", at) and (end := expression.find(":]", at + 2)) >= 0:
        name = expression[at + 2 : end]
        if name not in _GO_CLASSES:
            raise BadPatternError(f"[:{name[:20]}:] is no class of characters")
        return _GO_CLASSES[name], end + 2
    if expression[at : at + 2] in ("\\d", "\\D", "\\s", "\\S", "\\w", "\\W"):
        return expression[at : at + 2], at + 2
    low, at = _class_character(expression, at)
    # A hyphen before the closing bracket stands for itself (Go, parseClass).
    if expression.startswith("-", at) and expression[at + 1 : at + 2] not in ("]", ""):
        high, at = _class_character(expression, at + 1)
        if high < low:
            raise BadPatternError(f"the range {low}-{high} runs backwards")
        return f"{_in_class(low)}-{_in_class(high)}", at
    return _in_class(low), at


def _class_character(expression: str, at: int) -> tuple[str, int]:
    if at >= len(expression):
        raise BadPatternError("a [ has no ]")
    if expression[at] != "\\":
        return expression[at], at + 1
    following = expression[at + 1 : at + 2]
    if following in ("a", "f", "n", "r", "t", "v"):
        return {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}[following], at + 2
    if not following or following.isalnum() or ord(following) >= 128:
        raise BadPatternError(f"\\{following} means nothing to Docker")
    return following, at + 2


def _in_class(character: str) -> str:
    return character if character.isalnum() else re.escape(character) if character.isspace() else "\\" + character


def _check_by_filepath_match(pattern: str) -> None:
    """The syntax check that moby makes through Go's filepath.Match: classes closed and not empty, no last backslash."""
    at = 0
    while at < len(pattern):
        if pattern[at] == "[":
            at = _check_class(pattern, at + 1)
        elif pattern[at] == "\\":
            if at + 1 >= len(pattern):
                raise BadPatternError("it ends in a backslash")
            at += 2
        else:
            at += 1


def _check_class(pattern: str, at: int) -> int:
    at += pattern.startswith("^", at)
    ranges = 0
    while not (pattern.startswith("]", at) and ranges):
        at = _check_class_character(pattern, at)
        if pattern.startswith("-", at):
            at = _check_class_character(pattern, at + 1)
        ranges += 1
    return at + 1


def _check_class_character(pattern: str, at: int) -> int:
    if pattern[at : at + 1] in ("", "-", "]"):
        raise BadPatternError("a [ is not closed, or holds nothing that it could match")
    at += 1 + (pattern[at] == "\\")
    if at >= len(pattern):
        raise BadPatternError("a [ has no ]")
    return at
