"""Text made safe for XML and for Markdown: no secret, nothing that the format has a meaning for."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from seatrial.model.patterns import pattern
from seatrial.report import redact
from seatrial.report.words import clean

_FORBIDDEN = pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = pattern(r"([\\|*_<>\[\]#])")
_CODE = pattern(r"(`[^`\n]+`)")


def xml_attribute(text: str) -> str:
    """An attribute's value, in quotes."""
    return quoteattr(_FORBIDDEN.sub("\ufffd", redact.text(text)))


def xml_text(text: str) -> str:
    """The text of an element."""
    return escape(_FORBIDDEN.sub("\ufffd", redact.text(text)))


def markdown(text: str) -> str:
    """Escaped, except what stands between backticks (where only the table's own sign must be)."""
    parts = _CODE.split(clean(redact.text(" ".join(text.split()))))
    return "".join(
        part.replace("|", "\\|")
        if part.startswith("`") and part.endswith("`") and len(part) > 2
        else _SPECIAL.sub(r"\\\1", part)
        for part in parts
    )
