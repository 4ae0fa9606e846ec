"""Fix for host-modules-not-copied: a line in the .dockerignore."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.ignore_lines import adding_lines
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: safe, for the image installs its own."""
    unit = unit_of(context, finding)
    name = finding.message.partition(" ")[0]
    if unit is not None and name in ("node_modules", ".venv"):
        yield from made(adding_lines(context, unit, finding, [name], is_safe=True))
