"""Fix for cpu-limit: one core, which somebody has to measure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import USUAL_CORES, with_limit
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_TODO = "cpu-limit: measure what it needs"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: unsafe, for a program with more threads than that becomes slower."""
    unit = unit_of(context, finding)
    if unit is not None:
        what = What("add a CPU limit", todo=_TODO)
        yield from made(with_limit(context, unit, finding, ("cpus", "cpus", USUAL_CORES), what))
