"""Which commands of a shell script may be the last that it runs: the ends of its branches, blocks and functions.

A small grammar over the words and operators of `shell_line`: if, case, loops, groups, functions. It never runs anything
and never raises; of a script that it can't follow to the end it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from seatrial.files.scripts.shell_line import MAX_LINE, pieces

MAX_DEPTH = 40
_OPENING = frozenset({"if", "then", "elif", "else", "while", "until", "do", "{", "!", "time"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
_HEADS = frozenset({"for", "select", "case"})
_UNDER_CONDITION = frozenset({"&&", "||", "|", "|&"})


def last_commands(text: str) -> frozenset[int]:
    """Where these commands begin in the text."""
    parser = _Parser(list(_symbols(text[:MAX_LINE])))
    try:
        found = parser.sequence(frozenset())
    except _LostError:
        return frozenset()
    return frozenset(parser.resolved(found.last)) if parser.is_at_end else frozenset()


class _LostError(Exception):
    """The script can't be followed."""


class _Symbol(NamedTuple):
    """A word of the grammar ("if", "}", "(", ";;", …), or a simple command (kind "") with the operators around it."""

    kind: str
    words: tuple[str, ...] = ()
    start: int = 0
    before: str = ""
    after: str = ""


class _Run(NamedTuple):
    """What was read: the commands that may come last, and whether nothing behind it is ever reached."""

    last: tuple[_Symbol, ...] = ()
    ends: bool = False


def _symbols(text: str) -> Iterator[_Symbol]:
    found = list(pieces(text, {}))
    for number, (words, before, start) in enumerate(found):
        after = found[number + 1][1] if number + 1 < len(found) else ""
        if before in ("(", ")", ";;"):
            yield _Symbol(before)
        rest = list(words)
        while rest and rest[0] in _OPENING:
            yield _Symbol(rest.pop(0))
        if rest and rest[0] in _CLOSING | _HEADS | {"function"}:
            yield _Symbol(rest[0], tuple(rest), start, before, after)
        elif rest:
            yield _Symbol("", tuple(rest), start, before, after)


class _Parser:
    """Reads symbols from the first to the last."""

    def __init__(self, symbols: list[_Symbol]) -> None:
        self.symbols = symbols
        self.at = 0
        self.depth = 0
        self.functions: dict[str, tuple[_Symbol, ...]] = {}

    @property
    def is_at_end(self) -> bool:
        """Whether all was read."""
        return self.at >= len(self.symbols)

    def sequence(self, until: frozenset[str]) -> _Run:
        """Statements up to one of these words, which is left to be read."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _LostError
        run = _Run()
        while not self.is_at_end and self._kind() not in until:
            now = self._statement()
            if not run.ends:
                run = now
        self.depth -= 1
        return run

    def resolved(self, last: tuple[_Symbol, ...]) -> Iterator[int]:
        """Where they begin; of a call of a function of the script what the function ends in."""
        for symbol in last:
            body = self.functions.get(symbol.words[0])
            if body is None:
                yield symbol.start
            else:
                yield from (each.start for each in body if each.words[0] not in self.functions)

    def _kind(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.symbols[at].kind if at < len(self.symbols) else "the end"

    def _take(self, *kinds: str) -> _Symbol:
        if self._kind() not in kinds:
            raise _LostError
        self.at += 1
        return self.symbols[self.at - 1]

    def _statement(self) -> _Run:
        kind = self._kind()
        if kind == "if":
            return self._condition()
        if kind == "case":
            return self._case()
        if kind in ("while", "until", "for", "select"):
            return self._loop()
        if kind == "{":
            self._take("{")
            run = self.sequence(frozenset({"}"}))
            self._take("}")
            return run
        if kind == "(":
            return self._subshell()
        if kind in ("!", "time"):
            self._take(kind)
            return _Run()
        if kind == "function" or (kind == "" and self._kind(1) == "(" and self._kind(2) == ")"):
            return self._function()
        return self._simple()

    def _simple(self) -> _Run:
        symbol = self._take("")
        if symbol.before in _UNDER_CONDITION or symbol.after in _UNDER_CONDITION:
            is_last = symbol.before in ("&&", "||") and symbol.after not in ("|", "|&", "&")
            return _Run((symbol,) if is_last else ())
        is_left = len(symbol.words) > 1 and symbol.words[0] == "exec"
        ends = is_left or symbol.words[0] in ("exit", "return")
        return _Run(() if ends or symbol.after == "&" else (symbol,), ends)

    def _condition(self) -> _Run:
        self._take("if")
        branches: list[_Run] = []
        has_rest = False
        self.sequence(frozenset({"then"}))
        self._take("then")
        while True:
            branches.append(self.sequence(frozenset({"elif", "else", "fi"})))
            word = self._take("elif", "else", "fi").kind
            if word == "fi":
                break
            has_rest = word == "else"
            if word == "elif":
                self.sequence(frozenset({"then"}))
                self._take("then")
        return _joined(branches, is_whole=has_rest)

    def _case(self) -> _Run:
        self._take("case")
        branches: list[_Run] = []
        while self._kind() != "esac":
            self._pattern()
            branches.append(self.sequence(frozenset({";;", "esac"})))
            if self._kind() == ";;":
                self._take(";;")
        self._take("esac")
        return _joined(branches, is_whole=False)

    def _pattern(self) -> None:
        """What stands before the bracket; the first one may have been read as words of `case`."""
        while self._kind() in ("", "("):
            self.at += 1
        self._take(")")

    def _loop(self) -> _Run:
        is_counted = self._take("while", "until", "for", "select").kind in ("for", "select")
        if is_counted:
            while self._kind() in ("", "(", ")"):
                self.at += 1
        else:
            self.sequence(frozenset({"do"}))
        self._take("do")
        self.sequence(frozenset({"done"}))
        self._take("done")
        return _Run()

    def _subshell(self) -> _Run:
        self._take("(")
        self.sequence(frozenset({")"}))
        self._take(")")
        return _Run()

    def _function(self) -> _Run:
        symbol = self._take("", "function")
        name = symbol.words[1 if symbol.kind == "function" and symbol.words[1:] else 0]
        if self._kind() == "(":
            self._take("(")
            self._take(")")
        if symbol.words[-1] != "{":
            self._take("{")
        self.functions[name] = self.sequence(frozenset({"}"})).last
        self._take("}")
        return _Run()


def _joined(branches: list[_Run], *, is_whole: bool) -> _Run:
    last = tuple(symbol for branch in branches for symbol in branch.last)
    return _Run(last, is_whole and all(branch.ends for branch in branches))
