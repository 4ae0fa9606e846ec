"""Fix for secrets-as-files: a password of an official image comes from a secret of compose's own, read as a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check.fixes.compose_block import service_spot
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import Spot, What, adding, node, renaming, setting, spot_at, together
from seatrial.check.interface import Context
from seatrial.model.edit import Edit, Sets
from seatrial.model.finding import Finding
from seatrial.model.values import replace

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """NAME becomes NAME_FILE, with a secret that takes its value from the same variable: unsafe, for others may read
    NAME. A build argument is left: who builds the image has to give the secret in another way first."""
    unit = unit_of(context, finding)
    owner = service_spot(unit) if unit else None
    spot = spot_at(context, finding.place)
    said = node(context, spot) if spot else None
    variable = _VARIABLE.fullmatch(said.value) if said else None
    if unit is None or (unit.compose and unit.compose.is_stack):
        return  # Swarm takes no secret from a variable
    if owner is None or spot is None or variable is None or not isinstance(spot.path[-1], str):
        return
    name = spot.path[-1]
    if spot.path[:-1] != (*owner.path, "environment") or node(context, owner.below("secrets")) is not None:
        return
    secret, what = name.lower(), What(f"give {name} as a file")
    value = setting(context, finding, spot, f"/run/secrets/{secret}", what)
    renamed = (*spot.path[:-1], f"{name}_FILE")
    yield from made(
        together(
            renaming(context, finding, spot, f"{name}_FILE", what),
            replace(value, promise=Sets(renamed, f"/run/secrets/{secret}")) if value else None,
            adding(context, finding, owner, ("secrets",), [secret], what),
            adding(
                context,
                finding,
                Spot(owner.file, ()),
                ("secrets", secret),
                {"environment": variable.group(1) or variable.group(2)},
                what,
            ),
        )
    )
