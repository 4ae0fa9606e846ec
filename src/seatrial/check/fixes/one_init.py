"""Fix for one-init: `init: false` where the image brings an init of its own."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, setting, spot_at
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Switch compose's off: safe, for the image's one takes PID 1 then and does the same. Which of two inits in one
    command is to go isn't known."""
    unit = unit_of(context, finding)
    said = unit.service.init if unit else None
    spot = spot_at(context, said.place) if said is not None and said.place == finding.place else None
    if spot is not None:
        what = What("leave the init to the image", is_safe=True)
        yield from made(setting(context, finding, spot, "false", what))
