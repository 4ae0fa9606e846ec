"""What the fixes of CMD and ENTRYPOINT share: which words need no shell, and an argv in exec form. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from seatrial.model.patterns import pattern

PLAIN_WORD = pattern(r"[A-Za-z0-9_@%+:,./=-]+")
_BUILTINS = frozenset(
    {"cd", "exec", "export", "set", "eval", "source", ".", ":", "trap", "ulimit", "umask", "wait", "exit", "return"}
    | {"if", "while", "for", "until", "case", "time", "command", "builtin", "read", "shift", "unset", "alias", "type"}
)
_EXPANSIONS = (
    re.compile(r"\$\{\w+(?::?[-=+?][^{}$`\"']*)?\}"),
    re.compile(r"\$\([\w ./-]+\)"),
    re.compile(r"\$\(\([\w */+%-]+\)\)"),
    re.compile(r"'[^']*'"),
    re.compile(r'"[^"`\\()]*"'),
)
"""What a shell replaces within a word, in an order in which the outer ones come later."""


def plain_words(line: str) -> tuple[str, ...]:
    """The words of a line that means the same without a shell; empty where it may not."""
    words = tuple(line.split(" ")) if "\n" not in line else ()
    words = tuple(word for word in words if word)
    if not words or not all(PLAIN_WORD.fullmatch(word) for word in words):
        return ()
    return () if words[0] in _BUILTINS or "=" in words[0] else words


def may_be_execed(line: str) -> bool:
    """Whether the line is one simple command that a shell has something to do for (variables, quotes, `$(nproc)`), so
    that `exec` in front of it means the same."""
    first = line.split(" ")[0]
    for expansion in _EXPANSIONS:
        line = expansion.sub("x", line)
    is_simple = not any(sign in line for sign in ";|&<>()`\n\\#\"'")
    return is_simple and bool(PLAIN_WORD.fullmatch(first)) and first not in _BUILTINS and "=" not in first


def exec_form(argv: Sequence[str]) -> str:
    """The JSON array."""
    return json.dumps(list(argv), ensure_ascii=False)
