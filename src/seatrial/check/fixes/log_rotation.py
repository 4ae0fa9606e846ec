"""Fix for log-rotation: a logging section where the service has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.interface import unit_of
from seatrial.check.fixes.yaml_edits import Value, What
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

SECTION: Mapping[str, Value] = {"driver": "json-file", "options": {"max-size": '"10m"', "max-file": '"3"'}}


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add the section."""
    unit = unit_of(context, finding)
    if unit is None or unit.service.logging is not None:
        return
    edit = with_key(context, unit, finding, {"logging": SECTION}, What("add logging", is_safe=True))
    if edit is not None:
        yield edit
