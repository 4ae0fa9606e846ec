"""What the drill promises of itself, on real servers: it says the same again and again, and it is soon over."""

from __future__ import annotations

import os

import pytest
from bench.drill import Took, measure

from seatrial.drill.judge import judge
from seatrial.drill.options import DrillOptions
from seatrial.model.verdict import Ruling
from tests.requirements import missing_module, missing_program, require

from .test_real import DRAINING, PLAIN, SLOW, drilled, server

pytestmark = pytest.mark.slow

TIMES = 10 if os.environ.get("SEATRIAL_ON_A_LOADED_MACHINE") else 2
SPARE = TIMES
"""How many drills may prove less than others because the machine was disturbed; they are repeated."""


def decided(folder: pytest.TempPathFactory, source: str, *, init: bool) -> dict[str, Ruling]:
    """What one drill decided: its passes and failures, and nothing that it could not prove."""
    subject = server(folder.mktemp("project"), source, init=init, grace=5.0 if init else 2.5)
    verdicts = judge(drilled(subject, DrillOptions(candidates=SLOW)))
    return {verdict.requirement: verdict.ruling for verdict in verdicts if verdict.ruling is not Ruling.NOT_PROVED}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("source", "init"), [(DRAINING, True), (PLAIN, False)], ids=["drains", "has no handler"])
def test_drills_in_a_row_give_the_same_verdicts(
    source: str, init: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without a handler it is PID 1 itself, whom no signal ends: under an init what it drops is a race of its own."""
    require(missing_program("node"))
    whole: list[dict[str, Ruling]] = []
    for _ in range(TIMES + SPARE):
        found = decided(tmp_path_factory, source, init=init)
        told = {name: ruling for each in whole for name, ruling in each.items()}
        flipped = {name: (told[name], ruling) for name, ruling in found.items() if told.get(name, ruling) is not ruling}
        assert flipped == {}, f"after {len(whole)} drills that agreed"
        if len(found) > len(told):  # it proved what the ones before could not: they don't count
            whole = [each for each in whole if len(each) == len(found)]
        if len(found) >= len(told):
            whole.append(found)
        if len(whole) == TIMES:
            return
    pytest.fail(f"this machine is too disturbed: of {TIMES + SPARE} drills {len(whole)} proved all that one did")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("example", ["node-api", "python-api"])
def test_the_stop_drill_of_a_well_behaved_example_is_soon_over(example: str) -> None:
    """The promise is 1.5 s beyond the service's own time on a quiet machine: `bench/drill.py` measures that."""
    require(missing_program("node") if example == "node-api" else missing_module("uvicorn"))
    tries: list[Took] = []
    while len(tries) < 3:
        tries.append(measure(example))
        print(f"{example}: {tries[-1].own:.2f} s beyond the service's own time; {tries[-1]}")
        if tries[-1].own <= 3.0:
            return
    pytest.fail(f"the fastest of {len(tries)} took {min(took.own for took in tries):.2f} s")
