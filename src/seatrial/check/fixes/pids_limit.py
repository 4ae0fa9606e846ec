"""Fix for pids-limit: a limit that most services stay far below."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.fixes.compose_block import USUAL_PIDS, with_limit
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the key: unsafe, for a program with many threads needs more."""
    unit = unit_of(context, finding)
    if unit is None or unit.service.limits.pids is not None or not services.is_taken(unit, "pids"):
        return
    limit = ("pids_limit", "pids", USUAL_PIDS)
    yield from made(with_limit(context, unit, finding, limit, What("add a limit of processes")))
