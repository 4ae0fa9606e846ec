"""Fix for grace-period-fits: a grace period that holds what the finding has counted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check.fixes.compose_block import service_spot
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, adding
from seatrial.check.interface import Context
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern

_REMEDY = pattern(r"(?:stop_grace_period|terminationGracePeriodSeconds): (\d{1,6})(?:\.\d+)?")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Set it: safe, for who stops sooner is not held up by it. Where somebody wanted no time at all, unsafe."""
    found = _REMEDY.match(finding.remedy)
    if found is None:
        return
    seconds, unit = found.group(1), unit_of(context, finding)
    what = What(f"give it {seconds} s to stop", is_safe=re.search(r"kills", finding.message) is None)
    spot = service_spot(unit) if unit else None
    if spot is not None:
        yield from made(adding(context, finding, spot, ("stop_grace_period",), f"{seconds}s", what))
    elif context.documents.cluster is not None:
        from seatrial.check.fixes.kubernetes import grace

        yield from made(grace(context, finding, seconds, what))
