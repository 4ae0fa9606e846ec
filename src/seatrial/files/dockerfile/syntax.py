"""What a Dockerfile says, before any of it means something: instructions, words, flags, heredocs, stages, with places.

Every value knows where it stands. Nothing here is expanded, defaulted or judged: `$NAME` is still `$NAME`, and a word
keeps its quotes. Columns count characters and not the byte order mark, which is no part of the text.
"""

from __future__ import annotations

from collections.abc import Callable

from seatrial.model.finding import Finding
from seatrial.model.place import Place, Sourced
from seatrial.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an instruction. `text` is as written, quotes and escapes kept, except in the JSON form, where it is the
    decoded string and the place includes the quotes. Line continuations inside it are taken out of `text`."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value` before the arguments. `value` is unquoted, and None where there is no `=`.

    `place` is the whole flag, `value_place` what follows the `=` (quotes included).
    """

    name: str
    value: str | None
    place: Place
    value_place: Place | None = None


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document. `content` is the body as it is written, each line with its line end.

    `expand` is False where the delimiter is quoted, `chomp` True for `<<-` (leading tabs don't count), `descriptor` is
    the number before `<<`. `place` is the body without the closing line.
    """

    name: str
    content: str
    expand: bool
    chomp: bool
    descriptor: int
    place: Place


@dataclass(frozen=True, slots=True)
class Pair:
    """One assignment of ENV, LABEL or ARG. `value` is None for `ARG name`; both keep their quotes.

    `legacy` marks `ENV name value`, where the value is the rest of the line and commas, quotes and `=` mean nothing
    until it is expanded.
    """

    name: Word
    value: Word | None
    place: Place
    legacy: bool = False


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    `keyword` is in upper case, `written` as it stands in the file. `arguments` is the text after keyword and flags,
    continuations and comments taken out. `words` are the arguments split by the instruction's own rule: one word for
    those that take a line (USER, RUN in shell form); for HEALTHCHECK the first is its kind. `json` tells the JSON form,
    whose decoded strings `argv` is (None in shell form). `pairs` belong to ENV, LABEL and ARG, `trigger` to ONBUILD.
    `comments` are the comment lines directly above. `broken` means that Docker refuses the instruction: there is a
    finding for it, and it has no effect when resolved. `place_of` gives the place of a span of its line,
    from which continuations were taken out: there it begins at `start`, and its arguments at `arguments_start`.
    """

    keyword: str
    written: str
    place: Place
    place_of: Callable[[int, int], Place]
    start: int
    arguments_start: int
    arguments: str = ""
    arguments_place: Place | None = None
    flags: tuple[Flag, ...] = ()
    words: tuple[Word, ...] = ()
    json: bool = False
    pairs: tuple[Pair, ...] = ()
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()
    trigger: Instruction | None = None
    broken: bool = False

    @property
    def keyword_place(self) -> Place:
        """The place of its first word."""
        return self.place_of(self.start, self.start + len(self.written))

    @property
    def argv(self) -> tuple[str, ...] | None:
        """The strings of the JSON form (for HEALTHCHECK without its kind); None in shell form."""
        if not self.json:
            return None
        skipped = 1 if self.keyword == "HEALTHCHECK" else 0
        return tuple(word.text for word in self.words[skipped:])

    def flag(self, name: str) -> Flag | None:
        """The first flag of that name."""
        return next((flag for flag in self.flags if flag.name == name), None)


@dataclass(frozen=True, slots=True)
class Directives:
    """The parser directives at the top: `# syntax=…`, `# escape=…`, `# check=…`. None where the file has none."""

    syntax: Sourced[str] | None = None
    escape: Sourced[str] | None = None
    check: Sourced[str] | None = None

    @property
    def escape_character(self) -> str:
        """The character that escapes and continues lines: a backslash, or a backtick."""
        return self.escape.value if self.escape else "\\"


@dataclass(frozen=True, slots=True)
class Stage:
    """A build stage: its FROM and the instructions up to the next. `name` is in lower case, "" without AS."""

    index: int
    name: str
    base: Word
    origin: Instruction
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file. `text` is what the places count in. `findings` are all of requirement "syntax", in file order."""

    file: str
    text: str
    directives: Directives
    instructions: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    findings: tuple[Finding, ...]

    @property
    def global_arguments(self) -> tuple[Instruction, ...]:
        """The ARG instructions before the first FROM."""
        found = []
        for instruction in self.instructions:
            if instruction.keyword == "FROM":
                break
            if instruction.keyword == "ARG" and not instruction.broken:
                found.append(instruction)
        return tuple(found)

    def stage(self, target: str) -> Stage | None:
        """The stage of that name (in any case) or number; of two with one name the last."""
        named = [stage for stage in self.stages if stage.name and stage.name == target.lower()]
        if named:
            return named[-1]
        if target.isascii() and target.isdigit() and len(target) < 10 and int(target) < len(self.stages):
            return self.stages[int(target)]
        return None
