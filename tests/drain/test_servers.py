"""The proof: with drain no server loses a request, each exits with 0, and late connections are served during the lag.

A drill that does not come out so is repeated, at most three times, and a line says so: on a busy machine one can be
disturbed in ways that its own lateness does not show, and a real loss would come back. How rare a loss is is not shown
here but by `bench/drain.py`, which repeats nothing that lost something and prints the docs' table.
"""

from __future__ import annotations

import pytest

from seatrial.model.recording import Scenario
from tests.drain.servers import SCENARIOS, SERVERS, missing, tried
from tests.trials.conftest import require

TRIES = 4
QUIET = ("pass", "not proved", "skipped")
"""Rulings that say nothing of what went wrong."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lag", [0.0, 3.0], ids=["no lag", "3 s lag"])
@pytest.mark.parametrize("name", list(SERVERS))
def test_with_drain_nothing_is_lost_and_the_exit_code_is_0(
    name: str, lag: float, capsys: pytest.CaptureFixture[str]
) -> None:
    require(missing(name))
    _, argv = SERVERS[name]
    only = frozenset({Scenario.STOP}) if lag else SCENARIOS
    told: list[str] = []
    for _ in range(TRIES):
        got = tried(argv, name, lag=lag, only=only)
        if not got.failed and got.lost == 0 and got.code == 0:
            if told:
                with capsys.disabled():
                    print(f"\n{name}, lag {lag:g} s: well only after", *told, sep="\n    ")
            return
        told += [f"— a try: lost {got.lost}, code {got.code}, disturbed by {got.disturbed or 'nothing seen'} —"]
        told += (line for line in got.told if not any(f": {word}: " in line for word in QUIET))
    pytest.fail("\n".join(told))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_without_drain_the_same_drill_finds_what_is_wrong() -> None:
    require(missing("waitress"))
    bare, _ = SERVERS["waitress"]
    got = tried(bare, "waitress", lag=0.0, only=frozenset({Scenario.STOP}))
    assert got.code == 137
    assert "stops-in-time" in got.failed
