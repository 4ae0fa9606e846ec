"""What is not asked of a service is told from what was not proved of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.acts.interface import Known
from seatrial.drill.acts.table import ACTS
from seatrial.drill.judge import judge
from seatrial.model.place import Sourced
from seatrial.model.recording import Recording, Scenario, Skipped
from seatrial.model.service import Port
from seatrial.model.traffic import Target
from seatrial.model.verdict import Ruling
from tests.drill.fakes import service
from tests.drill.recordings import all_good

LISTENING = Target("ipv4", "127.0.0.1", 3000)
OF_REQUESTS = {"in-flight-finish", "keep-alive-drained", "refuses-late-connections", "slow-clients-bounded"}


def without(*left_out: Skipped) -> Recording:
    """A good trial without these runs, and without what a stop showed of requests."""
    whole = all_good()
    names = {one.scenario for one in left_out}
    runs = [replace(run, connections=(), bulk=(), asked=()) for run in whole.runs if run.scenario not in names]
    return replace(whole, runs=tuple(runs), skipped=(*whole.skipped, *left_out))


def ruled(recording: Recording, ruling: Ruling) -> set[str]:
    return {verdict.requirement for verdict in judge(recording) if verdict.ruling is ruling}


def test_a_run_that_does_not_apply_skips_what_it_would_prove() -> None:
    of = without(Skipped(Scenario.DEPENDENCY, "it depends on nothing", wanted=False))
    told = {verdict.requirement: verdict for verdict in judge(of) if verdict.ruling is Ruling.SKIPPED}
    assert {"liveness-is-shallow", "readiness-is-deep"} <= set(told)
    assert told["readiness-is-deep"].summary == "it depends on nothing"


def test_a_run_that_was_wanted_leaves_it_not_proved() -> None:
    of = without(Skipped(Scenario.DEPENDENCY, "no path is known"))
    assert {"liveness-is-shallow", "readiness-is-deep"} <= ruled(of, Ruling.NOT_PROVED)


def test_an_old_recording_that_does_not_say_is_not_proved() -> None:
    assert Skipped(Scenario.LOAD, "it speaks no HTTP").wanted


def test_of_what_several_runs_prove_all_have_to_be_out_of_place() -> None:
    node_alone = Skipped(Scenario.EXCEPTION, "it is done for node", wanted=False)
    assert "dies-on-fatal-error" not in ruled(without(node_alone), Ruling.SKIPPED)
    both = (node_alone, replace(node_alone, scenario=Scenario.REJECTION))
    assert "dies-on-fatal-error" in ruled(without(*both), Ruling.SKIPPED)


@pytest.mark.parametrize(("wanted", "expected"), [(False, Ruling.SKIPPED), (True, Ruling.NOT_PROVED)])
def test_nothing_that_takes_requests_is_asked_of_what_takes_none(wanted: bool, expected: Ruling) -> None:
    of = without(Skipped(Scenario.LOAD, "it speaks no HTTP", wanted=wanted))
    assert ruled(of, expected) >= OF_REQUESTS
    assert "handles-sigterm" not in ruled(of, expected)


def test_a_failure_stays_one_whatever_was_left_out() -> None:
    no_job = Skipped(Scenario.WORK, "it is no worker", wanted=False)
    of = without(Skipped(Scenario.LOAD, "it speaks no HTTP", wanted=False), no_job)
    assert "logs-to-stdout" in ruled(of, Ruling.SKIPPED)
    assert ruled(replace(of, subject=replace(of.subject, accepted_codes=())), Ruling.FAIL) == ruled(of, Ruling.FAIL)


@pytest.mark.parametrize(
    ("scenario", "known", "ports", "wanted"),
    [
        (Scenario.LOAD, Known(), False, False),
        (Scenario.LOAD, Known(), True, True),
        (Scenario.LOAD, Known(target=LISTENING), True, False),
        (Scenario.ROLLOUT, Known(target=LISTENING, may_be_http=True), False, True),
        (Scenario.OVERTIME, Known(target=LISTENING, may_be_http=True), False, True),
        (Scenario.WORK, Known(), False, True),
        (Scenario.WORK, Known(), True, False),
        (Scenario.WORK, Known(target=LISTENING, is_http=True), False, False),
        (Scenario.FREEZE, Known(), False, True),
        (Scenario.STAND_IN, Known(), False, True),
        (Scenario.EXCEPTION, Known(), False, False),
        (Scenario.DEPENDENCY, Known(is_http=True), False, False),
        (Scenario.DEPENDENCY, Known(is_http=True, why_alone="db is an address and no name"), False, True),
    ],
)
def test_whether_a_run_that_can_not_be_done_is_asked_for(
    scenario: Scenario, known: Known, ports: bool, wanted: bool
) -> None:
    of = service(ports=(Sourced(Port(3000)),)) if ports else service()
    assert ACTS[scenario].wanted(of, known) is wanted
