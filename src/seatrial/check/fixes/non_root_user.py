"""Fix for non-root-user: a USER in front of the command, or another number where root was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import images, launch
from seatrial.check.fixes.dockerfile_edits import before_command, instruction_over, own, replacing
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, setting, spot_at
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding

NUMBER = "10001"
"""A user that no image has a name for, and needs none."""
_NOTE = "run it as a user that is not root"


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Set it: unsafe, for the program may write to what belongs to root, or listen below port 1024."""
    unit = unit_of(context, finding)
    if unit is None:
        if context.documents.cluster is not None:
            from seatrial.check.fixes.kubernetes import user

            yield from made(user(context, finding))
        return
    said = unit.service.user
    new = _user(context, unit)
    if said is None or said.place is None:
        yield from made(before_command(context, unit, finding, [f"USER {new}"], _NOTE, is_safe=False))
        return
    instruction = instruction_over(unit, said.place)
    if instruction is None:
        spot = spot_at(context, said.place)
        quoted = f'"{new}"'
        yield from made(setting(context, finding, spot, quoted, What(_NOTE)) if spot else None)
    elif _is_last_work(unit, instruction):
        yield from made(replacing(context, finding, instruction, said.place, new, (_NOTE, False)))
    else:
        yield from made(before_command(context, unit, finding, [f"USER {new}"], _NOTE, is_safe=False))


def _user(context: Context, unit: Unit) -> str:
    """The image's own user where it has one, as a number where Kubernetes has to check it."""
    if images.parse(launch.base_image(unit)).repository == "node":
        is_checked = context.documents.cluster is not None or context.documents.around is not None
        return "1000:1000" if is_checked else "node"
    return f"{NUMBER}:{NUMBER}"


def _is_last_work(unit: Unit, user: object) -> bool:
    """Whether nothing is built behind this USER, in the service's own stage."""
    steps = list(own(unit))
    if user not in steps:
        return False
    return not any(each.keyword in ("RUN", "COPY", "ADD") for each in steps[steps.index(user) + 1 :])
