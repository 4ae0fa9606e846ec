"""Fix for nofile-limit: 65536 in the place of a limit that is too low."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.interface import spanned, unit_of
from seatrial.check.interface import Context
from seatrial.model.edit import Edit, Sets
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern

ENOUGH = 65536
_PAIR = pattern(r"(\{\s*soft\s*:\s*)(\d+)(\s*,\s*hard\s*:\s*)(\d+)(\s*\})")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Replace the number, or both of them."""
    unit = unit_of(context, finding)
    if unit is None or unit.compose is None:
        return
    said = spanned(context, finding.place)
    pair = _PAIR.fullmatch(said)
    if said.isascii() and said.isdigit():
        new = str(ENOUGH)
    elif pair:
        soft = max(int(pair.group(2)), ENOUGH)
        new = pair.expand(rf"\g<1>{soft}\g<3>{max(int(pair.group(4)), soft)}\g<5>")
    else:
        return
    path = ("services", unit.compose.name, "ulimits", "nofile")
    yield Edit(finding.place, new, finding.requirement, f"raise nofile to {ENOUGH}", Sets(path, new))
