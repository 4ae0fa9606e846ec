"""Shell text into simple commands with their places: RUN lines, shell-form commands, entrypoint scripts.

Built on `scripts.shell_line`, which understands words, quotes and operators and no more. It must never raise.
"""

from __future__ import annotations

from collections.abc import Callable

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
    # Same length, so that offsets stay: a continued line is one line, and a heredoc's body is no command.
    plain = text
    if "\\" in text:
        plain = _CONTINUATION.sub(lambda found: " " * len(found.group()), text)
    plain = _without_heredocs(plain)
    found = commands(plain, _EMPTY)
    after = [*(command.before for command in found[1:]), ""]
    return tuple(_placed(plain, command, follows, to_place) for command, follows in zip(found, after, strict=False))


def _placed(text: str, command: Command, after: str, to_place: ToPlace) -> ShellCommand:
    start = command.column - 1
    more = _MORE_OF_A_WORD.match(text, start + 1)
    end = more.end() if more else start + 1
    return ShellCommand(command.words, to_place(start, end), command.before, after, command.execs)


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
