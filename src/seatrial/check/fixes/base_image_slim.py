"""Fix for base-image-slim: the slim tag of the same version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.check import builds
from seatrial.check.fixes.dockerfile_edits import instruction_over, replacing
from seatrial.check.fixes.interface import made, spanned, unit_of
from seatrial.check.interface import Context
from seatrial.model.documents import Unit
from seatrial.model.edit import Edit
from seatrial.model.finding import Finding
from seatrial.model.patterns import pattern

_ALPINE = pattern(r"\b(?:apk|adduser|addgroup|su-exec)\b|\bash\b")


def fix(context: Context, finding: Finding) -> Iterator[Edit]:
    """Replace the tag: unsafe, for the program may call what only the larger image has."""
    unit = unit_of(context, finding)
    instruction = instruction_over(unit, finding.place) if unit else None
    image = spanned(context, finding.place)
    name, _, tag = image.rpartition(":")
    slim = re.match(r"write \S+:([\w.-]+-slim[\w.-]*|slim[\w.-]*),", finding.remedy)
    if unit is None or instruction is None or slim is None or not name or "@" in image or "$" in image or "/" in tag:
        return
    if slim.group(1).startswith("VERSION") or _needs_the_other(unit, is_alpine="musl" in finding.message):
        return
    new = f"{name}:{slim.group(1)}"
    yield from made(replacing(context, finding, instruction, finding.place, new, (f"use {new}", False)))


def _needs_the_other(unit: Unit, *, is_alpine: bool) -> bool:
    """Whether something calls what the slim image hasn't."""
    if any(command.program in ("curl", "wget", "nc") for command in unit.health):
        return True
    texts = builds.run_texts(unit)
    script = unit.entrypoint_script.text if unit.entrypoint_script else ""
    return bool(re.search(r"\b(?:curl|wget)\b", script)) or (is_alpine and any(_ALPINE.search(each) for each in texts))
