"""Reads just enough of the shell's language to say which program a line or a script ends up as.

Words, quotes, simple expansions, operators. What it doesn't understand it leaves as written; it must never run anything
and never raise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from seatrial.model.patterns import pattern

_BLANK = pattern(r"[ \t\r]*")
_ROW = pattern(r"[ \t\r]*((?:[!%*+,\-./0-9:=?@A-Z\[\]^_a-z{}~][!#%*+,\-./0-9:=?@A-Z\[\]^_a-z{}~]*[ \t\r]+)+)")
"""Words in a row, most of what is written, in whose characters Python's `split` sees no other blanks than a shell."""
_SIMPLE = pattern(
    r"[ \t\r]*(?:([^ \t\r\n;|&()<>'\"\\$`#][^ \t\r\n;|&()<>'\"\\$`]*)(?=[ \t\r\n;|&()]|\Z)"
    r"|(&&|\|\||;;|\|&|[;|()\n]|&(?![<>])))"
)
"""What most tokens are: a word in which no character means anything else, or an operator."""
_PLAIN = pattern(r"[^ \t\r\n;|&()<>'\"\\$`]+")
_QUOTED = {"'": pattern(r"[^']+"), '"': pattern(r"[^\"\\$`]+")}
_VARIABLE = pattern(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-=])([^{}$`\"']*))?\}|[@*#?$!0-9-])", re.ASCII)
_ASSIGNMENT = pattern(r"[A-Za-z_]\w*\+?=", re.ASCII)
_REDIRECTION = pattern(r"(?:\d*|&)(?:>>|>\||>&|<<<|<<-?|<&|<>|>|<)")
_KEYWORDS = frozenset({"then", "else", "do", "{", "!", "time", "if", "elif", "while", "until"})
_ENDINGS = frozenset({"fi", "done", "esac", "}", "case", "for", "function", "return", "exit", "set", "export", "trap"})
_QUIET = _ENDINGS | {"wait", "true", ":", "local", "unset", "shift", "readonly", "in", "break", "continue", "echo"}
MAX_LINE = 64 * 1024


class Command(NamedTuple):
    """A simple command: `words` after assignments and `exec` were taken off; `before` is the operator in front."""

    words: tuple[str, ...]
    execs: bool = False
    before: str = ""
    line: int = 0
    column: int = 1


def last_program(line: str, environment: Mapping[str, str]) -> Command | None:
    """The command of this shell line that stays: the last of `a && b`, the first of a pipe; None if none does."""
    chosen: Command | None = None
    background: Command | None = None
    for command, after in _with_operator_after(commands(line, environment)):
        if command.words[0] == "cd":
            continue
        if command.words[0] == "wait" and background is not None:
            chosen = background
        elif command.words[0] in _QUIET:
            continue
        elif command.before not in ("|", "|&", "||") or chosen is None:
            chosen = command
        if after == "&":
            background = command
    return chosen


def directory_after(line: str, environment: Mapping[str, str]) -> str:
    """Where the `cd`s of this line lead, joined; "" where it has none."""
    parts = [
        command.words[1] for command in commands(line, environment) if command.words[0] == "cd" and command.words[1:2]
    ]
    directory = ""
    for part in parts:
        directory = part if part.startswith("/") else f"{directory}/{part}" if directory else part
    return directory


def script_hand_over(text: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Command | None:
    """What a shell script becomes when run with these arguments: its last `exec`, else its last command.

    `"$@"` is replaced by the arguments. None where nothing was found, or where it hands over to no arguments.
    """
    found: list[Command] = []
    for number, line in _logical_lines(text):
        found += [
            Command(command.words, command.execs, command.before, number, command.column)
            for command in commands(line, environment)
            if command.words[0] not in _QUIET and command.before not in ("|", "|&")
        ]
    chosen = next((command for command in reversed(found) if command.execs), found[-1] if found else None)
    if chosen is None:
        return None
    words = tuple(word for part in chosen.words for word in (arguments if part in ("$@", "$*") else (part,)))
    return Command(words, chosen.execs, chosen.before, chosen.line, chosen.column) if words else None


def commands(line: str, environment: Mapping[str, str]) -> list[Command]:
    """The simple commands of a shell line, in order. An unfinished quote ends the reading where it begins."""
    found: list[Command] = []
    for words, before, start in pieces(line[:MAX_LINE], environment):
        found += _command(words, before, start)
    return found


def pieces(line: str, environment: Mapping[str, str]) -> Iterator[tuple[Sequence[str], str, int]]:
    """What stands between the operators of a shell text: words, the operator in front, and where it begins."""
    words: list[str] = []
    before, start = "", 0
    for said, at, is_operator in _Tokens(line, environment).all():
        if not is_operator:
            start = start if words else at
            words += said
            continue
        yield words, before, start
        words, before = [], said[0]
    yield words, before, start


def _with_operator_after(found: list[Command]) -> list[tuple[Command, str]]:
    return [(command, found[index + 1].before if index + 1 < len(found) else "") for index, command in enumerate(found)]


def _command(words: Sequence[str], before: str, start: int) -> list[Command]:
    first = next((at for at, word in enumerate(words) if not _is_in_front(word)), len(words))
    execs = first < len(words) and words[first] == "exec"
    if execs:
        behind = range(first + 1, len(words))
        first = next((at for at in behind if words[at] not in ("-c", "-l", "--")), len(words))
    return [Command(tuple(words[first:]), execs, before, 0, start + 1)] if words[first:] else []


def _is_in_front(word: str) -> bool:
    return word in _KEYWORDS or _ASSIGNMENT.match(word) is not None


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Lines with their numbers; backslash-newline joined, here-documents and comments left out."""
    lines: list[tuple[int, str]] = []
    parts: list[str] = []
    first, ending = 0, ""
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if ending:
            ending = "" if line.strip() == ending else ending
            continue
        first = first if parts else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1] + " ")
            continue
        pending = "".join([*parts, line])
        heredoc = re.search(r"<<-?\s*[\"']?([A-Za-z_]\w*)[\"']?", pending)
        ending = heredoc.group(1) if heredoc else ""
        lines.append((first, pending))
        parts.clear()
    return lines


class _Tokens:
    """Words and operators of one line."""

    def __init__(self, line: str, environment: Mapping[str, str]) -> None:
        self.line = line
        self.environment = environment
        self.at = 0

    def all(self) -> list[tuple[Sequence[str], int, bool]]:
        """Each is one word or several in a row, where they begin, and whether it is an operator instead."""
        found: list[tuple[Sequence[str], int, bool]] = []
        line, simple, row = self.line, _SIMPLE.match, _ROW.match
        while True:
            if (words := row(line, self.at)) is not None:
                found.append((words[1].split(), words.start(1), False))
                self.at = words.end()
            if (token := simple(line, self.at)) is not None:
                word, operator = token.groups()
                found.append(((word or operator,), token.start(token.lastindex or 0), word is None))
                self.at = token.end()
                continue
            start = self._skip_blanks()
            if start >= len(line):
                return found
            if line[start] == "#":
                self.at = (line.find("\n", start) + len(line) + 1) % (len(line) + 1)
            elif (redirection := _REDIRECTION.match(line, start)) is not None:
                self._skip_redirection(redirection.end())
            else:
                others = self._word()
                if others is None:
                    return found
                if others:
                    found.append((others, start, False))

    def _skip_blanks(self) -> int:
        blanks = _BLANK.match(self.line, self.at)
        assert blanks is not None
        self.at = blanks.end()
        return self.at

    def _skip_redirection(self, at: int) -> None:
        self.at = at
        while self.line[self.at : self.at + 1] in (" ", "\t"):
            self.at += 1
        if self.line[self.at : self.at + 1] not in ("", "\n", ";") and self._word() is None:
            self.at = len(self.line)

    def _word(self) -> list[str] | None:
        """The word (or, after an unquoted expansion, the words) at this point; None for an unfinished quote."""
        parts: list[str] = []
        fields: list[str] = []
        quoted = False
        while self.at < len(self.line) and self.line[self.at] not in " \t\r\n;|&()<>":
            if (plain := _PLAIN.match(self.line, self.at)) is not None:
                parts.append(plain.group())
                self.at = plain.end()
                continue
            character = self.line[self.at]
            if character in "'\"":
                text = self._quoted(character)
                if text is None:
                    return None
                quoted = True
                parts.append(text)
            elif character == "\\":
                parts.append(self.line[self.at + 1 : self.at + 2])
                self.at += 2
            else:
                text = self._expansion()
                pieces = [text] if text.startswith(("$", "`")) else re.split(r"[ \t\n]+", text)
                if len(pieces) > 1:
                    fields += ["".join([*parts, pieces[0]]), *pieces[1:-1]]
                    parts.clear()
                parts.append(pieces[-1])
        last = "".join(parts)
        return [field for field in fields if field] + ([last] if last or quoted else [])

    def _quoted(self, quote: str) -> str | None:
        self.at += 1
        parts: list[str] = []
        while self.at < len(self.line):
            if (plain := _QUOTED[quote].match(self.line, self.at)) is not None:
                parts.append(plain.group())
                self.at = plain.end()
                continue
            character = self.line[self.at]
            if character == quote:
                self.at += 1
                return "".join(parts)
            if quote == '"' and character == "\\" and self.line[self.at + 1 : self.at + 2] in ('"', "\\", "$", "`"):
                parts.append(self.line[self.at + 1])
                self.at += 2
            elif quote == '"' and character in "$`":
                parts.append(self._expansion())
            else:
                parts.append(character)
                self.at += 1
        return None

    def _expansion(self) -> str:
        """A variable's value where it is known, else the text as written. Command substitutions are left as text."""
        found = _VARIABLE.match(self.line, self.at)
        if found is None:
            return self._substitution()
        self.at = found.end()
        name = found.group(1) or found.group(2)
        if not name:
            return found.group()
        value = self.environment.get(name)
        if found.group(3) and (value is None or (value == "" and found.group(3).startswith(":"))):
            return found.group(4) or ""
        return found.group() if value is None else value

    def _substitution(self) -> str:
        start = self.at
        opening = self.line[start : start + 2]
        closing = {"$(": ")", "${": "}"}.get(opening, "`" if opening[:1] == "`" else "")
        depth, self.at = 0, start + 1
        while closing and self.at < len(self.line):
            character = self.line[self.at]
            self.at += 1
            depth += character == opening[1:2] and closing != "`"
            depth -= character == closing and closing != "`"
            if character == closing and depth <= 0:
                break
        return self.line[start : self.at]
