"""The judges of the end: in time, by which code, and held up by whom."""

from __future__ import annotations

from dataclasses import replace

from seatrial.model.recording import Exit

from ..recordings import END, KILL, SIGNAL, STOP, default_action, ignored, recording, slow_clients
from .cases import (
    DEAF,
    FAIL,
    NO_GRACE,
    PASS,
    SCRIPT,
    TINI,
    UNKNOWN,
    Case,
    drained_then_reraised,
    each,
    follows,
    found,
    never_ended,
)

CASES: tuple[Case, ...] = (
    (
        "the same",
        recording(replace(STOP, processes=DEAF), **SCRIPT),
        "stops-in-time",
        UNKNOWN,
        "not bec",
        "handles-sigterm",
    ),
    (
        "the same",
        recording(replace(STOP, processes=DEAF), **SCRIPT),
        "exit-code-clean",
        UNKNOWN,
        "exit c",
        "handles-sigterm",
    ),
    ("no grace", recording(NO_GRACE), "stops-in-time", FAIL, "still running 0 s after SIGTERM", ""),
    ("no grace", recording(NO_GRACE), "exit-code-clean", FAIL, "exit code 137", "stops-in-time"),
    ("a good stop", recording(STOP), "stops-in-time", PASS, "ended 1.00 s after SIGTERM; the grace period is 10 s", ""),
    (
        "near the limit",
        recording(replace(STOP, exit=Exit(SIGNAL + 9, 0))),
        "stops-in-time",
        PASS,
        "10 s, 90% of it",
        "",
    ),
    ("ignored", recording(ignored()), "stops-in-time", FAIL, "still running 10 s after SIGTERM", "handles-sigterm"),
    ("never ended", never_ended(), "stops-in-time", FAIL, "SIGKILL ended it", ""),
    ("zero", recording(STOP), "exit-code-clean", PASS, "exit code 0", ""),
    ("143", drained_then_reraised(), "exit-code-clean", FAIL, "exit code 143 (128 + SIGTERM)", ""),
    (
        "143, declared",
        recording(replace(STOP, exit=Exit(END, 143)), accepted_codes=(143,)),
        "exit-code-clean",
        PASS,
        "as declared",
        "",
    ),
    ("default action", recording(default_action(), **TINI), "exit-code-clean", FAIL, "143", "handles-sigterm"),
    ("one", recording(replace(STOP, exit=Exit(END, 1))), "exit-code-clean", FAIL, "exit code 1: engines", ""),
    ("ignored", recording(ignored()), "exit-code-clean", FAIL, "exit code 137: the SIGKILL", "handles-sigterm"),
    ("never ended", never_ended(), "exit-code-clean", FAIL, "exit code 137: the SIGKILL", "stops-in-time"),
    (
        "out of memory",
        recording(replace(STOP, exit=Exit(END, 137, 9, oom_kills=2))),
        "exit-code-clean",
        FAIL,
        "killed it for memory",
        "",
    ),
    (
        "somebody's SIGKILL",
        recording(replace(STOP, exit=Exit(END, 137, 9))),
        "exit-code-clean",
        FAIL,
        "did not send",
        "",
    ),
    ("hung up on", recording(STOP, slow_clients()), "slow-clients-bounded", PASS, "2 never used and 2 slow sender", ""),
    (
        "held up",
        recording(STOP, slow_clients(exit=Exit(KILL, 137, 9, True))),
        "slow-clients-bounded",
        FAIL,
        "held up the stop",
        "",
    ),
    (
        "held up by all",
        recording(ignored(), slow_clients(exit=Exit(KILL, 137, 9, True))),
        "slow-clients-bounded",
        FAIL,
        "SIGKILL after 10 s",
        "handles-sigterm",
    ),
    (
        "gone before",
        recording(STOP, slow_clients(connections=())),
        "slow-clients-bounded",
        UNKNOWN,
        "no slow client",
        "",
    ),
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)


def test_a_grace_period_of_nothing_is_told_as_such() -> None:
    assert "900ms becomes 0 s" in found(recording(NO_GRACE), "stops-in-time").remedy
