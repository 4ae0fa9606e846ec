"""Splits a command that is written as a string, as compose does.

Compose knows quotes and backslashes and no shell: no variables, no globs, and everything from the first `;`, `&`, `|`,
`<` or `>` on is silently dropped. Source: mattn/go-shellwords, which compose uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_SPACES = " \t\r\n"
_OPERATORS = ";&|<>"


@dataclass(slots=True)
class Words:
    """The arguments, and what compose drops behind them."""

    argv: tuple[str, ...]
    dropped: str = ""


@dataclass(slots=True)
class _State:
    """Where the splitter is: the word so far, and which quotes are open."""

    words: list[str] = field(default_factory=list)
    word: list[str] = field(default_factory=list)
    has_word: bool = False
    escaped: bool = False
    quote: str = ""
    """The quote that is open: ', ", ` or "(" for $(…); empty outside of quotes."""

    def take(self, character: str) -> None:
        self.word.append(character)
        self.has_word = True

    def finish(self) -> None:
        if self.has_word:
            self.words.append("".join(self.word))
        self.word = []
        self.has_word = False


def split(text: str) -> Words:
    """The arguments of a command line. Raises ValueError where a quote is never closed."""
    state = _State()
    dropped = ""
    for index, character in enumerate(text):
        if character in _OPERATORS and not state.escaped and not state.quote:
            if character == ">" and state.word and state.word[0] in "0123456789":
                state.has_word = False  # the 2 of 2>file
            dropped = text[index:]
            break
        _step(state, character)
    if state.escaped or state.quote:
        raise ValueError("a quote or backslash at the end of the command is never closed")
    state.finish()
    return Words(tuple(state.words), dropped)


def _step(state: _State, character: str) -> None:
    if state.escaped:
        state.escaped = False
        state.take(character)
    elif character == "\\" and state.quote != "'":
        state.escaped = True
    elif character in _SPACES:
        if state.quote:
            state.word.append(character)
        else:
            state.finish()
    elif character in "'\"":
        _quote(state, character)
    else:
        _bracket(state, character)
        state.take(character)


def _quote(state: _State, character: str) -> None:
    if state.quote == character:
        state.quote = ""
        state.has_word = True
    elif state.quote == "":
        state.quote = character
    else:
        state.take(character)


def _bracket(state: _State, character: str) -> None:
    if character == "`" and state.quote in ("", "`"):
        state.quote = "" if state.quote else "`"
    elif character == "(" and state.quote in ("", "("):
        if state.quote or state.word[-1:] != ["$"]:
            raise ValueError("a command can't hold a parenthesis outside of quotes")
        state.quote = "("
    elif character == ")" and state.quote in ("", "("):
        if not state.quote:
            raise ValueError("a command can't hold a parenthesis outside of quotes")
        state.quote = ""
