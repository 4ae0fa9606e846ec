"""Verdicts on a service that an engine replaced: phases, who owes what, and how the replicas ended. Times: the
replacement is asked for at 2; the old one is told to stop at 3, has its signal at 4, closes at 5 and is gone at 6."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.judge.attribution import Moment, owed
from seatrial.drill.judge.replica_judges import BY_REPLICA, rollout_drops_nothing
from seatrial.model.advice import advise
from seatrial.model.recording import Event, EventKind, Readiness, Recording, Replica, Run, Scenario
from seatrial.model.traffic import Connection, Exchange, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.summary import sentence

from ..recordings import MACHINE, SUBJECT, TARGET, exchange, new, news

ASKED, STEP = 2.0, "rolling update (stop-first)"
OLD = Replica("api.1.old", "1", told=3.0, signalled=4.0, closed=5.0, ended=6.0, code=0)
NEW = Replica("api.1.new", "1", created=2.5, started=2.7, ready=2.9)
EVENTS = (
    Event(ASKED, EventKind.REPLACED, "asked", STEP),
    Event(8.0, EventKind.REPLACED, "settled", STEP),
)
WELL = tuple(news(Outcome.COMPLETE, 0.55, 10.05, 0.1))


def run(*connections: Connection, **changes: Any) -> Run:
    values: dict[str, Any] = {
        "scenario": Scenario.ROLLOUT,
        "started_at": "2026-11-21T12:00:00+00:00",
        "readiness": Readiness(True, 0.0, "HTTP"),
        "target": TARGET,
        "signal": "SIGTERM",
        "grace": 10.0,
        "signalled": ASKED,
        "exit": None,
        "events": EVENTS,
        "connections": (*WELL, *connections),
        "rate": 10.0,
        "replicas": (OLD, NEW),
    }
    return Run(**{**values, **changes})


def told(one: Run) -> Recording:
    return Recording("seatrial", "2026-11-21", SUBJECT, replace(MACHINE, engine="swarm"), (one,))


def lost(sent: float, ended: float, status: int | None = 502) -> Connection:
    outcome = Outcome.COMPLETE if status else Outcome.RST
    return Connection(
        Population.OPEN_LOOP,
        int(sent * 1000),
        sent,
        sent,
        ended,
        outcome,
        (exchange(outcome, sent, ended, status=status),),
    )


def of(one: Run) -> Verdict:
    return rollout_drops_nothing(told(one))


@pytest.mark.parametrize(("status", "ruling"), [(404, Ruling.FAIL), (429, Ruling.NOT_PROVED), (200, Ruling.PASS)])
def test_a_balancer_that_knows_no_replica_says_so_by_an_error_of_its_own(status: int, ruling: Ruling) -> None:
    verdict = of(run(lost(5.5, 5.6, status)))
    assert verdict.ruling is ruling, verdict
    assert of(run(lost(1.5, 1.6, status), lost(5.5, 5.6, status))).ruling is Ruling.PASS, "its path said so before"


@pytest.mark.parametrize(
    ("sent", "ended", "moment"),
    [
        (3.9, 4.1, Moment.IN_FLIGHT),
        (3.9, 3.99, Moment.IN_FLIGHT),
        (3.5, 3.6, Moment.LEAVING),
        (4.5, 4.6, Moment.DRAINING),
        (5.5, 5.6, Moment.CLOSED),
        (6.5, 6.6, Moment.GONE),
        (2.6, 2.7, Moment.STARTING),
        (1.0, 1.1, Moment.APART),
        (11.5, 11.6, Moment.APART),
    ],
)
def test_a_loss_is_owed_to_a_moment(sent: float, ended: float, moment: Moment) -> None:
    connection = lost(sent, ended)
    found = owed(run(), (connection, connection.exchanges[0]))
    names = {Moment.STARTING: ("api.1.new",), Moment.APART: ()}.get(moment, ("api.1.old",))
    assert (found.moment, found.names) == (moment, names)


@pytest.mark.parametrize(
    ("old", "sent", "moment"),
    [
        (replace(OLD, closed=None), 4.5, Moment.STOPPING),
        (replace(OLD, signalled=None), 3.5, Moment.DRAINING),
        (replace(OLD, signalled=None, closed=None), 3.5, Moment.STOPPING),
        (replace(OLD, ended=None, closed=None), 99.0, Moment.STOPPING),
    ],
)
def test_what_was_not_seen_of_a_replica_is_not_claimed(old: Replica, sent: float, moment: Moment) -> None:
    connection = lost(sent, sent + 0.1)
    assert owed(run(replicas=(old,)), (connection, connection.exchanges[0])).moment is moment


def test_where_nobody_was_ready_a_loss_is_owed_to_the_one_that_left_until_its_successor_is() -> None:
    late = replace(NEW, created=6.0, started=6.5, ready=14.0)
    connection = lost(13.0, 13.1)
    found = owed(run(replicas=(OLD, late)), (connection, connection.exchanges[0]))
    assert (found.moment, found.names) == (Moment.GONE, ("api.1.old",))


def test_what_a_replica_lost_that_ended_by_itself_is_owed_to_that() -> None:
    crashed = Replica("api.2.old", "2", ended=9.0, code=1)
    connection = lost(8.9, 9.1)
    found = owed(run(replicas=(OLD, NEW, crashed)), (connection, connection.exchanges[0]))
    assert (found.moment, found.names) == (Moment.CRASHED, ("api.2.old",))


def test_of_two_that_stop_at_once_both_are_named() -> None:
    connection = lost(3.9, 4.1)
    both = run(replicas=(OLD, replace(OLD, name="api.2.old", slot="2"), NEW))
    found = owed(both, (connection, connection.exchanges[0]))
    assert found.words() == "api.1.old or api.2.old: in flight at its stop signal"


def test_a_rollout_without_a_loss_passes_and_tells_its_phases_and_the_lives_of_all() -> None:
    verdict = of(run())
    assert verdict.ruling is Ruling.PASS
    assert verdict.summary == "none of 95 requests lost while the rolling update (stop-first) replaced 1 replica"
    assert verdict.evidence == (
        "before: 15 complete",
        "replacement of api.1.old: 60 complete",
        "after the rolling update (stop-first): 20 complete",
        "api.1.old: told to stop +1.000 s, signal +2.000 s, listener closed +3.000 s, ended +4.000 s with 0",
        "api.1.new: made +0.500 s, started +0.700 s, ready +0.900 s",
    )


def test_losses_are_counted_by_whom_they_are_owed_to_and_the_remedy_is_that_of_the_most() -> None:
    verdict = of(run(lost(3.9, 4.1), lost(5.5, 5.6), lost(5.6, 5.7, None)))
    assert verdict.ruling is Ruling.FAIL
    assert verdict.summary == (
        "3 of 98 requests lost while it was replaced: 2 api.1.old: sent when its listener was closed; "
        "1 api.1.old: in flight at its stop signal"
    )
    assert verdict.remedy.startswith("Keep the listener open") and "in-flight-finish" in verdict.remedy
    assert "new connections 3900: /health sent at +1.900 s, status 502 at +2.100 s; api.1.old" in verdict.evidence[-3]
    assert verdict.figures["lost"] == 3.0


def test_each_of_several_replicas_has_its_phase() -> None:
    second = Replica("api.2.old", "2", told=7.0, signalled=7.1, closed=7.2, ended=7.5, code=0)
    verdict = of(run(replicas=(OLD, second, NEW, Replica("api.2.new", "2", created=6.5, ready=6.9))))
    assert [line.partition(":")[0] for line in verdict.evidence[:4]] == [
        "before",
        "replacement of api.1.old",
        "replacement of api.2.old",
        "after the rolling update (stop-first)",
    ]
    assert verdict.evidence[2] == "replacement of api.2.old: 15 complete"


def test_a_second_step_has_its_own_phases() -> None:
    pod = Replica("pod", told=9.0, ended=9.4)
    again = (
        Event(8.9, EventKind.REPLACED, "asked", "pod deletion"),
        Event(9.6, EventKind.REPLACED, "settled", "pod deletion"),
    )
    verdict = of(run(replicas=(OLD, NEW, pod), events=(*EVENTS, *again)))
    names = [line.partition(":")[0] for line in verdict.evidence[:5]]
    assert names[2:] == ["after the rolling update (stop-first)", "replacement of pod", "after the pod deletion"]
    assert "the stop signal of 1 replica was not seen" in verdict.evidence[-1]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (run(lost(1.0, 1.1)), "1 of 16 requests were lost before anything was replaced"),
        (run(disturbed="the load generator was 0.90 s late"), "the run was disturbed: the load generator"),
        (run(lost(3.9, 4.1), disturbed="the load generator was 0.90 s late"), "the run was disturbed"),
        (run(replicas=(NEW,)), "no replica was seen to be replaced"),
        (run(signalled=None), "no replacement was asked for"),
        (run(connections=(new(1.0, Outcome.COMPLETE),)), "no request was sent while it was replaced"),
        (
            run(
                disturbed="the update is paused: task failed", events=(EVENTS[0], replace(EVENTS[1], name="unsettled"))
            ),
            "the update is paused: task failed",
        ),
    ],
)
def test_what_proves_nothing_says_why(one: Run, words: str) -> None:
    verdict = of(one)
    assert verdict.ruling is Ruling.NOT_PROVED and words in verdict.summary, verdict


def test_what_was_lost_counts_although_the_replacement_came_to_no_end() -> None:
    events = (EVENTS[0], replace(EVENTS[1], name="unsettled"))
    assert of(run(lost(3.9, 4.1), disturbed="the update is paused", events=events)).ruling is Ruling.FAIL


def test_a_reused_connection_that_crosses_its_close_is_no_loss() -> None:
    crossed = Exchange("/health", Outcome.RST, 3.0, 3.0, None, 3.01, reused=True)
    client = Connection(Population.KEEP_ALIVE, 1, 1.0, 1.0, 3.01, Outcome.RST, (crossed,))
    verdict = of(run(client))
    assert (verdict.ruling, verdict.figures["races"]) == (Ruling.PASS, 1.0)


def test_replicas_are_judged_on_how_they_ended() -> None:
    def rulings(*replicas: Replica) -> dict[str, Ruling]:
        return {each.requirement: each.ruling for each in judge(told(run(replicas=replicas)))}

    assert tuple(rulings(OLD, NEW)) == tuple(BY_REPLICA)
    assert set(rulings(OLD, NEW).values()) == {Ruling.PASS}
    killed = rulings(replace(OLD, code=137, killed=True))
    assert killed["stops-in-time"] is killed["exit-code-clean"] is Ruling.FAIL
    assert rulings(replace(OLD, code=None))["exit-code-clean"] is Ruling.NOT_PROVED
    assert rulings(replace(OLD, ended=None, code=None))["stops-in-time"] is Ruling.NOT_PROVED


def test_no_advice_is_given_that_was_not_measured_and_the_run_is_told_by_its_replicas() -> None:
    assert advise(told(run())) == ()
    assert sentence(run()) == "1 replica replaced by 1 new, the last one ended 4.00 s after it was asked for"
