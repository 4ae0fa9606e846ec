"""Fix for pre-stop-delay: a preStop sleep, by the image's own `sleep` where it surely has one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import images, patience
from seatrial.check.fixes.interface import made
from seatrial.check.fixes.kubernetes import container_spot, seen_of
from seatrial.check.fixes.yaml_edits import Value, What, adding, node, writing
from seatrial.check.interface import Context
from seatrial.check.kubernetes import Seen, shell_of
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Container

_SECONDS = 5
_MARGIN = 5


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add it: unsafe, for each stop takes that much longer, and the lag of the load balancer isn't known."""
    each = seen_of(context, finding)
    if each is None:
        return
    for container in each.workload.pod.mains:
        if container.pre_stop is not None and container.pre_stop.place == finding.place:
            yield from made(_another(context, finding, container))
        elif container.place == finding.place:
            yield from made(sleeping(context, finding, each, container))


def sleeping(context: Context, finding: Finding, each: Seen, container: Container) -> Edit | None:
    """The edit that adds the hook."""
    spot = container_spot(context, container)
    if spot is None or not _fits(each, container):
        return None
    what = What(f"sleep {_SECONDS} s before the stop")
    return adding(context, finding, spot, ("lifecycle", "preStop"), sleep_of(each, container, _SECONDS), what)


def sleep_of(each: Seen, container: Container, seconds: int) -> Value:
    """By the program, which every cluster knows; by the action of Kubernetes 1.30 where the image may have none."""
    if shell_of(each, container) in (None, images.NO_SHELL):
        return {"sleep": {"seconds": str(seconds)}}
    return {"exec": {"command": ["sleep", f'"{seconds}"']}}


def _another(context: Context, finding: Finding, container: Container) -> Edit | None:
    """For a hook whose program the image lacks, or that wants a shell."""
    hook, spot = container.pre_stop, container_spot(context, container)
    found = re.fullmatch(r"(?:/\S*/)?sleep (\d{1,4})", " ".join(hook.command)) if hook else None
    if hook is None or spot is None or found is None or node(context, spot.below("lifecycle", "preStop")) is None:
        return None
    what = What(f"sleep {found.group(1)} s by Kubernetes itself (from 1.30)")
    return writing(
        context, finding, spot.below("lifecycle", "preStop"), f"{{sleep: {{seconds: {found.group(1)}}}}}", what
    )


def _fits(each: Seen, container: Container) -> bool:
    """Whether enough of the grace period is left for the program."""
    environment = {one.name: one.value for one in container.environment if one.value}
    place = container.command or container.arguments
    own = patience.of_command(container.argv, place.place if place else None, environment)
    neighbour = each.unit_of(container) if own is None else None
    found = own or (patience.of_unit(neighbour.unit) if neighbour else None)
    # With a margin, so that it doesn't fit either after the fix of grace-period-fits, which knows nothing of the sleep.
    needed = _SECONDS + (found.seconds if found else 0) + _MARGIN
    return needed <= each.workload.pod.effective_grace
