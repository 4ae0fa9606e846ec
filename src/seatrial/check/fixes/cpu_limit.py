"""Fix for cpu-limit: one core, which somebody has to measure."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import service_spot
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, adding, node
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_TODO = "cpu-limit: measure what it needs"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: unsafe, for a program with more threads than that becomes slower."""
    unit = unit_of(context, finding)
    spot = service_spot(unit) if unit else None
    if spot is not None:
        deploy = node(context, spot.below("deploy", "resources", "limits"))
        path = ("deploy", "resources", "limits", "cpus") if deploy else ("cpus",)
        yield from made(adding(context, finding, spot, path, '"1.0"', What("add a CPU limit", todo=_TODO)))
