"""What `seatrial explain NAME` adds for a requirement that `seatrial check` reads from files."""

from __future__ import annotations

import textwrap

from seatrial.check.fixing import FIXES
from seatrial.check.interface import FixSafety, Rule
from seatrial.check.table import NAMES, rule


def lines(name: str, width: int) -> list[str]:
    """The rule's documentation; empty where no rule has this name."""
    if name not in NAMES:
        return []
    found = rule(name)
    page = [
        "",
        "Read from files",
        *textwrap.wrap(found.what, width),
        "",
        "Why it bites",
        *textwrap.wrap(found.why, width),
    ]
    page += ["", "Example", *_code(found.example), "", "Use instead", *_code(found.instead)]
    page += ["", "Fix", *textwrap.wrap(_fix(found), width), "", "Sources", *(f"  {source}" for source in found.sources)]
    hidden = ", ".join(found.consequence_of)
    return page + (["", f"Not told beside its cause: {hidden}"] if hidden else [])


def _code(text: str) -> list[str]:
    return ["  " + line for line in text.splitlines()]


def _fix(found: Rule) -> str:
    words = {FixSafety.SAFE: "Safe.", FixSafety.UNSAFE: "Only on request.", FixSafety.NONE: "None: it is a decision."}
    if found.fix_safety is not FixSafety.NONE and found.name not in FIXES:
        return f"By hand in this version. {found.fix_note}".strip()
    return f"{words[found.fix_safety]} {found.fix_note}".strip()
