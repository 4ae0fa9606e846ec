"""Reads a Dockerfile: logical lines into instructions, heredocs and stages, and what is wrong into findings.

It must never raise and never stop: an instruction that Docker refuses is marked as broken, gets one finding, and
reading goes on with the next. Source: buildkit's parser.go and instructions/parse.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from seatrial.files.dockerfile.checks import KEYWORDS, STAGE_NAME, BrokenError, check, suggestion
from seatrial.files.dockerfile.expansion import ExpansionError
from seatrial.files.dockerfile.heredocs import heredoc_openings
from seatrial.files.dockerfile.lines import NO_SPACE, LineReader, LogicalLine, Source
from seatrial.files.dockerfile.syntax import Dockerfile, Heredoc, Instruction, Pair, Stage, Word
from seatrial.files.dockerfile.words import (
    BLANK,
    RefusalError,
    read_argument,
    read_json,
    read_pairs,
    split_blanks,
    split_flags,
    split_quoted,
    trim,
    word_at,
)
from seatrial.model.finding import Finding, Severity
from seatrial.model.patterns import pattern
from seatrial.model.place import Place
from seatrial.model.values import replace

_HEREDOC_KEYWORDS = frozenset({"ADD", "COPY", "RUN"})
_KIND = pattern(f"{NO_SPACE}+")
_TEST = pattern(r"\[\s+\S.*\s(?:=|==|!=|-[a-z]{2})\s.*\s\]|\[\s+!?\s*-[a-z]\s.*\s\]")
"""The shell's own `[ "$a" = b ]`."""
_MEANT_AS_JSON = pattern(r"\[\s*[\"'“”‘’]")
"""A bracket and a quote; `[ -f file ]` is an honest shell line."""
_MAX_SUGGESTIONS = 20


def read_dockerfile(text: str | bytes, file: str) -> Dockerfile:
    """Reads `text`; `file` is how places and messages call it. Never raises: what is broken becomes a finding.

    Bytes are taken as UTF-8, and what is none becomes U+FFFD.
    """
    shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return _read(shown.removeprefix("\ufeff"), file)


