"""Puts keys into the block of a compose service. Pure.

A service that is an alias or has an anchor (others may merge it) gives nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.check import services
from seatrial.check.fixes.yaml_edits import Spot, Value, What, adding, node
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

USUAL_CORES, USUAL_PIDS = '"1.0"', "200"
_NEED_SECTION = {"memory-limit": ("memory", ""), "cpu-limit": ("cpus", USUAL_CORES), "pids-limit": ("pids", USUAL_PIDS)}
"""The requirements whose limits a stack has in one section, in the order in which they are mended."""


def service_spot(unit: Unit) -> Spot | None:
    """The service in its compose file."""
    entry = unit.compose
    return Spot(entry.file, ("services", entry.name)) if entry else None


def limit_path(context: Context, unit: Unit, old: str, new: str) -> tuple[str, ...]:
    """Where a limit is said: below `deploy` where others are, and in a stack, whose engine refuses the old keys."""
    spot, deploy = service_spot(unit), ("deploy", "resources", "limits")
    if unit.compose is not None and unit.compose.is_stack:
        return (*deploy, new)
    is_below = spot is not None and node(context, spot.below(*deploy)) is not None
    return (*deploy, new) if is_below else (old,)


def with_limit(context: Context, unit: Unit, finding: Finding, limit: tuple[str, str, str], what: What) -> Edit | None:
    """The edit that adds a limit: its old key, its key below `deploy`, and its value.

    Where there is no section for limits yet, the first fix that needs one writes those of the others into it.
    """
    spot, (old, new, value) = service_spot(unit), limit
    if spot is None:
        return None
    path = limit_path(context, unit, old, new)
    section = node(context, spot.below(*path[:-1]))
    if len(path) == 1 or (section is not None and not section.is_null):
        return adding(context, finding, spot, path, value, what)
    needed = [name for name in _NEED_SECTION if (name, finding.service) in context.mended]
    if not services.is_taken(unit, "pids") and "pids-limit" in needed:
        needed.remove("pids-limit")
    if needed and needed[0] != finding.requirement:
        return None
    limits = {new: value, **dict(_NEED_SECTION[name] for name in needed[1:])}
    return adding(context, finding, spot, path[:-1], limits, what)


def with_key(context: Context, unit: Unit, finding: Finding, value: Mapping[str, Value], what: What) -> Edit | None:
    """The edit that adds this one key with its value to the service."""
    spot = service_spot(unit)
    ((key, inner),) = value.items()
    return adding(context, finding, spot, (key,), inner, what) if spot else None
