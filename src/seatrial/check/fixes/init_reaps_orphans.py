"""Fix for init-reaps-orphans: compose's own init, for each service that runs the command of the finding."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch, services
from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.interface import made
from seatrial.check.fixes.yaml_edits import What
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add `init: true`: unsafe, for a program without a handler then dies at once on the stop signal."""
    for unit in context.units:
        # A finding of a Dockerfile is told once, for all services that are built from it.
        if launch.command_place(unit) != finding.place or unit.service.init is not None:
            continue
        if services.is_taken(unit, "init"):
            yield from made(with_key(context, unit, finding, {"init": "true"}, What("add init")))
