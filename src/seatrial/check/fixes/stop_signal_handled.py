"""Fix for stop-signal-handled: the signal on which the program drains."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.check import launch
from seatrial.check.fixes.compose_block import with_key
from seatrial.check.fixes.dockerfile_edits import before_command, instruction_over, replacing
from seatrial.check.fixes.interface import made, unit_of
from seatrial.check.fixes.yaml_edits import What, setting, spot_at
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.servers import GRACEFUL


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Replace the signal where one is said, else say it where the command is said: safe."""
    unit = unit_of(context, finding)
    if unit is None:
        return
    said, wanted = unit.service.stop_signal, _wanted(unit, finding)
    note = f"stop it by {wanted}"
    if said is None:
        if unit.compose is not None and finding.place.file == unit.compose.file:
            yield from made(with_key(context, unit, finding, {"stop_signal": wanted}, What(note, is_safe=True)))
        else:
            yield from made(before_command(context, unit, finding, [f"STOPSIGNAL {wanted}"], note, is_safe=True))
        return
    instruction = instruction_over(unit, said.place)
    if instruction is not None and instruction.keyword == "STOPSIGNAL":
        yield from made(replacing(context, finding, instruction, said.place, wanted, (note, True)))
    elif (spot := spot_at(context, said.place)) is not None:
        yield from made(setting(context, finding, spot, wanted, What(note, is_safe=True)))


def _wanted(unit: Unit, finding: Finding) -> str:
    last = finding.remedy.rpartition(" ")[2]
    if last.startswith("SIG") and last.isalpha():
        return last
    links = launch.chain(unit)
    program = links[-1].program if links else ""
    return GRACEFUL[program][0] if program in GRACEFUL else "SIGTERM"
