"""What is run again because a busy machine spoiled it."""

from __future__ import annotations

from dataclasses import replace

from seatrial.drill.spoiled import spoiled_runs
from seatrial.model.recording import Run, Scenario
from seatrial.model.traffic import Population

from .recordings import STOP, changed, default_action, ignored, recording, second


def held_up(*runs: Run) -> list[Scenario]:
    """Which of these runs would be repeated."""
    return [scenario for scenario, why in spoiled_runs(recording(*runs)) if why]


def test_only_what_a_busy_machine_spoiled_is_repeated() -> None:
    late = replace(STOP, disturbed="the load generator was 0.90 s late")
    early = changed(without=[Population.IN_FLIGHT])
    too_early = second(second_signalled=None)
    assert held_up(STOP, second()) == []
    assert held_up(late, second()) == [Scenario.STOP]
    assert held_up(early, second()) == [Scenario.STOP]
    assert held_up(STOP, too_early) == [Scenario.SECOND_SIGNAL]
    assert held_up(default_action(), too_early) == []
    assert held_up(ignored(), too_early) == []
    assert held_up(too_early) == []
