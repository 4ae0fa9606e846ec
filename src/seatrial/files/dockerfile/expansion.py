"""Expands `$NAME` and `${NAME…}`, and takes quotes and escapes away, exactly as BuildKit's shell lexer does.

It is not a shell: no command is run, no file is looked at. What BuildKit refuses is an ExpansionError. A value can't
grow without bound (`ENV A=$A$A` doubles), nor can a deep nest or a pattern cost more than linear time. Source:
buildkit's shell/lex.go, its quirks included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from seatrial.files.dockerfile.lines import A_SPACE, NO_SPACE, SPACE
from seatrial.model.patterns import pattern
from seatrial.model.values import dataclass

MAX_LENGTH = 256 * 1024
"""Longest text that an expansion may give. Far above what an image's configuration can hold."""
MAX_DEPTH = 50

_SPECIAL = frozenset("@*#?-$!0")
_PLAIN = {
    (escape, quotes): pattern("[^$<" + re.escape(escape) + ("'\"" if quotes else "") + "]+")
    for escape in "\\`"
    for quotes in (True, False)
}
_QUOTED = {escape: pattern('[^$"' + re.escape(escape) + "]+") for escape in "\\`"}
_RUNS = pattern(f"{A_SPACE}+|{NO_SPACE}+")
_MODIFIERS = frozenset("+-?#%")


class ExpansionError(ValueError):
    """The text can't be expanded; the message says why."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to read. `raw_quotes` and `raw_escapes` keep them in the result, `skip_unset` leaves unknown names alone."""

    escape: str = "\\"
    raw_quotes: bool = False
    raw_escapes: bool = False
    skip_unset: bool = False
    process_quotes: bool = True


DEFAULT = Options()


def expand(text: str, variables: Mapping[str, str], options: Options = DEFAULT) -> str:
    """The text after expansion, as one word."""
    if not _NEEDS_WORK.search(text) and options.escape not in text:
        return text
    return _Lexer(text, variables, options).run()[0]


def expand_words(text: str, variables: Mapping[str, str], options: Options = DEFAULT) -> list[str]:
    """The text after expansion, split into words at spaces that are not quoted."""
    return _Lexer(text, variables, options).run()[1]


_NEEDS_WORK = pattern("[$'\"]")


class _Words:
    """Collects words. The buffer is shared with the nested ones, each of which empties it when it begins: so in
    BuildKit `a${X:-b}` splits into the word `b` alone."""

    def __init__(self, buffer: list[str]) -> None:
        buffer.clear()
        self._buffer = buffer
        self._words: list[str] = []
        self._inside = False

    def add(self, text: str) -> None:
        """Text whose spaces separate words."""
        for run in _RUNS.findall(text):
            if run[0] not in SPACE:
                self.add_raw(run)
            elif self._inside and self._buffer:
                self._flush()

    def add_raw(self, text: str) -> None:
        """Text whose spaces are part of the word."""
        if text:
            self._buffer.append(text)
        self._inside = True

    def _flush(self) -> None:
        self._words.append("".join(self._buffer))
        self._buffer.clear()
        self._inside = False

    def take(self) -> list[str]:
        """All words; the last one ends here."""
        if self._buffer:
            self._flush()
        return self._words


