"""Fix for resources-set: usual requests that somebody has to measure, and a request that its limit allows."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check.fixes.interface import USUAL_MEMORY, made, spanned
from seatrial.check.fixes.kubernetes import container_spot, seen_of
from seatrial.check.fixes.yaml_edits import Value, What, adding, setting, spot_at, together
from seatrial.check.interface import Context
from seatrial.check.kubernetes import Seen
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Container

_TODO = "resources-set: measure what it needs; `seatrial drill` proposes a limit"
_MEBI = 1024 * 1024


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add what is missing: unsafe, for with too little it is killed or not scheduled."""
    each = seen_of(context, finding)
    if each is None:
        return
    if "more" in finding.message and "refuses" in finding.message:
        yield from made(_lowered(context, finding, each))
        return
    for container in each.workload.pod.mains:
        silent = not container.resources.requests and not container.resources.limits
        if silent:
            yield from made(_all(context, finding, container, _limit(each, container)))
        elif any(container.resources.request(name) is None for name in ("cpu", "memory")):
            yield from made(_missing(context, finding, container, _limit(each, container)))


def _limit(each: Seen, container: Container) -> int:
    """MiB: what a compose file gives the same service, else what is usual."""
    found = each.unit_of(container)
    limit = found.unit.service.limits.memory if found else None
    return max(limit.value // _MEBI, 64) if limit and limit.value > 0 else USUAL_MEMORY


def _requests(limit: int) -> dict[str, Value]:
    return {"cpu": "100m", "memory": f"{limit // 2}Mi"}


def _all(context: Context, finding: Finding, container: Container, limit: int) -> Edit | None:
    spot = container_spot(context, container)
    value: Value = {"requests": _requests(limit), "limits": {"memory": f"{limit}Mi"}}
    what = What("say what it needs", todo=_TODO)
    return adding(context, finding, spot, ("resources",), value, what) if spot else None


def _missing(context: Context, finding: Finding, container: Container, limit: int) -> Edit | None:
    spot, resources = container_spot(context, container), container.resources
    if spot is None:
        return None
    what = What("say what it needs", todo=_TODO)
    names = [name for name in ("cpu", "memory") if resources.request(name) is None]
    if not resources.requests:
        value: Value = {name: _requests(limit)[name] for name in names}
        edits = [adding(context, finding, spot, ("resources", "requests"), value, what)]
    else:
        edits = [
            adding(context, finding, spot, ("resources", "requests", name), _requests(limit)[name], what)
            for name in names
        ]
    if "memory" in names:
        edits.append(adding(context, finding, spot, ("resources", "limits", "memory"), f"{limit}Mi", What("")))
    return together(*edits)


def _lowered(context: Context, finding: Finding, each: Seen) -> Edit | None:
    """The request becomes the limit; with what the container says nothing of, which would be told next."""
    limit = next((each.place for each in finding.related if each.value == "the limit"), None)
    spot = spot_at(context, finding.place)
    value = spanned(context, limit) if limit else ""
    edits = [setting(context, finding, spot, value, What("request no more than the limit")) if spot and value else None]
    for container in each.workload.pod.mains if each.is_service else ():
        is_it = any(one.place == finding.place for one in container.resources.requests.values())
        if is_it and any(container.resources.request(name) is None for name in ("cpu", "memory")):
            edits.append(_missing(context, finding, container, _limit(each, container)))
    return together(*edits)
