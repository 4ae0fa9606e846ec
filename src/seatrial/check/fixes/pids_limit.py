"""Fix for pids-limit: a limit that most services stay far below."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.interface import unit_of
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the key: unsafe, for a program with many threads needs more."""
    unit = unit_of(context, finding)
    if unit is None or unit.service.limits.pids is not None:
        return
    edit = with_key(context, unit, finding, {"pids_limit": "200"}, What("add pids_limit"))
    if edit is not None:
        yield edit
