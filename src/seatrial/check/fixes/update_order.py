"""Fix for update-order: the new pods first."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import services
from seatrial.check.fixes.compose_block import service_spot
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.kubernetes import seen_of
from seatrial.check.fixes.pre_stop_delay import sleeping
from seatrial.check.fixes.yaml_edits import What, adding, setting, spot_at, together
from seatrial.check.interface import Context
from seatrial.check.kubernetes import Seen, is_store
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.place import Place


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Replace the value that is in the way: unsafe, for two versions run side by side then."""
    each = seen_of(context, finding)
    if each is None:
        yield from made(_of_swarm(context, finding))
        return
    strategy = each.workload.strategy
    kind, bound, surge = strategy.kind, strategy.max_unavailable, strategy.max_surge
    if kind is not None and kind.place == finding.place:
        yield from made(together(_set(context, finding, kind.place, "RollingUpdate"), *_delay(context, finding, each)))
    elif "both 0" in finding.message and surge is not None:
        yield from made(_set(context, finding, surge.place, "1"))
    elif bound is not None and bound.place == finding.place and (surge is None or surge.value not in ("0", "0%")):
        yield from made(_set(context, finding, bound.place, "0"))


def _of_swarm(context: Context, finding: Finding) -> Edit | None:
    """The order, or what happens when the new tasks fail."""
    unit = unit_of(context, finding)
    entry = unit.compose if unit else None
    spot = service_spot(unit) if unit else None
    if unit is None or entry is None or entry.rollout is None or spot is None:
        return None
    is_back, rollout = "a rollback" in finding.message, entry.rollout
    if is_back and entry.rollback is not None:
        rollout = entry.rollback
    said = rollout.failure_action
    if said is not None and said.place == finding.place:
        at = spot_at(context, said.place)
        return setting(context, finding, at, "rollback", What("roll back when the new tasks fail")) if at else None
    if rollout.order is not None:
        return _set(context, finding, rollout.order.place, "start-first")
    path = ("deploy", "rollback_config" if is_back else "update_config", "order")
    if not services.is_taken(unit, "order"):
        return None
    return adding(context, finding, spot, path, "start-first", What("start the new before the old is stopped"))


def _delay(context: Context, finding: Finding, each: Seen) -> Iterator[Edit | None]:
    """The preStop sleep that a pod needs from now on, which is replaced while it is sent to."""
    served = each.served()
    if served and not any(one.pre_stop for one in each.workload.pod.mains) and not all(map(is_store, served)):
        yield sleeping(context, finding, each, served[0])


def _set(context: Context, finding: Finding, place: Place | None, value: str) -> Edit | None:
    spot = spot_at(context, place)
    return setting(context, finding, spot, value, What("start the new before the old is stopped")) if spot else None
