"""The diagrams and tables of docs/contract.md, from the tables of the contract."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from seatrial.engine.contract import health, lifecycle, stopping
from seatrial.engine.contract.restarting import Finished, Manager, next_wait, parse

POLICIES = ("no", "on-failure", "on-failure:2", "unless-stopped", "always")


def page(text: str) -> str:
    """docs/contract.md with the present diagrams in their blocks."""
    blocks = {
        "lifecycle": mermaid("created", arrows(lifecycle.MOVES.items())),
        "health": mermaid("starting", arrows(_without_none())),
        "stopping": mermaid("running", _stopping()),
        "policies": "\n".join(_policies()),
        "waits": _waits(),
        "compared": "\n".join(_compared()),
        "compose": "\n".join(_compose()),
    }
    for name, block in blocks.items():
        pattern = rf"<!-- {name} -->.*?<!-- /{name} -->"
        text = re.sub(pattern, lambda _, n=name, b=block: f"<!-- {n} -->\n{b}\n<!-- /{n} -->", text, flags=re.DOTALL)
    return text


def mermaid(first: str, lines: Iterable[str]) -> str:
    """A Mermaid state diagram."""
    return "\n".join(
        ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *(f"    {line}" for line in lines), "```"]
    )


def arrows(moves: Iterable[tuple[Enum, Mapping[Enum, Enum]]]) -> Iterator[str]:
    """An arrow for each pair of states, with all that leads from one to the other."""
    for state, found in moves:
        for target in dict.fromkeys(found.values()):
            happenings = [str(happening.value) for happening, after in found.items() if after is target]
            yield f"{state.value} --> {target.value}: {' / '.join(happenings)}"


def _without_none() -> Iterator[tuple[Enum, Mapping[Enum, Enum]]]:
    for status, moves in health.MOVES.items():
        if status is not health.Status.NONE:
            yield status, {happening: after for happening, after in moves.items() if after is not status}


def _stopping() -> Iterator[str]:
    names = {state: state.name.lower() for state in stopping.State}
    yield from (f"{names[state]}: {state.value}" for state in stopping.State)
    for state, moves in stopping.TABLE.items():
        for event, move in moves.items():
            if move.state is not state:
                done = "".join(f", so {command.value}" for command in move.commands)
                yield f"{names[state]} --> {names[move.state]}: {event.value}{done}"


def _policies() -> Iterator[str]:
    yield (
        "| policy | ended with 0 | failed | failed a third time | stopped by hand "
        "| the machine starts, it ran | the machine starts, it was stopped by hand |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for text in POLICIES:
        manager = Manager(parse(text))
        third = Manager(parse(text), count=2)
        cells = [
            manager.after(Finished(0, 1.0), 0.0)[1].again,
            manager.after(Finished(1, 1.0), 0.0)[1].again,
            third.after(Finished(1, 1.0), 0.0)[1].again,
            manager.cancel().after(Finished(1, 1.0), 0.0)[1].again,
            manager.at_boot(255, stopped_by_hand=False).again,
            manager.at_boot(0, stopped_by_hand=True).again,
        ]
        yield f"| `{text}` | {' | '.join('starts' if cell else '–' for cell in cells)} |"


def _waits() -> str:
    waits, last = [], 0.0
    for _ in range(11):
        last = next_wait(last, 0.0)
        waits.append(f"{last:g}")
    return f"Waits in seconds: {', '.join(waits)}, and so on."


LIFECYCLE, COMPOSE = "tests/engine/contract", "tests/project"


def _compared() -> Iterator[str]:
    """How many cases are compared with a real engine, and where they are."""
    from tests.engine.contract.docker_cases import CASES
    from tests.project.compose_cases import PLAYS, PROGRAMS

    counts = (
        ("the life of one instance", len(CASES), f"{LIFECYCLE}/test_against_docker.py"),
        ("the log of a health check", 3, f"{LIFECYCLE}/test_against_docker.py"),
        ("the boot of a machine", 7, f"{LIFECYCLE}/test_boot_against_docker.py"),
        ("`logs`, byte for byte", 105, "tests/engine/logs/test_docker.py"),
        ("what a program finds in its service", len(PROGRAMS), f"{COMPOSE}/test_against_compose.py"),
        ("what commands do with a compose project", len(PLAYS), f"{COMPOSE}/test_against_compose.py"),
    )
    yield "| what | cases | where |"
    yield "| --- | --- | --- |"
    yield from (f"| {what} | {number} | `{where}` |" for what, number, where in counts)
    yield f"| all | {sum(number for _, number, _ in counts)} | |"


def _compose() -> Iterator[str]:
    """Where the two differ, and why: each has a case that proves that they do."""
    from tests.project.compose_cases import DIFFERENCES, PLAYS, PROGRAMS

    yield "| docker compose | seatrial | why | cases |"
    yield "| --- | --- | --- | --- |"
    for key, difference in DIFFERENCES.items():
        cases = ", ".join(case.name for case in (*PROGRAMS, *PLAYS) if case.differs == key)
        yield f"| {difference.docker} | {difference.seatrial} | {difference.why} | {cases} |"
