"""What is advised from a recording, and when nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.model.advice import Advice, Setting, advise
from seatrial.model.memory import MIB, proposed_memory
from seatrial.model.recording import Exit, Health, Machine, Readiness, Recording, Run, Sample, Scenario, Subject, Usage
from seatrial.model.traffic import Connection, Exchange, Outcome, Population, Target

SUBJECT = Subject("api", ("node", "a.js"), health=Health(30.0, 30.0, 3, 0.0), grace=10.0)
STOP = Run(
    Scenario.STOP,
    "",
    Readiness(True, 2.0, "health check", 60.0),
    Target("ipv4", "127.0.0.1", 80),
    "SIGTERM",
    10.0,
    5.0,
    Exit(8.0, 0),
)
LOAD = replace(STOP, scenario=Scenario.LOAD, signal="", signalled=None, usage=(Usage(1.0, 60 * MIB, 40, 2, 9, 30),))


def recording(*runs: Run, subject: Subject = SUBJECT) -> Recording:
    return Recording("seatrial 1", "", subject, Machine("native", "6", 2, rootless=False), runs)


def on(setting: Setting, *runs: Run, subject: Subject = SUBJECT) -> Advice:
    return next(each for each in advise(recording(*runs, subject=subject)) if each.setting is setting)


def test_there_is_advice_on_every_setting_and_no_figure_of_an_empty_recording() -> None:
    found = advise(recording())
    assert [each.setting for each in found] == list(Setting)
    assert {each.proposed for each in found} == {"no figure"}
    assert all(each.figure for each in found), "the reason is said"


@pytest.mark.parametrize(
    ("setting", "proposed", "figure"),
    [
        (Setting.START_PERIOD, "10 s", "healthy after 2.00 s"),
        (Setting.MEMORY_LIMIT, "96 MiB", "peak of 60 MiB"),
        (Setting.STOP_GRACE, "5 s", "a stop took 3.00 s"),
        (Setting.NOFILE, "1024", "at most 30 open"),
    ],
)
def test_a_proposal_stands_on_its_figure(setting: Setting, proposed: str, figure: str) -> None:
    advice = on(setting, STOP, LOAD)
    assert (advice.proposed, figure in advice.figure) == (proposed, True)
    assert advice.value is not None
    assert advice.least <= advice.value, "what is proposed would hold"


@pytest.mark.parametrize(("limit", "holds"), [(0, False), (70, False), (72, True), (500, True)])
def test_a_memory_limit_holds_from_a_fifth_above_the_peak_on(limit: int, holds: bool) -> None:
    advice = on(Setting.MEMORY_LIMIT, LOAD, subject=replace(SUBJECT, memory=limit * MIB))
    assert advice.holds is holds
    assert advice.said == (f"{limit} MiB" if limit else "nothing")


def test_the_limit_that_is_advised_is_the_one_that_was_proved() -> None:
    answer = Connection(
        Population.OPEN_LOOP, 0, 1.0, 1.0, 1.1, Outcome.COMPLETE, (Exchange("/", Outcome.COMPLETE, 1.0),)
    )
    answer = replace(answer, exchanges=(replace(answer.exchanges[0], ended=1.003, status=200),))
    lived = replace(LOAD, connections=(answer,), exit=Exit(8.0, 137, 9, killed=True))
    first = replace(lived, scenario=Scenario.MEMORY, memory=96 * MIB, usage=())
    said = on(Setting.MEMORY_LIMIT, lived, first)
    proof = "ran under load at that limit: no kill for memory, answers as before (p95 3.0 ms → 3.0 ms)"
    assert (said.proposed, said.figure) == ("96 MiB", f"peak of 60 MiB, times 1.5; {proof}")
    killed = replace(first, exit=Exit(3.0, 137, 9, oom_kills=1))
    second = replace(first, scenario=Scenario.MORE_MEMORY, memory=144 * MIB)
    said = on(Setting.MEMORY_LIMIT, lived, killed, second, subject=replace(SUBJECT, memory=90 * MIB))
    why = "96 MiB was not enough: 1 out-of-memory kill under load"
    assert (said.proposed, said.figure) == ("144 MiB", f"peak of 60 MiB, times 1.5; {why}; {proof}")
    assert not said.holds, "less than one that was refuted is not enough"
    said = on(Setting.MEMORY_LIMIT, lived, killed, replace(killed, scenario=Scenario.MORE_MEMORY, memory=144 * MIB))
    assert (said.value, said.proposed) == (None, "no figure")


def test_memory_that_was_only_sampled_counts_too() -> None:
    sampled = replace(STOP, samples=(Sample(0.1, 20 * MIB, 0.0), Sample(0.2, 40 * MIB, 0.1)))
    assert on(Setting.MEMORY_LIMIT, sampled).value == proposed_memory(40 * MIB) == 64 * MIB


def test_a_peak_that_was_cut_off_by_the_kernel_is_no_figure() -> None:
    killed = replace(LOAD, exit=Exit(3.0, 137, 9, oom_kills=1))
    advice = on(Setting.MEMORY_LIMIT, killed)
    assert advice.value is None
    assert "killed for memory" in advice.figure


def test_a_stop_that_took_sigkill_has_no_length() -> None:
    killed = replace(STOP, exit=Exit(15.0, 137, 9, killed=True))
    assert on(Setting.STOP_GRACE, killed).value is None
    assert "SIGKILL ended it after 10 s" in on(Setting.STOP_GRACE, killed).figure
    assert on(Setting.PRE_STOP_DELAY, killed).value is None


def test_the_grace_holds_a_request_that_never_ends() -> None:
    long = replace(STOP, scenario=Scenario.OVERTIME, exit=Exit(17.0, 0))
    advice = on(Setting.STOP_GRACE, STOP, long)
    assert (advice.proposed, advice.holds) == ("20 s", False)


def lagging(*outcomes: Outcome, status: int = 200, **changes: Any) -> Advice:
    """New connections at 5.5, 6.0, … with these ends; the signal came at 5.0, and a balancer sends for two seconds."""
    connections = tuple(
        Connection(
            Population.OPEN_LOOP, number, begun, begun, begun, outcome, (Exchange("/", outcome, begun, status=status),)
        )
        for number, outcome in enumerate(outcomes)
        for begun in (5.5 + 0.5 * number,)
    )
    return on(
        Setting.PRE_STOP_DELAY, replace(STOP, connections=connections, **changes), subject=replace(SUBJECT, lag=2.0)
    )


SERVED, REFUSED = Outcome.COMPLETE_CLOSE, Outcome.REFUSED


def test_a_delay_stands_on_what_was_lost_in_the_lag() -> None:
    advice = lagging(SERVED, REFUSED, REFUSED)
    assert (advice.proposed, advice.holds, advice.said) == ("2 s", False, "1.00 s of its own")
    assert advice.figure.startswith("1 of 3 new connections served in the 2 s after SIGTERM, as --lag says; it listens")


def test_no_delay_is_advised_where_nothing_was_lost() -> None:
    assert lagging(SERVED, SERVED).holds
    assert lagging(SERVED, SERVED, SERVED, SERVED, REFUSED).holds, "what came after the lag is no loss"
    assert not lagging(SERVED, status=503).holds
    health = replace(STOP.target, quick_is_health=True) if STOP.target else None
    assert lagging(SERVED, status=503, target=health).holds, "a health endpoint says it on purpose"


def test_without_a_measured_lag_no_delay_is_advised() -> None:
    assert on(Setting.PRE_STOP_DELAY, STOP).value is None
    assert "--lag SECONDS measures" in on(Setting.PRE_STOP_DELAY, STOP).figure
    assert "no new connection came" in lagging().figure
    assert "disturbed: late" in lagging(REFUSED, disturbed="late").figure
    assert lagging(Outcome.ABANDONED).value is lagging(REFUSED, disturbed="late").value is None


@pytest.mark.parametrize(("kept", "holds"), [(5.0, False), (60.0, False), (65.0, True)])
def test_a_connection_has_to_outlive_the_balancers(kept: float, holds: bool) -> None:
    exchange = Exchange("/", Outcome.COMPLETE, 1.0, keep_alive=kept)
    connection = Connection(Population.IDLE, 0, 1.0, 1.0, 6.0, Outcome.IDLE_FIN, (exchange,))
    advice = on(Setting.KEEP_ALIVE, replace(STOP, connections=(connection,)))
    assert (advice.proposed, advice.holds) == ("65 s", holds)


@pytest.mark.parametrize(("limit", "holds"), [(0, True), (100, False), (120, True), (-1, True)])
def test_open_files_have_room_for_four_times_as_many(limit: int, holds: bool) -> None:
    assert on(Setting.NOFILE, replace(LOAD, nofile=(limit, limit))).holds is holds


def test_without_a_health_check_the_start_period_has_nowhere_to_go() -> None:
    advice = on(Setting.START_PERIOD, STOP, subject=replace(SUBJECT, health=None))
    assert (advice.proposed, advice.said, advice.holds) == ("10 s", "no health check", False)