class _Lexer:
    def __init__(self, text: str, variables: Mapping[str, str], options: Options) -> None:
        self._text = text
        self._at = 0
        self._variables = variables
        self._options = options
        self._raw_escapes = options.raw_escapes
        self._buffer: list[str] = []
        self._depth = 0
        self._length = 0

    def run(self) -> tuple[str, list[str]]:
        return self._until("", self._options.raw_escapes)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._text[self._at : self._at + 1]
        self._at += 1
        return character

    def _until(self, stop: str, raw_escapes: bool) -> tuple[str, list[str]]:
        """Expands up to the character `stop` (the end of the text if empty), which is taken, too."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpansionError(f"substitutions are nested more than {MAX_DEPTH} deep")
        outer, self._raw_escapes = self._raw_escapes, raw_escapes
        try:
            return self._scan(stop)
        finally:
            self._raw_escapes = outer
            self._depth -= 1

    def _scan(self, stop: str) -> tuple[str, list[str]]:
        result: list[str] = []
        words = _Words(self._buffer)
        while character := self._peek():
            if character == stop:
                self._at += 1
                return "".join(result), words.take()
            if character == "$":
                piece = self._dollar()
                words.add(piece)
            elif character == "<" or (character in "'\"" and self._options.process_quotes):
                piece = {"<": self._arrow, "'": self._single, '"': self._double}[character]()
                words.add_raw(piece)
            elif character == self._options.escape:
                piece = self._escaped()
                words.add_raw(piece)
            else:
                piece = self._plain(stop)
                words.add(piece)
            result.append(self._measured(piece))
        if stop:
            raise ExpansionError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.take()

    def _measured(self, piece: str) -> str:
        self._length += len(piece)
        if self._length > MAX_LENGTH + len(self._text) * (MAX_DEPTH + 1):
            raise ExpansionError(f"the expansion grows beyond {MAX_LENGTH // 1024} KiB")
        return piece

    def _plain(self, stop: str) -> str:
        match = _PLAIN[self._options.escape, self._options.process_quotes].match(self._text, self._at)
        end = match.end() if match else self._at + 1
        if stop and (found := self._text.find(stop, self._at, end)) >= 0:
            end = found
        start, self._at = self._at, end
        return self._text[start:end]

    def _escaped(self) -> str:
        """An escape character and what it escapes; at the end of the text it stands for nothing."""
        escape = self._next()
        following = self._next()
        return (escape if self._raw_escapes else "") + following

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            self._at = len(self._text)
            raise ExpansionError("unexpected end of statement while looking for matching single-quote")
        start, self._at = self._at, end + 1
        return self._text[start : end + 1] if self._options.raw_quotes else self._text[start + 1 : end]

    def _double(self) -> str:
        quote = self._next() if self._options.raw_quotes else self._next()[:0]
        parts = [quote]
        while character := self._peek():
            if character == '"':
                self._at += 1
                return "".join([*parts, quote])
            if character == "$":
                parts.append(self._measured(self._dollar()))
            elif character == self._options.escape:
                parts.append(self._escaped_in_quotes())
            else:
                match = _QUOTED[self._options.escape].match(self._text, self._at)
                assert match is not None
                parts.append(match[0])
                self._at = match.end()
        raise ExpansionError("unexpected end of statement while looking for matching double-quote")

    def _escaped_in_quotes(self) -> str:
        """Only `"`, `$` and the escape character itself can be escaped between double quotes."""
        escape = self._next()
        raw = escape if self._raw_escapes else ""
        following = self._peek()
        if not following:
            return raw
        if following in ('"', "$", escape):
            self._at += 1
            return raw + following
        return raw + escape

    def _arrow(self) -> str:
        """`<`, or `<<` with the blanks behind it, which belong to the word of a heredoc."""
        match = _ARROW.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match[0]

    def _dollar(self) -> str:
        self._at += 1
        if self._peek() != "{":
            name = self._name()
            if not name:
                return "$"
            value = self._variables.get(name)
            return value if value is not None else f"${name}" if self._options.skip_unset else ""
        self._at += 1
        if not self._peek():
            raise ExpansionError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise ExpansionError("syntax error: bad substitution")
        return self._braces(self._name())

    def _braces(self, name: str) -> str:
        modifier = self._next()
        if not modifier:
            raise ExpansionError("syntax error: missing '}'")
        value = self._variables.get(name)
        if modifier == "}":
            return value if value is not None else f"${{{name}}}" if self._options.skip_unset else ""
        if modifier == "/":
            return self._replacement(name, value)
        shown = modifier
        if modifier == ":":
            modifier = self._next()
            shown += modifier
        # BuildKit reads the word before it judges a modifier behind a colon.
        if shown[0] not in _MODIFIERS | {":"} or (shown[0] == ":" and modifier in "#%"):
            raise ExpansionError(f"unsupported modifier ({shown}) in substitution")
        word = self._word("}", modifier in ("#", "%"), "syntax error: missing '}'")
        if self._options.skip_unset and value is None:
            return f"${{{name}{shown}{word}}}"
        return _modified(name, value, shown, word)

    def _word(self, stop: str, raw_escapes: bool, missing: str) -> str:
        try:
            return self._until(stop, raw_escapes)[0]
        except ExpansionError as error:
            if self._depth < MAX_DEPTH and self._at >= len(self._text):
                raise ExpansionError(missing) from error
            raise

    def _replacement(self, name: str, value: str | None) -> str:
        every = self._peek() == "/"
        if every:
            self._at += 1
        from seatrial.files.dockerfile.globbing import GlobError, replace  # late: few files have patterns

        pattern = self._word("/", True, "syntax error: missing '/' in ${}")
        replacement = self._word("}", True, "syntax error: missing '}'")
        if self._options.skip_unset and value is None:
            return f"${{{name}/{pattern}/{replacement}}}"
        try:
            return replace(value or "", pattern, replacement, every=every, limit=MAX_LENGTH)
        except GlobError as error:
            raise ExpansionError(f"invalid pattern ({pattern}) in substitution: {error}") from error

    def _name(self) -> str:
        """A name, a number, or one special character."""
        first = self._peek()
        start = at = self._at
        if first.isdecimal():
            while self._text[at : at + 1].isdecimal():
                at += 1
        elif first and first in _SPECIAL:
            at += 1
        else:
            while (character := self._text[at : at + 1]) and (
                character.isalpha() or character.isdecimal() or character == "_"
            ):
                at += 1
        self._at = at
        return self._text[start:at]


_ARROW = pattern(r"<(?:<[\t\r ]*)?")


def _modified(name: str, value: str | None, modifier: str, word: str) -> str:
    kind = modifier[-1:]
    missing = value is None or (modifier[0] == ":" and value == "")
    if kind == "-":
        return word if missing else value or ""
    if kind == "+":
        return "" if missing else word
    if kind == "?":
        if missing:
            reason = word or f"is not allowed to be {'unset' if value is None else 'empty'}"
            raise ExpansionError(f"{name}: {reason}")
        return value or ""
    if kind not in ("#", "%"):
        raise ExpansionError(f"unsupported modifier ({modifier}) in substitution")
    from seatrial.files.dockerfile.globbing import GlobError, trim_prefix, trim_suffix  # late: few files have patterns

    greedy = word.startswith(kind)
    trim = trim_prefix if kind == "#" else trim_suffix
    pattern = word[1:] if greedy else word
    try:
        return trim(value or "", pattern, greedy=greedy)
    except GlobError as error:
        raise ExpansionError(f"invalid pattern ({pattern}) in substitution: {error}") from error
