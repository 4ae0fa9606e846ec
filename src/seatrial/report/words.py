"""Small words that all reports share: durations, counts, commands, and text that is safe to print.

What a service writes can hold escape sequences that move the cursor, retitle the terminal or hide lines, and
bidirectional controls that reorder what is read; none of them may reach a terminal or a page as they are.
"""

from __future__ import annotations

import re

from seatrial.model.patterns import pattern
from seatrial.model.redaction import without_escapes
from seatrial.model.service import signal_name

HOME = "https://github.com/seatrial/seatrial"

_CONTROLS = pattern(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def clean(text: str) -> str:
    """One line of printable text: colours are dropped, tabs become spaces, other controls are shown as \\x1b."""
    if text.isprintable():
        return text  # which no control is, whatever Unicode calls it
    return _CONTROLS.sub(_shown, without_escapes(text.rstrip("\r\n"))).replace("\t", "    ")


def _shown(match: re.Match[str]) -> str:
    number = ord(match.group())
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def clip(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis: at most `limit` characters."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


def seconds(value: float) -> str:
    """A duration for people: milliseconds below a tenth of a second."""
    return f"{value * 1000:.0f} ms" if abs(value) < 0.0995 else f"{value:.2f} s"


def count(number: int, noun: str, plural: str = "") -> str:
    """ "1 request", "2 requests"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def command(argv: tuple[str, ...]) -> str:
    """A command line as one would type it, safe to print."""
    from shlex import join

    return clean(join(argv)) if argv else "(none)"


def requirement_page(name: str) -> str:
    """The address of a requirement's documentation."""
    return f"{HOME}/blob/main/docs/requirements.md#{name}"


def exit_code(code: int) -> str:
    """An exit code with its meaning: "143 (128 + SIGTERM)"."""
    return f"{code} (128 + {signal_name(code - 128)})" if 128 < code < 193 else str(code)
