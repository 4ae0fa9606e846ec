"""What is advised from a recording, and when nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.model.advice import Advice, Setting, advise
from seatrial.model.memory import MIB, proposed_memory
from seatrial.model.recording import (
    WORKER,
    Exit,
    Health,
    Machine,
    Readiness,
    Recording,
    Run,
    Sample,
    Scenario,
    Subject,
    Usage,
)
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
ANSWERED = Exchange("/", Outcome.COMPLETE, 2.5, 2.5, 2.6, 2.6, 200)
LOAD = replace(
    STOP,
    scenario=Scenario.LOAD,
    signal="",
    signalled=None,
    connections=(Connection(Population.OPEN_LOOP, 0, 2.5, 2.5, 2.6, Outcome.COMPLETE, (ANSWERED,)),),
    usage=(Usage(1.0, 60 * MIB, 40, 2, 9, 30),),
)


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


SAMPLED = {"usage": (), "samples": (Sample(0.1, 20 * MIB, 0.0), Sample(0.2, 40 * MIB, 0.1))}


def test_memory_that_was_only_sampled_under_load_counts_too() -> None:
    assert on(Setting.MEMORY_LIMIT, replace(LOAD, **SAMPLED)).value == proposed_memory(40 * MIB) == 64 * MIB


def test_what_it_takes_without_load_or_before_it_is_ready_is_no_peak() -> None:
    idle = on(Setting.MEMORY_LIMIT, replace(STOP, **SAMPLED))
    assert (idle.value, idle.figure) == (None, "the memory in use was not measured: no run had it at work")
    never = replace(STOP, readiness=Readiness(False, None, limit=10.0), **SAMPLED)
    failed = on(Setting.MEMORY_LIMIT, never, replace(never, scenario=Scenario.LOAD))
    assert (failed.value, failed.figure) == (None, "it was never ready")


def test_memory_that_was_still_growing_has_no_limit_that_is_enough() -> None:
    usage = tuple(Usage(0.15 * number, (50 + 10 * number) * MIB, 20, 1) for number in range(7))
    advice = on(Setting.MEMORY_LIMIT, replace(LOAD, usage=usage), subject=replace(SUBJECT, memory=500 * MIB))
    assert (advice.value, advice.holds) == (None, False)
    assert "it was still growing when the load ended (50, 80, 110 MiB)" in advice.figure


def test_the_least_limit_is_said_to_be_one() -> None:
    small = on(Setting.MEMORY_LIMIT, replace(LOAD, usage=(Usage(1.0, 2 * MIB, 40, 2, 9, 30),)))
    assert small.value == 32 * MIB
    assert small.figure.startswith("peak of 2 MiB, times 1.5, and 32 MiB at least; ")
    assert "at least" not in on(Setting.MEMORY_LIMIT, LOAD).figure


def test_what_was_in_use_while_no_request_was_answered_is_no_peak() -> None:
    advice = on(Setting.MEMORY_LIMIT, replace(LOAD, connections=()))
    assert (advice.value, advice.figure) == (None, "it answered no request under load: its peak is not known")


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
    told = lagging(SERVED, status=503, target=health)
    assert (told.value, told.holds) == (None, False), "a health endpoint says it on purpose, and others may be served"
    assert "1 of 1 answers in the 2 s of --lag were a health endpoint's or a rate limit's" in told.figure
    assert lagging(SERVED, REFUSED, status=503, target=health).value == 2.0, "one of two was lost all the same"
    assert not lagging(SERVED, status=404).holds, "an error that its path never gave before"


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


def started(seconds: float, scenario: Scenario = Scenario.LOAD, disturbed: str = "") -> Run:
    """A run whose start took so long."""
    return replace(LOAD, scenario=scenario, readiness=replace(LOAD.readiness, time=seconds), disturbed=disturbed)


def test_what_a_busy_machine_made_of_a_start_is_no_figure() -> None:
    told = on(Setting.START_PERIOD, started(2.7), started(9.8, Scenario.STOP))
    assert (told.value, told.figure) == (None, "the starts took from 2.70 s to 9.80 s: this machine was busy")
    late = "the load generator was 0.40 s late"
    told = on(Setting.START_PERIOD, started(9.8, disturbed=late))
    assert (told.value, told.figure) == (None, f"no start was undisturbed: {late}")
    told = on(Setting.START_PERIOD, started(2.7), started(9.8, Scenario.STOP, late))
    assert (told.value, told.figure) == (10.0, "healthy after 2.70 s at most, times 3")


def test_how_long_a_worker_was_waited_for_is_no_figure() -> None:
    run = replace(LOAD, readiness=replace(LOAD.readiness, time=6.0, by=WORKER))
    told = on(Setting.START_PERIOD, run)
    assert (told.value, told.figure) == (None, "a worker without a health check doesn't say when it is ready")


def test_starts_that_are_quick_are_alike() -> None:
    assert on(Setting.START_PERIOD, started(0.2), started(1.1, Scenario.STOP)).value == 5.0


def test_without_a_health_check_the_start_period_has_nowhere_to_go() -> None:
    advice = on(Setting.START_PERIOD, STOP, subject=replace(SUBJECT, health=None))
    assert (advice.proposed, advice.said, advice.holds) == ("10 s", "no health check", False)