@lru_cache(maxsize=16)
def _read(text: str, file: str) -> Dockerfile:
    """Remembered, because the services of one compose file are often built from one Dockerfile; nothing can change."""
    return _Reader(Source(text, file)).read()


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._findings: list[Finding] = []
        self._lines = LineReader(source, self._report)
        self._suggestions = 0

    def read(self) -> Dockerfile:
        instructions: list[Instruction] = []
        while line := self._lines.next():
            instructions.append(self._instruction(line))
        stages = tuple(self._stages(instructions))
        if not stages:
            self._report_no_stage(instructions)
        findings = tuple(sorted(self._findings, key=lambda each: (each.place.line, each.place.column)))
        source = self._source
        return Dockerfile(source.file, source.text, self._lines.directives, tuple(instructions), stages, findings)

    def _report(self, severity: Severity, message: str, place: Place, remedy: str) -> None:
        self._findings.append(Finding("syntax", severity, message, place, remedy))

    def _instruction(self, line: LogicalLine) -> Instruction:
        instruction = self._guarded(line, *trim(line.text, 0, len(line.text)))
        if "<<" in line.text and _takes_heredocs(instruction):
            instruction = self._with_heredocs(instruction, line)
        return self._checked(instruction)

    def _guarded(self, line: LogicalLine, start: int, end: int) -> Instruction:
        """The instruction at this span, as far as it can be read."""
        written, start_of_rest = _keyword(line.text, start, end)
        flags, at = split_flags(line, start_of_rest, end, self._lines.escape)
        left, right = trim(line.text, at, end)
        keyword = written.upper()
        arguments = Word(line.text[left:right], line.place(left, right)) if left < right else None
        try:
            said = self._said(keyword, arguments, line, left, right) if arguments else {}
        except RefusalError as refusal:
            self._report(Severity.ERROR, refusal.message, line.place(*refusal.span), refusal.remedy)
            said = {"broken": True}
        return Instruction(
            keyword,
            written,
            line.place(start, end),
            line.place,
            start,
            left,
            arguments.text if arguments else "",
            arguments.place if arguments else None,
            tuple(flags),
            comments=line.comments,
            **said,
        )

    def _said(self, keyword: str, arguments: Word, line: LogicalLine, left: int, right: int) -> dict[str, Any]:
        """The fields of the instruction that its own grammar gives. Raises RefusalError."""
        if keyword == "ONBUILD":
            return self._trigger(line, left, right)
        if keyword in ("ENV", "LABEL"):
            words, pairs = read_pairs(line, left, right, self._lines.escape, keyword)
            return {"words": tuple(words), "pairs": tuple(pairs)}
        if keyword == "ARG":
            spans = split_quoted(line.text, left, right, self._lines.escape)
            assigned: tuple[Pair, ...] = tuple(read_argument(line, span) for span in spans)
            return {"words": tuple(word_at(line, span) for span in spans), "pairs": assigned}
        if keyword == "HEALTHCHECK":
            return _health_words(line, left, right)
        plain, json = _plain_words(keyword, arguments, line, left, right)
        return {"words": tuple(plain), "json": json}

    def _trigger(self, line: LogicalLine, left: int, right: int) -> dict[str, Any]:
        written, _ = _keyword(line.text, left, right)
        if written.upper() == "ONBUILD":
            # Also keeps a line of a thousand ONBUILDs from being a thousand levels deep.
            raise RefusalError("ONBUILD can't be chained", (left, left + len(written)), "Write ONBUILD once.")
        trigger = replace(self._guarded(line, left, right), comments=())
        word = Word(trigger.written, trigger.keyword_place)
        return {"words": (word,), "trigger": trigger, "broken": trigger.broken}

    def _checked(self, instruction: Instruction) -> Instruction:
        if instruction.broken:
            return instruction
        try:
            check(instruction)
        except BrokenError as error:
            return self._refused(instruction, error)
        if (trigger := instruction.trigger) is not None:
            checked = self._checked(trigger)
            return replace(instruction, trigger=checked, broken=checked.broken)
        self._warn_about_broken_json(instruction)
        return instruction

    def _refused(self, instruction: Instruction, error: BrokenError) -> Instruction:
        remedy = error.remedy
        if instruction.keyword not in KEYWORDS and self._suggestions < _MAX_SUGGESTIONS:
            self._suggestions += 1
            remedy = suggestion(instruction.keyword)
        self._report(Severity.ERROR, error.message, error.place, remedy)
        return replace(instruction, broken=True)

    def _warn_about_broken_json(self, instruction: Instruction) -> None:
        """Docker says nothing when JSON is broken and runs the line with a shell, brackets and all."""
        if instruction.keyword not in ("CMD", "ENTRYPOINT", "HEALTHCHECK") or instruction.json or not instruction.words:
            return
        text = instruction.words[-1].text
        if not text.startswith("[") or not _MEANT_AS_JSON.match(text) or _TEST.match(text):
            return
        message = f"{instruction.keyword} looks like the JSON form but is not valid JSON, so it runs as a shell line"
        self._report(Severity.WARNING, message, instruction.words[-1].place, 'Write ["program", "argument"].')

    # Heredocs

    def _with_heredocs(self, instruction: Instruction, line: LogicalLine) -> Instruction:
        try:
            openings = heredoc_openings(line.text)
        except ExpansionError as error:
            self._report(Severity.ERROR, f"heredoc can't be read: {error}", instruction.place, "")
            return replace(instruction, broken=True)
        heredocs: list[Heredoc] = []
        for opening in openings:
            first = self._lines.number
            closing = self._source.find_line(opening.name, first, ignore_tabs=opening.chomp)
            end = self._end_of_unclosed(first) if closing is None else closing
            heredocs.append(self._filled(opening, first, end))
            if closing is None:
                message = f"heredoc {opening.name!r} is never closed"
                self._report(
                    Severity.ERROR, message, instruction.place, f"Put {opening.name} alone on a line behind it."
                )
                self._lines.number = end
                return _with_all_heredocs(replace(instruction, broken=True), heredocs)
            self._lines.number = closing + 1
        return _with_all_heredocs(instruction, heredocs)

    def _filled(self, opening: Heredoc, first: int, end: int) -> Heredoc:
        source = self._source
        start = source.starts[first] if first < len(source) else len(source.text)
        stop = source.starts[end] if end < len(source) else len(source.text)
        return replace(opening, content=source.text[start:stop], place=source.place(start, stop))

    def _end_of_unclosed(self, first: int) -> int:
        """Where reading goes on: at the next line that begins with an instruction in upper case."""
        for number in range(first, len(self._source)):
            head = self._source.lines[number].split(maxsplit=1)[:1]
            if head and head[0] in KEYWORDS:
                return number
        return len(self._source)

    # Stages

    def _stages(self, instructions: list[Instruction]) -> list[Stage]:
        stages: list[Stage] = []
        own: list[Instruction] = []
        origin: Instruction | None = None
        for instruction in instructions:
            if instruction.keyword == "FROM":
                if origin is not None:
                    stages.append(_stage(len(stages), origin, own))
                origin, own = instruction, []
            elif origin is not None:
                own.append(instruction)
            elif instruction.keyword != "ARG" and not instruction.broken:
                message = f"{instruction.keyword} stands before the first FROM"
                self._report(Severity.ERROR, message, instruction.place, "Only ARG may; move it below FROM.")
        if origin is not None:
            stages.append(_stage(len(stages), origin, own))
        return stages

    def _report_no_stage(self, instructions: list[Instruction]) -> None:
        if instructions:
            place = instructions[-1].place
            if not self._findings:
                self._report(
                    Severity.ERROR, "there is no FROM, so there is nothing to build", place, "Begin with FROM."
                )
            return
        self._report(Severity.ERROR, "the file has no instructions", Place(self._source.file, 1), "Begin with FROM.")


