"""Fix for cpu-limit: one core, which somebody has to measure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import limit_path, service_spot
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, adding
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_TODO = "cpu-limit: measure what it needs"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: unsafe, for a program with more threads than that becomes slower."""
    unit = unit_of(context, finding)
    spot = service_spot(unit) if unit else None
    if unit is not None and spot is not None:
        path = limit_path(context, unit, "cpus", "cpus")
        yield from made(adding(context, finding, spot, path, '"1.0"', What("add a CPU limit", todo=_TODO)))
