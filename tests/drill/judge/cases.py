"""What the tables of the stop's judges have in common: recordings of what launchers and programs do, and how a case is
told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from seatrial.drill.judge import judge
from seatrial.model.recording import EventKind, Exit, ProcessSeen, Readiness, Recording
from seatrial.model.traffic import Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import (
    END,
    KILL,
    PID_ONE,
    SIGNAL,
    STOP,
    TERM,
    connection,
    exchange,
    idle,
    ignored,
    news,
    recording,
    slow,
)

PASS, FAIL, UNKNOWN, SKIPPED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.SKIPPED
O, P = Outcome, Population  # noqa: E741 - one letter for a column of a table
TINI = {"init": "tini", "argv": ("tini", "--", "node", "server.js")}
SCRIPT = {"argv": ("./entrypoint.sh", "node", "server.js")}
NPM = {"argv": ("npm", "start"), "final_argv": ("node", "server.js")}
SHELL = {"argv": ("/bin/sh", "-c", "node server.js"), "shell_form": True}
Case: TypeAlias = tuple[str, Recording, str, Ruling, str, str]
"""What was seen, the recording, the requirement, its ruling, words of the summary, the cause."""


def found(told: Recording, requirement: str) -> Verdict:
    """The verdict on one requirement."""
    return next(verdict for verdict in judge(told) if verdict.requirement == requirement)


def process(pid: int, *argv: str, parent: int = 0, **changes: Any) -> ProcessSeen:
    """A process that lived from the start to the end."""
    return replace(ProcessSeen(pid, parent, argv, 0.0, END, END), **changes)


def npm_drops_all(code: int = 1) -> Recording:
    """npm forwards SIGTERM to dash, dash dies, npm exits, node is killed with the namespace."""
    end = SIGNAL + 0.5
    load = (*(idle(n, end) for n in range(5)), *(slow(O.FIN, end, number=n) for n in range(3)))
    processes = (
        process(1, "npm start", ended=end, handles=(2, TERM)),
        process(18, "sh", "-c", "node server.js", parent=1, ended=SIGNAL + 0.01),
        process(19, "node", "server.js", parent=18, ended=None, killed_with_namespace=True, handles=(2, TERM)),
    )
    return recording(replace(STOP, exit=Exit(end, code), connections=load, processes=processes), **NPM)


def npm_ends_late() -> Recording:
    """The same, after the requests in flight: nobody asked the program, which served until the kernel ended it."""
    dropped = npm_drops_all()
    end = SIGNAL + 0.5
    stop = replace(dropped.runs[0], connections=tuple(slow(ended=end - 0.05, number=n) for n in range(3)))
    events = tuple(event for event in stop.events if event.kind is not EventKind.NOT_LISTENING)
    return replace(dropped, runs=(replace(stop, events=events), *dropped.runs[1:]))


def shell_swallows() -> Recording:
    processes = (
        process(1, "/bin/sh", "-c", "node server.js", ended=KILL),
        process(7, "node", "server.js", parent=1, ended=None, killed_with_namespace=True, handles=(2, TERM)),
    )
    return recording(ignored(processes=processes), **SHELL)


def drained_then_reraised() -> Recording:
    """uvicorn under an init: all is answered, then it ends by the signal itself."""
    processes = (process(1, "tini", "--", "uvicorn", "app:app"), process(7, "uvicorn", "app:app", parent=1))
    return recording(replace(STOP, exit=Exit(END, 143), processes=processes), init="tini")


def never_ended() -> Recording:
    """`server.close()` without an end: the listener closed at once, SIGKILL came in the end."""
    events = (*STOP.events[:5], *ignored().events[4:])
    load = (
        *(idle(number) for number in range(5)),
        *(slow(number=number) for number in range(3)),
        *news(O.COMPLETE, 1.5, SIGNAL),
        *news(O.REFUSED, SIGNAL + 0.01, KILL),
        connection(P.KEEP_ALIVE, 9, exchange(O.COMPLETE, 1.5, 1.51), closed=KILL + 0.02, ending=O.IDLE_FIN),
    )
    return recording(ignored(events=events, connections=load))


BEFORE = news(O.COMPLETE, 1.5, SIGNAL)

CRASHED = replace(STOP, signalled=None, exit=Exit(1.2, 1), connections=())
NEVER_READY = replace(
    STOP,
    readiness=Readiness(False, None, limit=7.0, detail="nothing listens"),
    signalled=None,
    exit=None,
    connections=(),
)
NO_GRACE = replace(
    ignored(), grace=0.0, exit=Exit(SIGNAL + 0.001, 137, 9, killed=True), connections=(), events=STOP.events[:4]
)
DEAF = (replace(PID_ONE, argv=("/bin/sh", "./daemon.sh"), handles=(2,), once_handled=(2,), blocks=()),)
FLAW = replace(STOP, disturbed="the load generator was 0.90 s late")


def each(cases: Sequence[Case]) -> Any:
    """Runs a test for each case of a table."""
    return pytest.mark.parametrize("case", cases, ids=[f"{case[2]}: {case[0]}" for case in cases])


def follows(case: Case) -> None:
    """Hold the verdict against a case of a table."""
    _, told, requirement, ruling, words, cause = case
    verdict = found(told, requirement)
    assert (verdict.ruling, verdict.cause) == (ruling, cause), verdict
    assert words in verdict.summary
    assert "\n" not in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)
    if ruling is FAIL:
        assert verdict.evidence
