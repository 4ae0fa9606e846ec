"""Fix for restart-policy: `restart: unless-stopped` where nothing is said."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.interface import unit_of
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the key."""
    unit = unit_of(context, finding)
    if unit is None or unit.service.restart is not None:
        return
    edit = with_key(context, unit, finding, {"restart": "unless-stopped"}, What("add restart", is_safe=True))
    if edit is not None:
        yield edit
