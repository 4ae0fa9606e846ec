"""Lines as `docker logs` and `docker compose logs` print them. Pure: records in, bytes out.

Docker puts the prefix of `--timestamps` before each 16 KiB of a long line; here it stands once, before the line. What
compose loses (a last line without its end) is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.engine.logs.interface import LogRecord
from seatrial.engine.logs.records import show_attributes, show_time

_CODES = ("36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1")
"""The colours of compose in their order: cyan, yellow, green, magenta, blue, and the same in bold."""


@dataclass(frozen=True, slots=True)
class Style:
    """How lines look. `prefix` puts the names of the services before them."""

    timestamps: bool = False
    details: bool = False
    prefix: bool = False
    color: bool = False


def prefixes(names: Sequence[str], style: Style) -> list[str]:
    """What stands before the lines of each service, as compose has it."""
    if not style.prefix:
        return [""] * len(names)
    width = max(map(len, names), default=0) + 1
    plain = [f"{name:<{width}} | " for name in names]
    if not style.color:
        return plain
    return [f"\x1b[{_CODES[number % len(_CODES)]}m{text}\x1b[0m" for number, text in enumerate(plain)]


class Renderer:
    """Renders the lines of one service; knows whether its last one was left without its end."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self.prefix = ""
        self._is_open = dict.fromkeys(("stdout", "stderr"), False)

    def render(self, record: LogRecord) -> bytes:
        """One line, or a piece of one."""
        begins = not record.continues
        before = self._before(record) if begins else ""
        text = record.text
        if self.prefix:
            # Others write between the lines, so each has its end, and the pieces of a huge one are lines.
            before = before if begins else self.prefix
            text = text if text.endswith("\n") else text + "\n"
        elif begins and before and self._is_open[record.stream]:
            before = "\n" + before
        self._is_open[record.stream] = not text.endswith("\n")
        return (before + text).encode("utf-8", "replace")

    def _before(self, record: LogRecord) -> str:
        before = self.prefix
        if self._style.timestamps:
            before += show_time(record.time) + " "
        if self._style.details:
            before += show_attributes(record.attributes) + " "
        return before


class QuirkyRenderer(Renderer):
    """Docker's way: every record has its prefix, also where a line goes on."""

    def render(self, record: LogRecord) -> bytes:
        return (self._before(record) + record.text).encode("utf-8", "replace")
