"""Physical lines into logical lines: comments, blank lines, continuations, parser directives.

A logical line is what an instruction is read from. It remembers where each of its characters stands in the file, so
that every place can be given exactly although continuations were taken out. Source: buildkit's parser.go. Nothing
here knows what an instruction is, and every function is linear in the size of the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from itertools import accumulate

from seatrial.files.dockerfile.syntax import Directives
from seatrial.model.finding import Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass

SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What Go's unicode.IsSpace accepts. Python's own idea of space also has \\x1c to \\x1f, which are none here."""
A_SPACE, NO_SPACE = r"[^\S\x1c-\x1f]", r"[\S\x1c-\x1f]"
"""One of them and any other character, for patterns: compiled and matched much faster than a list of them."""

MAX_LINE_BYTES = 64 * 1024
"""BuildKit's scanner gives up at a line of this size (bufio.MaxScanTokenSize)."""

_DIRECTIVE = pattern(r"([a-zA-Z][a-zA-Z0-9]*)[ \t\f\r]*=")
_KNOWN_DIRECTIVES = frozenset({"syntax", "escape", "check"})

Report = Callable[[Severity, str, Place, str], None]
"""Takes a finding: severity, message, place, remedy."""


class Source:
    """A text and its lines; turns offsets into places."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        self.lines = [line.rstrip("\r") for line in lines] if "\r" in text else lines
        """Without their line ends; as in BuildKit, every carriage return at the end belongs to that."""
        self.has_long_lines = 4 * len(text) >= MAX_LINE_BYTES and 4 * max(map(len, lines)) >= MAX_LINE_BYTES
        """Whether one may be longer than Docker takes."""

    def __len__(self) -> int:
        """How many lines there are; a last one without a line end counts."""
        return len(self.lines)

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins in the text."""
        starts = [0, *accumulate([len(line) + 1 for line in self.text.split("\n")])]
        return starts[: len(self)]

    def place(self, start: int, end: int) -> Place:
        """The place of `text[start:end]`."""
        line, column = self._position(start)
        end_line, end_column = self._position(end) if end > start else (line, column)
        return Place(self.file, line, column, end_line, end_column)

    def _position(self, offset: int) -> tuple[int, int]:
        line = max(bisect_right(self.starts, offset), 1)
        return line, offset - (self.starts[line - 1] if self.starts else 0) + 1

    @cached_property
    def _closers(self) -> dict[str, list[int]]:
        lines: dict[str, list[int]] = {}
        for number in range(len(self)):
            lines.setdefault(self.lines[number], []).append(number)
        return lines

    @cached_property
    def _tabbed_closers(self) -> dict[str, list[int]]:
        lines: dict[str, list[int]] = {}
        for number in range(len(self)):
            lines.setdefault(self.lines[number].lstrip("\t"), []).append(number)
        return lines

    def find_line(self, content: str, first: int, *, ignore_tabs: bool) -> int | None:
        """The number of the first line from `first` on that is exactly `content`, leading tabs apart if asked."""
        numbers = (self._tabbed_closers if ignore_tabs else self._closers).get(content, [])
        at = bisect_right(numbers, first - 1)
        return numbers[at] if at < len(numbers) else None


@dataclass(slots=True)
class LogicalLine:
    """A line with its continuations joined. The piece of the physical line `numbers[i]` (from 0) begins at `logical[i]`
    in it; all but the first are whole lines."""

    source: Source
    first: int
    """Number of its first physical line, from 0."""
    last: int
    text: str
    comments: tuple[str, ...]
    indent: int
    """How far the first piece stands from the beginning of its line."""
    logical: list[int]
    numbers: list[int]

    def offset(self, position: int) -> int:
        """Where the character at `position` stands in the file."""
        line, column = self._position(position)
        return self.source.starts[line - 1] + column - 1

    def place(self, start: int, end: int) -> Place:
        """The place of `text[start:end]`; an empty span is a point behind the character before it."""
        if len(self.logical) == 1:
            line, before = self.first + 1, self.indent + 1
            return Place(self.source.file, line, before + start, line, before + (end if end > start else start))
        if end > start:
            line, column = self._position(start)
            end_line, end_column = self._position(end - 1)
            return Place(self.source.file, line, column, end_line, end_column + 1)
        at = self.offset(start - 1) + 1 if start > 0 else self.offset(start)
        return self.source.place(at, at)

    def _position(self, position: int) -> tuple[int, int]:
        at = bisect_right(self.logical, position) - 1
        column = position - self.logical[at] + 1
        return self.numbers[at] + 1, column if at else column + self.indent


