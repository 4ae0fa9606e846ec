"""Fix for log-rotation: a logging section where the service has none."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.interface import unit_of
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

SECTION = ("logging:", "\tdriver: json-file", "\toptions:", '\t\tmax-size: "10m"', '\t\tmax-file: "3"')


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the section."""
    unit = unit_of(context, finding)
    if unit is None or unit.service.logging is not None:
        return
    edit = with_key(context, unit, finding, SECTION)
    if edit is not None:
        yield edit
