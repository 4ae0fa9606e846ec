"""What counts as a reaction to the signal, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace

from seatrial.model.recording import Event, EventKind, Exit, Run
from seatrial.model.traffic import Outcome

from ..recordings import EVENTS, KILL, SIGNAL, STOP, idle, ignored, new, news, recording
from .cases import FAIL, NPM, PASS, SCRIPT, SHELL, UNKNOWN, Case, each, follows, found, process

BEHIND_A_SHELL = (
    process(1, "/bin/sh", "-c", "node server.js; true", ended=KILL),
    process(7, "node", "server.js", parent=1, ended=None, killed_with_namespace=True, handles=(15,)),
)


def killed_after(grace: float) -> Run:
    """PID 1 without a handler and a short grace period: SIGKILL closed what was idle."""
    end = SIGNAL + grace + 0.02
    load = (*(idle(number, end) for number in range(5)), *news(Outcome.COMPLETE, 1.5, SIGNAL + grace))
    steps = (*EVENTS[:4], Event(SIGNAL + grace, EventKind.SIGNAL, "SIGKILL"), Event(end, EventKind.EXITED, "137"))
    return ignored(grace=grace, exit=Exit(end, 137, 9, killed=True), connections=load, events=steps)


def ended_by(ended: Exit, grace: float = 10.0) -> Run:
    """A stop whose reaction can't be told, behind a shell."""
    return replace(STOP, exit=ended, grace=grace, connections=(), processes=BEHIND_A_SHELL)


NO_TIME = ended_by(Exit(SIGNAL + 0.01, 137, 9, killed=True), 0.0)
FOREIGN = ended_by(Exit(3.0, 137, 9))
FOR_MEMORY = ended_by(Exit(3.0, 137, 9, oom_kills=1))
CASES: tuple[Case, ...] = (
    *(
        (f"SIGKILL after {grace:g} s", recording(killed_after(grace)), name, UNKNOWN, words, cause)
        for grace in (0.0, 0.1, 0.2)
        for name, words, cause in (
            ("handles-sigterm", "left no time to react", "stops-in-time"),
            ("stop-signal-handled", "what became of SIGTERM can't be told", "handles-sigterm"),
        )
    ),
    (
        "SIGKILL after 1 s",
        recording(killed_after(1.0)),
        "handles-sigterm",
        FAIL,
        "ran on for 1.00 s, until SIGKILL",
        "",
    ),
    (
        "closed at once, and not done",
        recording(replace(killed_after(0.2), connections=tuple(idle(number) for number in range(5)))),
        "handles-sigterm",
        PASS,
        "began to drain",
        "",
    ),
    (
        "no time behind a shell",
        recording(NO_TIME, **SHELL),
        "exec-form-command",
        UNKNOWN,
        "left no time",
        "stops-in-time",
    ),
    (
        "somebody's SIGKILL",
        recording(FOREIGN, **SHELL),
        "exec-form-command",
        UNKNOWN,
        "that the drill did not send",
        "",
    ),
    ("for memory", recording(FOR_MEMORY, **SHELL), "exec-form-command", UNKNOWN, "1 out-of-memory kill", ""),
    ("somebody's, of npm", recording(FOREIGN, **NPM), "package-manager-as-pid1", UNKNOWN, "did not send", ""),
    ("somebody's, of a script", recording(FOREIGN, **SCRIPT), "entrypoint-hands-over", UNKNOWN, "did not send", ""),
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)


def test_a_rate_limit_that_begins_after_the_signal_is_no_reaction() -> None:
    def limited(status: int) -> Run:
        late = [new(SIGNAL + 0.3 + 0.1 * n, Outcome.COMPLETE, status=status) for n in range(80)]
        load = (*(idle(number, KILL + 0.02) for number in range(5)), *news(Outcome.COMPLETE, 1.5, SIGNAL), *late)
        return ignored(connections=load)

    assert found(recording(limited(429)), "handles-sigterm").ruling is FAIL
    assert found(recording(limited(503)), "handles-sigterm").ruling is PASS