def _stage(index: int, origin: Instruction, instructions: list[Instruction]) -> Stage:
    words = origin.words
    named = len(words) == 3 and words[1].text.upper() == "AS" and STAGE_NAME.fullmatch(words[2].text.lower())
    base = words[0] if words else Word("", origin.keyword_place)
    return Stage(index, words[2].text.lower() if named else "", base, origin, tuple(instructions))


def _keyword(text: str, start: int, end: int) -> tuple[str, int]:
    """The first word as written, and where the rest begins."""
    blank = BLANK.search(text, start, end)
    return (text[start : blank.start()], blank.end()) if blank else (text[start:end], end)


def _plain_words(
    keyword: str, arguments: Word, line: LogicalLine, left: int, right: int
) -> tuple[Sequence[Word], bool]:
    """The words of all instructions without a grammar of their own, and whether they are in JSON form."""
    if keyword in ("ADD", "COPY", "VOLUME", "CMD", "ENTRYPOINT", "RUN", "SHELL"):
        words = read_json(line, left, right)
        if words is not None:
            return words, True
    if keyword in ("ADD", "COPY", "VOLUME", "EXPOSE", "FROM"):
        return [word_at(line, span) for span in split_blanks(line.text, left, right)], False
    return (arguments,), False


def _health_words(line: LogicalLine, left: int, right: int) -> dict[str, Any]:
    kind = _KIND.match(line.text, left, right)
    assert kind is not None
    first = word_at(line, kind.span())
    start, end = trim(line.text, kind.end(), right)
    if start == end:
        return {"words": (first,)}
    words = read_json(line, start, end)
    if words is None:
        return {"words": (first, word_at(line, (start, end)))}
    return {"words": (first, *words), "json": True}


def _takes_heredocs(instruction: Instruction) -> bool:
    inner = instruction.trigger or instruction
    return inner.keyword in _HEREDOC_KEYWORDS and not inner.json


def _with_all_heredocs(instruction: Instruction, heredocs: list[Heredoc]) -> Instruction:
    trigger = instruction.trigger
    if trigger is not None:
        trigger = replace(trigger, heredocs=tuple(heredocs))
    return replace(instruction, heredocs=tuple(heredocs), trigger=trigger)
