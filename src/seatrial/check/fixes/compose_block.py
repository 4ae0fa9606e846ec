"""Puts keys into the block of a compose service. Pure.

A service that is an alias or has an anchor (others may merge it) gives nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.check.fixes.yaml_edits import Spot, Value, What, adding, node
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding


def service_spot(unit: Unit) -> Spot | None:
    """The service in its compose file."""
    entry = unit.compose
    return Spot(entry.file, ("services", entry.name)) if entry else None


def limit_path(context: Context, unit: Unit, old: str, new: str) -> tuple[str, ...]:
    """Where a limit is said: below `deploy` where others are."""
    spot, deploy = service_spot(unit), ("deploy", "resources", "limits")
    is_below = spot is not None and node(context, spot.below(*deploy)) is not None
    return (*deploy, new) if is_below else (old,)


def with_key(context: Context, unit: Unit, finding: Finding, value: Mapping[str, Value], what: What) -> Edit | None:
    """The edit that adds this one key with its value to the service."""
    spot = service_spot(unit)
    ((key, inner),) = value.items()
    return adding(context, finding, spot, (key,), inner, what) if spot else None
