"""Fix for read-only-root: `read_only: true`, with a tmpfs at /tmp."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import service_spot
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, adding, node, together
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

_TODO = "read-only-root: a volume for what else it writes; `seatrial drill` names the paths"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add both: unsafe, for which other paths the program writes isn't known from the files."""
    unit = unit_of(context, finding)
    spot = service_spot(unit) if unit else None
    if unit is None or spot is None or (unit.compose and unit.compose.is_stack):
        return  # Swarm leaves out `tmpfs`
    wanted = [adding(context, finding, spot, ("read_only",), "true", What("make the root read-only", todo=_TODO))]
    has_tmp = any(mount.value.target.rstrip("/") == "/tmp" for mount in unit.service.mounts)
    if not has_tmp and node(context, spot.below("tmpfs")) is None:
        wanted.append(adding(context, finding, spot, ("tmpfs",), ["/tmp"], What("")))
    yield from made(together(*wanted))
