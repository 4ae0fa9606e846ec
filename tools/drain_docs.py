"""The diagram of docs/drain.md, from the table of the stop."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.drain.state import ENTRY, TABLE, Phase


def diagram() -> str:
    """The table as a Mermaid state diagram: an arrow for each move, with the events that take it."""
    lines = ["stateDiagram-v2", f"    [*] --> {Phase.SERVING.value}"]
    lines += [f"    {phase.value}: {phase.value}<br>{entered(phase)}" for phase in Phase if entered(phase)]
    lines += [f"    {arrow}" for phase in Phase for arrow in arrows(phase)]
    return "\n".join([*lines, f"    {Phase.ENDED.value} --> [*]"])


def entered(phase: Phase) -> str:
    """What is done when a phase begins."""
    return ", ".join(command.value for command in ENTRY[phase])


def arrows(phase: Phase) -> Iterator[str]:
    """The moves from a phase, one for each target."""
    for target in Phase:
        events = [event.value for event, move in TABLE[phase].items() if move is target]
        if events:
            yield f"{phase.value} --> {target.value}: {', '.join(events)}"


def page(text: str) -> str:
    """docs/drain.md with the present diagram in its block."""
    block = f"<!-- diagram -->\n```mermaid\n{diagram()}\n```\n<!-- /diagram -->"
    return re.sub(r"<!-- diagram -->.*?<!-- /diagram -->", lambda _: block, text, flags=re.DOTALL)
