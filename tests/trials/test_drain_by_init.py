"""Programs without a handler, drilled under seatrial-init: what tini cuts is finished under `--drain`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.model.place import Sourced
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling
from tests.trials.conftest import ARGV, missing, require, service, trial

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
TRIES = 3
INIT = Path(__file__).parents[2] / "native" / "build" / "seatrial-init"


def drilled(argv: tuple[str, ...], name: str, is_as_told: Callable[[Ruling, Recording], bool]) -> list[str]:
    """What each try said of the requests in flight, up to the first that is as told."""
    said = []
    for _ in range(TRIES):
        subject = replace(service(name, grace=8.0), argv=Sourced(argv))
        recording, verdicts = asyncio.run(trial(subject))
        found = next(verdict for verdict in verdicts if verdict.requirement == "in-flight-finish")
        said.append(f"{found.ruling.value}: {found.summary} {recording.runs[0].exit}")
        if is_as_told(found.ruling, recording):
            return []
    return said


@pytest.mark.parametrize("name", ["node plain", "http.server"])
def test_under_tini_the_requests_in_flight_are_lost(name: str) -> None:
    require(missing(name))
    said = drilled(("tini", "--", *ARGV[name]), name, lambda ruling, _: ruling is Ruling.FAIL)
    assert not said, said


@pytest.mark.parametrize("name", ["node plain", "http.server"])
def test_under_drain_none_is_lost(name: str) -> None:
    require(missing(name) or ("" if INIT.exists() else "seatrial-init is not built (make native)"))

    def is_drained(ruling: Ruling, recording: Recording) -> bool:
        ended = recording.runs[0].exit
        return ruling is Ruling.PASS and ended is not None and not ended.killed

    said = drilled((str(INIT), "--drain", "5s", "--", *ARGV[name]), name, is_drained)
    assert not said, said
