"""The judges of connections that come after the signal, by themselves and through a balancer that lags."""

from __future__ import annotations

from dataclasses import replace

from seatrial.model.recording import Exit
from seatrial.model.traffic import Connection, Outcome

from ..recordings import END, SIGNAL, STOP, TARGET, changed, ignored, new, news, recording
from .cases import BEFORE, FAIL, PASS, SKIPPED, UNKNOWN, Case, O, P, each, follows, found

SERVES_ON = changed(
    without=[P.OPEN_LOOP], plus=[*BEFORE, *news(O.COMPLETE_CLOSE, SIGNAL + 0.01, END)], events=STOP.events[:4]
)


def answers(outcome: Outcome, status: int) -> list[Connection]:
    """New connections after the signal, all answered in one way."""
    return [new(SIGNAL + 0.01 + 0.0195 * index, outcome, status=status) for index in range(50)]


CASES: tuple[Case, ...] = (
    ("refused", recording(STOP), "refuses-late-connections", PASS, "0 served, 50 refused, from +0.010 s on", ""),
    (
        "served, then refused",
        recording(changed(plus=news(O.COMPLETE, SIGNAL, 2.5, 0.1))),
        "refuses-late-connections",
        PASS,
        "4 served",
        "",
    ),
    (
        "three in the queue",
        recording(changed(plus=news(O.NOT_SERVED, SIGNAL + 0.001, SIGNAL + 0.06))),
        "refuses-late-connections",
        PASS,
        "3 connections met the closing listener's queue",
        "",
    ),
    (
        "three over the whole drain",
        recording(changed(plus=news(O.NOT_SERVED, SIGNAL + 0.1, END - 0.1, 0.3))),
        "refuses-late-connections",
        FAIL,
        "3 of 53 new connections after the signal neither",
        "",
    ),
    (
        "three cut while the listener is open",
        recording(changed(SERVES_ON, plus=news(O.NOT_SERVED, SIGNAL + 0.101, SIGNAL + 0.161))),
        "refuses-late-connections",
        FAIL,
        "3 of 53 new connections after the signal neither",
        "",
    ),
    (
        "three cut where it closes, and one served after them",
        recording(
            changed(plus=[*news(O.NOT_SERVED, SIGNAL + 0.001, SIGNAL + 0.06), new(SIGNAL + 0.07, O.COMPLETE_CLOSE)])
        ),
        "refuses-late-connections",
        FAIL,
        "3 of 54",
        "",
    ),
    (
        "two cut by the exit",
        recording(changed(SERVES_ON, plus=news(O.NOT_SERVED, END - 0.006, END, 0.003))),
        "refuses-late-connections",
        PASS,
        "2 connections met",
        "",
    ),
    (
        "errors",
        recording(changed(without=[P.OPEN_LOOP], plus=[*BEFORE, *answers(O.COMPLETE_CLOSE, 500)])),
        "refuses-late-connections",
        FAIL,
        "neither served nor refused, 50 of them answered with an error",
        "",
    ),
    (
        "errors as before",
        recording(
            changed(without=[P.OPEN_LOOP], plus=[*BEFORE, new(1.0, O.COMPLETE, status=500), *answers(O.COMPLETE, 500)])
        ),
        "refuses-late-connections",
        PASS,
        "50 served",
        "",
    ),
    (
        "turned away",
        recording(changed(without=[P.OPEN_LOOP], plus=[*BEFORE, *answers(O.COMPLETE_CLOSE, 503)])),
        "refuses-late-connections",
        PASS,
        "0 served, 50 turned away (503), 0 refused",
        "",
    ),
    (
        "503 without a close",
        recording(changed(without=[P.OPEN_LOOP], plus=[*BEFORE, *answers(O.COMPLETE, 503)])),
        "refuses-late-connections",
        FAIL,
        "50 of 50",
        "",
    ),
    (
        "the health path says 503",
        recording(
            changed(
                without=[P.OPEN_LOOP],
                plus=[*BEFORE, *answers(O.COMPLETE, 503)],
                target=replace(TARGET, quick_is_health=True),
            )
        ),
        "refuses-late-connections",
        UNKNOWN,
        "50 of 50 requests answered with 503 by a health endpoint",
        "",
    ),
    (
        "one met the queue, and nothing else came",
        recording(changed(without=[P.OPEN_LOOP], plus=[new(END - 0.01, O.NOT_SERVED)])),
        "refuses-late-connections",
        UNKNOWN,
        "only 1 new connection came",
        "",
    ),
    (
        "accepted and reset",
        recording(changed(without=[P.OPEN_LOOP], plus=news(O.NOT_SERVED, SIGNAL + 0.01, END))),
        "refuses-late-connections",
        FAIL,
        "50 of 50",
        "",
    ),
    (
        "ignored",
        recording(ignored()),
        "refuses-late-connections",
        UNKNOWN,
        "the listener never closed",
        "handles-sigterm",
    ),
    (
        "no new one",
        recording(changed(without=[P.OPEN_LOOP])),
        "refuses-late-connections",
        UNKNOWN,
        "no new connection",
        "",
    ),
    (
        "no lag stated",
        recording(STOP),
        "tolerates-lb-lag",
        SKIPPED,
        "no lag to hold it against was stated (--lag SECONDS); 50 new connections after the signal: refused from the",
        "",
    ),
    (
        "lost without a lag",
        recording(changed(plus=news(O.NOT_SERVED, SIGNAL, END))),
        "tolerates-lb-lag",
        FAIL,
        "49 of 99",
        "refuses-late-connections",
    ),
    (
        "errors without a lag",
        recording(changed(without=[P.OPEN_LOOP], plus=[*BEFORE, *answers(O.COMPLETE, 500)])),
        "tolerates-lb-lag",
        FAIL,
        "50 of 50 new connections after the signal were lost",
        "refuses-late-connections",
    ),
    (
        "turned away without a lag",
        recording(changed(without=[P.OPEN_LOOP], plus=[*BEFORE, *answers(O.COMPLETE_CLOSE, 503)])),
        "tolerates-lb-lag",
        SKIPPED,
        "turned away with 503 (50 of 50)",
        "",
    ),
    (
        "gone in 13 ms",
        recording(
            changed(without=[P.OPEN_LOOP], plus=[new(SIGNAL + 0.01, O.NOT_SERVED, 0.003)], exit=Exit(SIGNAL + 0.013, 0))
        ),
        "tolerates-lb-lag",
        SKIPPED,
        "no lag to hold it against was stated",
        "",
    ),
    ("refused within the lag", recording(STOP, lag=0.5), "tolerates-lb-lag", FAIL, "not served in the 0.5 s", ""),
    ("gone within the lag", recording(STOP, lag=5.0), "tolerates-lb-lag", FAIL, "about 250 of 250", ""),
    (
        "gone within the lag, which the load did not end with",
        recording(changed(plus=news(O.REFUSED, END, SIGNAL + 4.98)), lag=3.0),
        "tolerates-lb-lag",
        FAIL,
        "151 of 151 new connections not served in the 3 s after the signal",
        "",
    ),
    (
        "served for the lag",
        recording(changed(without=[P.OPEN_LOOP], plus=news(O.COMPLETE, SIGNAL + 0.01, END)), lag=0.5),
        "tolerates-lb-lag",
        PASS,
        "25 of 25 new connections served in the 0.5 s",
        "",
    ),
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)


def test_the_generators_lateness_widens_what_counts_as_a_race() -> None:
    late = changed(plus=news(O.NOT_SERVED, SIGNAL, SIGNAL + 0.16))
    assert found(recording(late), "refuses-late-connections").ruling is FAIL
    assert found(recording(replace(late, load_lag=0.15)), "refuses-late-connections").ruling is PASS