class LineReader:
    """Walks through a file and hands out its logical lines; `number` is the next physical line."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        self.number = 0
        self.directives = Directives()
        self.escape = self.directives.escape_character
        """The escape character in force."""
        self._report = report
        self._looking_for_directives = True
        self._comments: list[str] = []

    def next(self) -> LogicalLine | None:
        """The next logical line, or None at the end of the file."""
        count = len(self.source.lines)
        while self.number < count:
            number = self.number
            content = self._take()
            stripped = content.lstrip(SPACE)
            if stripped.startswith("#"):
                if not self._directive(stripped, number):
                    self._comment(stripped)
                continue
            self._looking_for_directives = False
            if stripped:
                return self._join(number, stripped, len(content) - len(stripped))
        return None

    def _take(self) -> str:
        content = self.source.lines[self.number]
        if self.source.has_long_lines:
            self._refuse_if_long(content)
        self.number += 1
        return content

    def _refuse_if_long(self, content: str) -> None:
        # Without a line end the scanner needs one byte more before it knows that the file has ended.
        if len(content.encode("utf-8", "replace")) >= MAX_LINE_BYTES:
            start = self.source.starts[self.number]
            self._report(
                Severity.ERROR,
                f"line is longer than {MAX_LINE_BYTES - 1} bytes, which Docker refuses",
                self.source.place(start, start + len(content)),
                f"Break the line with `{self.escape}` at its end, or move the text into a file.",
            )

    def _comment(self, stripped: str) -> None:
        text = stripped[1:].strip(SPACE)
        if text:
            self._comments.append(text)
        else:
            self._comments.clear()

    def _join(self, number: int, first: str, indent: int) -> LogicalLine:
        comments = tuple(self._comments)
        self._comments.clear()
        piece, goes_on = _cut_continuation(first, self.escape)
        if not goes_on:
            return LogicalLine(self.source, number, number, piece, comments, indent, [0], [number])
        pieces, numbers, gap = [piece], [number], None
        count = len(self.source.lines)
        while goes_on and self.number < count:
            content = self._take()
            beginning = content.lstrip(SPACE)[:1]
            if beginning == "#":
                continue
            if not beginning:
                gap = self.number - 1 if gap is None else gap
                continue
            piece, goes_on = _cut_continuation(content, self.escape)
            pieces.append(piece)
            numbers.append(self.number - 1)
        if gap is not None:
            self._report_gap(gap)
        logical = [0, *accumulate(map(len, pieces[:-1]))]
        return LogicalLine(self.source, number, self.number - 1, "".join(pieces), comments, indent, logical, numbers)

    def _report_gap(self, number: int) -> None:
        start = self.source.starts[number]
        self._report(
            Severity.WARNING,
            "empty line inside a continued instruction; Docker warns that this will become an error",
            self.source.place(start, start),
            f"Remove the empty line, or the `{self.escape}` before it.",
        )

    def _directive(self, stripped: str, number: int) -> bool:
        """Whether this comment is a parser directive; the first line that is none ends them (directives.go)."""
        if not self._looking_for_directives:
            return False
        body = stripped[1:].lstrip(SPACE)
        match = _DIRECTIVE.match(body)
        name = match[1].lower() if match else ""
        rest = body[match.end() :] if match else ""
        if name not in _KNOWN_DIRECTIVES or not rest:
            self._looking_for_directives = False
            return False
        value = rest.strip(" \t\f\r") or rest[-1]
        end = self.source.starts[number] + len(self.source.lines[number])
        start = end - len(rest.lstrip(" \t\f\r"))
        place = (
            self.source.place(start, start + len(value)) if rest.strip(" \t\f\r") else self.source.place(end - 1, end)
        )
        self._set_directive(name, Sourced(value, place))
        return True

    def _set_directive(self, name: str, value: Sourced[str]) -> None:
        place = value.place
        assert place is not None
        if getattr(self.directives, name) is not None:
            self._report(Severity.ERROR, f"only one {name} directive can be used", place, "Remove one of them.")
        elif name == "escape" and value.value not in ("\\", "`"):
            message = f"{value.value!r} can't be the escape character: it is a backslash or a backtick"
            self._report(Severity.ERROR, message, place, "Write `# escape=\\` or `# escape=` with a backtick.")
        else:
            known = {each: getattr(self.directives, each) for each in _KNOWN_DIRECTIVES}
            self.directives = Directives(**{**known, name: value})
            self.escape = self.directives.escape_character


def _cut_continuation(content: str, escape: str) -> tuple[str, bool]:
    """The line without its continuation character, and whether there was one: the last character but blanks, and not
    after another of its kind."""
    trimmed = content.rstrip(" \t")
    if trimmed[-1:] == escape and trimmed[-2:-1] != escape:
        return trimmed[:-1], True
    return content, False
