"""Somebody else's load is judged by what the kernel saw, and not proved where it can't tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill import archive
from seatrial.drill.judge import JUDGES
from seatrial.model.recording import Exit, Recording
from seatrial.model.traffic import Outside, Seen
from seatrial.model.verdict import Ruling

from ..recordings import KILL, STOP, recording

PASS, FAIL, UNKNOWN = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED
FLIGHT, IDLE, LATE = "in-flight-finish", "keep-alive-drained", "refuses-late-connections"
RUN = replace(STOP, connections=(), outside=Outside(("wrk", "-d60s"), 0, "Running\n9 requests in 1s\n"))
KILLED = Exit(KILL, 137, 9, killed=True)


def told(exit_: Exit | None = None, **seen: int) -> Recording:
    assert RUN.outside is not None
    return recording(replace(RUN, outside=replace(RUN.outside, seen=Seen(**seen)), exit=exit_ or RUN.exit))


@pytest.mark.parametrize(
    ("name", "seen", "ruling", "words"),
    [
        (FLIGHT, {"open": 9, "busy": 5, "answered": 5, "answered_whole": 5}, PASS, "5 requests in flight answered"),
        (FLIGHT, {"open": 9, "busy": 4, "answered": 4, "answered_whole": 4}, UNKNOWN, "only 4 requests of 9 connec"),
        (FLIGHT, {"open": 50, "busy": 1, "answered_whole": 1, "idle_fin": 45, "crossed": 2}, UNKNOWN, "only 1 "),
        (FLIGHT, {"open": 50, "busy": 5, "answered_whole": 5, "crossed": 45}, UNKNOWN, "of 45 connections that"),
        (FLIGHT, {"open": 50, "busy": 9, "answered_whole": 9, "crossed": 3}, PASS, "9 requests in flight answered"),
        (FLIGHT, {"open": 9, "busy": 4, "answered": 4, "answered_whole": 3}, UNKNOWN, "3 of 4 in flight were answered"),
        (FLIGHT, {"busy": 4, "answered": 4, "answered_whole": 3, "answered_cut": 1}, FAIL, "1 of 4 requests in flight"),
        (FLIGHT, {"busy": 4, "unclear": 1, "answered_whole": 4}, UNKNOWN, "of 1 connection it is not clear"),
        (FLIGHT, {"open": 9, "busy": 4, "unanswered_fin": 1}, FAIL, "1 of 4 requests in flight ended by the server"),
        (FLIGHT, {"open": 9, "busy": 9, "unanswered_reset": 4}, FAIL, "4 of 9 requests in flight"),
        (FLIGHT, {"open": 9, "busy": 3, "unanswered_reset": 3}, UNKNOWN, "0 of 3 in flight were answered"),
        (FLIGHT, {"open": 9, "unclear": 9}, UNKNOWN, "of 9 connections it is not clear"),
        (FLIGHT, {"open": 9}, UNKNOWN, "no request was seen in flight"),
        (FLIGHT, {"open": 9, "busy": 4, "unanswered_fin": 4, "missed": 1}, UNKNOWN, "too heavy to be watched"),
        (IDLE, {"open": 9, "idle_fin": 9}, PASS, "9 idle connections closed with FIN"),
        (IDLE, {"open": 9, "idle_fin": 8, "idle_reset": 1}, FAIL, "1 of 9 idle connections reset"),
        (IDLE, {"open": 9, "idle_fin": 8, "unclear_ends": 1, "unclear_resets": 1}, UNKNOWN, "1 connection reset (RST)"),
        (IDLE, {"open": 9, "used_again": 9}, UNKNOWN, "no idle connection was seen"),
        (IDLE, {"open": 9, "idle_fin": 8, "used_again": 1}, PASS, "8 idle connections closed with FIN"),
        (IDLE, {"idle_fin": 8, "used_again": 1, "used_again_cut": 1}, FAIL, "1 request on reused connections cut in"),
        (LATE, {"late": 90, "refused": 90}, PASS, "0 answered, 90 refused"),
        (LATE, {"late": 90, "refused": 87, "late_unserved": 3}, PASS, "0 answered, 87 refused"),
        (LATE, {"late": 90, "refused": 50, "late_unserved": 40}, FAIL, "40 of 90 new connections"),
        (LATE, {"open": 20, "late": 90, "refused": 71, "late_queued": 19}, PASS, "0 answered, 71 refused"),
        (LATE, {"open": 20, "late": 90, "refused": 50, "late_queued": 40}, FAIL, "20 of 90 new connections"),
        (LATE, {"late": 9, "late_answered": 9, "late_answered_whole": 9}, PASS, "9 answered, 0 refused"),
        (LATE, {"late": 9, "late_answered": 9, "late_answered_whole": 8}, UNKNOWN, "of 1 new connection"),
        (LATE, {"late": 9, "late_answered": 9, "late_answered_cut": 1}, FAIL, "1 of 9 new connections"),
        (LATE, {"late": 9, "refused": 8, "late_left": 1}, UNKNOWN, "of 1 new connection"),
        (LATE, {"late": 90, "refused": 90, "missed_late": 1}, UNKNOWN, "too heavy to be watched"),
        (IDLE, {"open": 9, "idle_fin": 9, "missed_late": 1}, PASS, "9 idle connections"),
        (LATE, {"early": 90}, UNKNOWN, "no new connection came after the signal"),
        ("announces-close", {"open": 9}, UNKNOWN, "the load was that of wrk"),
        ("tolerates-lb-lag", {"open": 9}, UNKNOWN, "the load was that of wrk"),
    ],
)
def test_what_the_kernel_saw_gives_the_verdict(name: str, seen: dict[str, int], ruling: Ruling, words: str) -> None:
    verdict = JUDGES[name](told(**seen))
    assert verdict.ruling is ruling, verdict
    assert words in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)


@pytest.mark.parametrize(("name", "seen"), [(IDLE, {"idle_fin": 9}), (LATE, {"late": 9, "late_answered": 9})])
def test_what_only_sigkill_ended_is_not_proved(name: str, seen: dict[str, int]) -> None:
    verdict = JUDGES[name](told(KILLED, **seen))
    assert verdict.ruling is UNKNOWN
    assert verdict.summary == "SIGKILL ended the service"


def test_the_commands_own_words_are_shown() -> None:
    evidence = JUDGES[FLIGHT](told(open=9, busy=4, answered=4, overflows=2)).evidence
    assert "wrk: 9 requests in 1s" in evidence
    assert any("2 times the accept queue was full" in line for line in evidence)


def test_what_is_not_about_requests_is_judged_as_ever() -> None:
    assert JUDGES["stops-in-time"](told(open=9)).ruling is PASS


def test_it_is_kept_with_the_recording() -> None:
    whole = told(open=9, busy=4, missed=1)
    assert archive.loads(archive.dumps(whole)) == whole
