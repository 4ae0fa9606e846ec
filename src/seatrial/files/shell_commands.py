"""Shell text into simple commands with their places: RUN lines, shell-form commands, entrypoint scripts.

Built on `scripts.shell_line`, which understands words, quotes and operators and no more. It must never raise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from seatrial.files.scripts.shell_line import Command, commands
from seatrial.model.documents import ShellCommand
from seatrial.model.patterns import pattern
from seatrial.model.place import Place

ToPlace = Callable[[int, int], Place]
"""The place of a span of the text."""

_CONTINUATION = pattern(r"\\\r?\n")
_HEREDOC = pattern(r"<<-?[ \t]*([\"']?)([A-Za-z_]\w*)\1")
_MORE_OF_A_WORD = pattern(r"[^ \t\r\n;|&()<>]*")
_EMPTY: dict[str, str] = {}


def shell_commands(text: str, to_place: ToPlace) -> tuple[ShellCommand, ...]:
    """The simple commands of `text`, in order. An unfinished quote ends the reading."""
    return tuple(
        ShellCommand(read.words, partial(to_place, read.column - 1, end), read.before, after, read.execs)
        for read, end, after in _read(text)
    )


def last_commands(text: str, to_place: ToPlace) -> tuple[ShellCommand, ...]:
    """Those of a script that may be the last that it runs, in order."""
    from seatrial.files.scripts import shell_blocks

    starts = shell_blocks.last_commands(_plain(text))
    found = zip(shell_commands(text, to_place), _read(text), strict=True)
    return tuple(command for command, (read, _, _) in found if read.column - 1 in starts)


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[tuple[Command, int, str], ...]:
    """The commands, each with the end of its first word and the operator behind it. Remembered, because of the lines of
    many Dockerfiles half are the same."""
    plain = _plain(text)
    found = commands(plain, _EMPTY)
    after = [*(command.before for command in found[1:]), ""]
    return tuple((command, _end(plain, command), follows) for command, follows in zip(found, after, strict=False))


def _plain(text: str) -> str:
    """Of the same length, so that offsets stay: a continued line is one line, and a heredoc's body is no command."""
    if "\\" in text:
        text = _CONTINUATION.sub(lambda found: " " * len(found.group()), text)
    return _without_heredocs(text)


def _end(text: str, command: Command) -> int:
    """Where the first word ends."""
    more = _MORE_OF_A_WORD.match(text, command.column)
    return more.end() if more else command.column


def _without_heredocs(text: str) -> str:
    if "<<" not in text:
        return text
    lines = text.split("\n")
    ending = ""
    for number, line in enumerate(lines):
        if ending:
            ending = "" if line.strip() == ending else ending
            lines[number] = " " * len(line)
            continue
        opened = _HEREDOC.search(line)
        ending = opened.group(2) if opened else ""
    return "\n".join(lines)
