"""Splits a command that is written as a string, as compose does.

Compose knows quotes and backslashes and no shell: no variables, no globs, and everything from the first `;`, `&`, `|`,
`<` or `>` on is silently dropped. Source: mattn/go-shellwords, which compose uses.
"""

from __future__ import annotations

from seatrial.model.values import dataclass, field

_SPACES = " \t\r\n"
_OPERATORS = ";&|<>"


@dataclass(slots=True)
class Words:
    """The arguments, and what compose drops behind them."""

    argv: tuple[str, ...]
    dropped: str = ""


@dataclass(slots=True)
class _State:
    """Where the splitter is: the word so far, and what is open. The four are independent, as in compose's splitter."""

    words: list[str] = field(default_factory=list)
    word: list[str] = field(default_factory=list)
    has_word: bool = False
    escaped: bool = False
    single: bool = False
    double: bool = False
    backtick: bool = False
    dollar: bool = False
    """Inside of `$(…)`."""

    @property
    def is_open(self) -> bool:
        return self.single or self.double or self.backtick or self.dollar

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
        if character in _OPERATORS and not state.escaped and not state.is_open:
            if character == ">" and state.word and state.word[0] in "0123456789":
                state.has_word = False  # the 2 of 2>file
            dropped = text[index:]
            break
        _step(state, character)
    if state.escaped or state.is_open:
        raise ValueError("a quote, parenthesis or backslash of the command is never closed")
    state.finish()
    return Words(tuple(state.words), dropped)


def _step(state: _State, character: str) -> None:
    if state.escaped:
        state.escaped = False
        state.take(character)
    elif character == "\\" and not state.single:
        state.escaped = True
    elif character in _SPACES:
        if state.is_open:
            state.word.append(character)
        else:
            state.finish()
    elif not _is_quote(state, character):
        _bracket(state, character)
        state.take(character)


def _is_quote(state: _State, character: str) -> bool:
    """Opens or closes a quote, if the character is one here."""
    if character == '"' and not state.single and not state.dollar:
        state.has_word = state.has_word or state.double
        state.double = not state.double
        return True
    if character == "'" and not state.double and not state.dollar:
        state.has_word = state.has_word or state.single
        state.single = not state.single
        return True
    return False


def _bracket(state: _State, character: str) -> None:
    if state.single or state.double:
        return
    if character == "`" and not state.dollar:
        state.backtick = not state.backtick
    elif character == ")" and not state.backtick:
        if not state.dollar:
            raise ValueError("a command can't hold a parenthesis outside of quotes")
        state.dollar = False
    elif character == "(" and not state.backtick:
        if state.dollar or state.word[-1:] != ["$"]:
            raise ValueError("a command can't hold a parenthesis outside of quotes")
        state.dollar = True
