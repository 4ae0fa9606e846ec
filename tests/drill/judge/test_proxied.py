"""Through a published port no verdict stands on how a connection ended."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.proxied import WHY, without_proxy
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling, Verdict
from tests.drill.recordings import all_good

DIRECT = all_good()
PUBLISHED: Recording = replace(
    DIRECT,
    runs=tuple(
        replace(run, target=replace(run.target, published=True)) if run.target is not None else run
        for run in DIRECT.runs
    ),
)


@pytest.mark.parametrize(
    ("requirement", "ruling", "expected"),
    [
        ("refuses-late-connections", Ruling.FAIL, Ruling.NOT_PROVED),
        ("keep-alive-drained", Ruling.PASS, Ruling.NOT_PROVED),
        ("in-flight-finish", Ruling.FAIL, Ruling.NOT_PROVED),
        ("in-flight-finish", Ruling.PASS, Ruling.PASS),
        ("rollout-drops-nothing", Ruling.FAIL, Ruling.NOT_PROVED),
        ("stops-in-time", Ruling.FAIL, Ruling.FAIL),
        ("exit-code-clean", Ruling.PASS, Ruling.PASS),
    ],
)
def test_only_what_connections_show_is_in_doubt(requirement: str, ruling: Ruling, expected: Ruling) -> None:
    verdict = Verdict(requirement, ruling, "what was seen")
    assert without_proxy(verdict, DIRECT) is verdict
    found = without_proxy(verdict, PUBLISHED)
    assert found.ruling is expected
    if expected is not ruling:
        assert (found.summary, found.evidence) == (WHY, ("seen from outside: what was seen",))
