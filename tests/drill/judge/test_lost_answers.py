"""Answers that came, and served nobody: new errors, bodies cut where no length says so, and a health endpoint's 503."""

from __future__ import annotations

from dataclasses import replace

from seatrial.model.recording import Event, EventKind, Exit, Run, Scenario
from seatrial.model.traffic import Connection, Outcome

from ..recordings import (
    END,
    EVENTS,
    SIGNAL,
    STOP,
    TARGET,
    changed,
    half,
    idle,
    new,
    recording,
    second,
    slow,
)
from .cases import BEFORE, FAIL, PASS, UNKNOWN, Case, O, P, each, follows

HEALTH = replace(TARGET, quick_is_health=True)
LAG = 3.0
LATE = SIGNAL + LAG + 1.0


def flight(*answers: Connection, **changes: object) -> Run:
    """The stop with these requests in flight."""
    return changed(without=[P.IN_FLIGHT], plus=answers, **changes)


def unframed(size: int, ended: float = END - 0.01, number: int = 0) -> Connection:
    """An answer in flight of so many bytes, and no length."""
    one = slow(ended=ended, number=number)
    return replace(one, exchanges=tuple(replace(e, unframed=True, body_bytes=size) for e in one.exchanges))


def tried(size: int) -> Run:
    """The stop whose slow path gave so many bytes when it was tried."""
    return replace(STOP, target=replace(TARGET, slow_status=200, slow_bytes=size))


def cut(size: int, usual: int, ended: float = END - 0.01) -> Run:
    """One answer in flight without a length, of a path that gave that many bytes as a rule."""
    return changed(tried(usual), without=[P.IN_FLIGHT], plus=[unframed(size, ended)])


def lagging(*late: Connection) -> Run:
    """A stop that goes on for longer than the balancer's lag, with these new connections."""
    load = (*(idle(number) for number in range(5)), *(slow(number=number) for number in range(3)), *BEFORE, *late)
    ended = (*EVENTS[:4], Event(LATE, EventKind.EXITED, "0"))
    return replace(STOP, connections=load, exit=Exit(LATE, 0), events=ended)


def answered(status: int, number: int = 150, outcome: Outcome = O.COMPLETE, path: str = "/health") -> list[Connection]:
    """So many new connections in the lag, all answered with this status."""
    return [new(SIGNAL + 0.01 + 0.0199 * n, outcome, status=status, path=path) for n in range(number)]


def replaced(run: Run) -> Run:
    """The same as a replacement, whose balancer is as late."""
    step = Event(SIGNAL + LAG, EventKind.REPLACED, "switched")
    return replace(run, scenario=Scenario.ROLLOUT, events=(*run.events, step))


TURNED = lagging(*answered(503))
AWAY = replace(TURNED, target=HEALTH)
LIMITED = lagging(*answered(429))
CASES: tuple[Case, ...] = (
    *(
        ("dropped with a 4xx", recording(flight(slow(status=status))), "in-flight-finish", FAIL, "came only then", "")
        for status in (404, 408, 429, 499)
    ),
    (
        "its path said so before, too",
        recording(flight(slow(status=404), target=replace(TARGET, slow_status=404))),
        "in-flight-finish",
        PASS,
        "1 of 1",
        "",
    ),
    (
        "its path said something else before",
        recording(flight(slow(status=408), target=replace(TARGET, slow_status=404))),
        "in-flight-finish",
        FAIL,
        "1 of 1",
        "",
    ),
    (
        "the other half met a 408",
        recording(flight(replace(half(), exchanges=(replace(half().exchanges[0], status=408),)))),
        "in-flight-finish",
        UNKNOWN,
        "1 of 1 half-sent ones were not served",
        "",
    ),
    (
        "a second signal",
        recording(STOP, second(connections=(slow(status=408),))),
        "second-signal-safe",
        FAIL,
        "cut",
        "",
    ),
    ("cut where nothing says its length", recording(cut(500, 2000)), "in-flight-finish", FAIL, "1 of 1", ""),
    ("as long as when it was tried", recording(cut(2000, 2000)), "in-flight-finish", PASS, "1 of 1", ""),
    ("a little shorter", recording(cut(1990, 2000)), "in-flight-finish", UNKNOWN, "1 of 1 response had no length", ""),
    ("shorter, and long before the end", recording(cut(500, 2000, 2.5)), "in-flight-finish", UNKNOWN, "may have", ""),
    (
        "never tried, with the end",
        recording(flight(unframed(500))),
        "in-flight-finish",
        UNKNOWN,
        "may have been cut",
        "",
    ),
    ("never tried, before the end", recording(flight(unframed(500, 2.5))), "in-flight-finish", PASS, "1 of 1", ""),
    *(
        (
            f"{status} where it served before",
            recording(lagging(*answered(status)), lag=LAG),
            name,
            FAIL,
            "150 of 150",
            "",
        )
        for status in (404, 503)
        for name in ("tolerates-lb-lag", "refuses-late-connections")
    ),
    *(
        (
            f"{status} while it is replaced",
            recording(STOP, replaced(lagging(*answered(status))), lag=LAG),
            "rollout-drops-nothing",
            FAIL,
            "150 of 1",
            "",
        )
        for status in (404, 503)
    ),
    *(
        (
            "a health endpoint says 503",
            recording(AWAY, replaced(AWAY), lag=LAG),
            name,
            UNKNOWN,
            "another path with --path",
            "",
        )
        for name in ("tolerates-lb-lag", "refuses-late-connections", "rollout-drops-nothing")
    ),
    *(
        (
            "a rate limit, or none",
            recording(LIMITED, replaced(LIMITED), lag=LAG),
            name,
            UNKNOWN,
            "or by a rate limit",
            "",
        )
        for name in ("tolerates-lb-lag", "refuses-late-connections", "rollout-drops-nothing")
    ),
    (
        "a health endpoint turns away",
        recording(replace(lagging(*answered(503, outcome=O.COMPLETE_CLOSE)), target=HEALTH)),
        "refuses-late-connections",
        PASS,
        "0 served, 150 turned away (503), 0 refused",
        "",
    ),
    (
        "404 as ever",
        recording(lagging(new(1.0, O.COMPLETE, status=404, path="/"), *answered(404, path="/")), lag=LAG),
        "tolerates-lb-lag",
        PASS,
        "150 of 150",
        "",
    ),
    (
        "one of those due",
        recording(lagging(new(SIGNAL + 0.01, O.COMPLETE)), lag=LAG),
        "tolerates-lb-lag",
        UNKNOWN,
        "only 1 of 150 new connections that were due came",
        "",
    ),
    (
        "nearly all of those due",
        recording(lagging(*answered(200, 140)), lag=LAG),
        "tolerates-lb-lag",
        PASS,
        "140 of",
        "",
    ),
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)
