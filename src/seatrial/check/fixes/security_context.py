"""Fix for security-context: the container gives up what it doesn't need."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images
from seatrial.check.fixes.interface import made
from seatrial.check.fixes.kubernetes import container_spot, seen_of
from seatrial.check.fixes.non_root_user import NUMBER
from seatrial.check.fixes.yaml_edits import Spot, Value, What, adding, node, together
from seatrial.check.interface import Context
from seatrial.check.kubernetes import Seen
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.kubernetes import Container

_ESCALATION = "allowPrivilegeEscalation"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Add what is lacking: unsafe, for the image may need root, or write somewhere. A privilege that somebody asked for
    stays: which one the program needs isn't known."""
    each = seen_of(context, finding)
    if each is None or not ("keeps all" in finding.message or " lacks " in finding.message):
        return
    for container in each.workload.pod.mains:  # the finding names the first one that lacks something
        spot = container_spot(context, container)
        yield from made(_edit(context, finding, each, container, spot) if spot else None)


def _edit(context: Context, finding: Finding, each: Seen, container: Container, spot: Spot) -> Edit | None:
    wanted = _wanted(each, container)
    if not wanted:
        return None
    note = "give up what it doesn't need"
    there = node(context, spot.below("securityContext"))
    if there is None or not there.entries:
        wanted["readOnlyRootFilesystem"] = "true"
        what = What(note, todo="security-context: an emptyDir for what it writes; `seatrial drill` names the paths")
        return adding(context, finding, spot, ("securityContext",), wanted, what)
    edits = []
    for name, value in wanted.items():
        if isinstance(value, dict):
            edits.append(adding(context, finding, spot, ("securityContext", name, "drop"), value["drop"], What(note)))
        else:
            edits.append(adding(context, finding, spot, ("securityContext", name), value, What(note)))
    return together(*edits)


def _wanted(each: Seen, container: Container) -> dict[str, Value]:
    """What the rule asks for, and isn't said yet."""
    own, shared = container.security, each.workload.pod.security
    said, number = own.run_as_non_root or shared.run_as_non_root, own.run_as_user or shared.run_as_user
    wanted: dict[str, Value] = {}
    if number is None and not (said and said.value):
        wanted["runAsNonRoot"] = "true"
        if _may_be_root(each, container):
            wanted["runAsUser"] = NUMBER
    if own.allow_escalation is None or own.allow_escalation.value:
        wanted[_ESCALATION] = "false"
    if "ALL" not in {one.value.upper() for one in own.dropped}:
        wanted["capabilities"] = {"drop": ["ALL"]}
    return wanted


def _may_be_root(each: Seen, container: Container) -> bool:
    """Whether Kubernetes may find root, or a name, as the image's user."""
    found = each.unit_of(container)
    if found is not None:
        user = found.unit.service.user
        return user is None or not user.value.partition(":")[0].isdigit() or user.value.startswith("0")
    return bool(container.image) and images.parse(container.image.value if container.image else "").is_official
