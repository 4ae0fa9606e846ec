"""The judges of what PID 1 leaves: other processes, orphans, the last lines of its log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.model.recording import EventKind, LogLine, Recording
from seatrial.model.verdict import Ruling

from ..recordings import END, PID_ONE, STOP, changed, default_action, ignored, new, orphan, recording
from .cases import FAIL, PASS, TINI, UNKNOWN, Case, O, P, each, follows, found, npm_drops_all, process

CASES: tuple[Case, ...] = (
    (
        "python's own helper left",
        recording(
            replace(
                STOP,
                processes=(
                    PID_ONE,
                    process(
                        2,
                        "python",
                        "-c",
                        "from multiprocessing.resource_tracker import main;main(4)",
                        parent=1,
                        ended=None,
                        killed_with_namespace=True,
                    ),
                ),
            )
        ),
        "children-stopped",
        PASS,
        "PID 1 had no other process",
        "",
    ),
    ("no children", recording(STOP), "children-stopped", PASS, "PID 1 had no other process", ""),
    (
        "workers ended",
        recording(replace(STOP, processes=(PID_ONE, process(8, "worker", parent=1, ended=END - 0.01)))),
        "children-stopped",
        PASS,
        "1 other process ended before PID 1",
        "",
    ),
    (
        "a worker left",
        recording(
            replace(STOP, processes=(PID_ONE, process(8, "worker", parent=1, ended=None, killed_with_namespace=True)))
        ),
        "children-stopped",
        FAIL,
        "1 process of 1 left for SIGKILL",
        "",
    ),
    (
        "nobody knows",
        recording(replace(STOP, processes=(PID_ONE, process(8, "worker", parent=1, ended=None)))),
        "children-stopped",
        UNKNOWN,
        "1 process ended together with PID 1",
        "",
    ),
    (
        "ended long before",
        recording(replace(STOP, processes=(PID_ONE, process(8, "migrate", parent=1, ended=0.3)))),
        "children-stopped",
        PASS,
        "no other process at the signal",
        "",
    ),
    ("npm's", npm_drops_all(), "children-stopped", FAIL, "1 process of 2 left", "handles-sigterm"),
    (
        "reaped",
        recording(orphan(EventKind.REAPED, "at once")),
        "init-reaps-orphans",
        PASS,
        "reaped an orphan (pid 12)",
        "",
    ),
    (
        "a zombie",
        recording(orphan(EventKind.ZOMBIE, "for 1.5 s")),
        "init-reaps-orphans",
        FAIL,
        "stayed a zombie under",
        "",
    ),
    ("no shell", recording(orphan(None)), "init-reaps-orphans", UNKNOWN, "no orphan could be made: no shell", ""),
    ("no run", recording(STOP), "init-reaps-orphans", UNKNOWN, "the orphan drill was not run", ""),
    ("whole lines", recording(STOP), "logs-flushed", PASS, "2 lines after the signal, the last one whole", ""),
    (
        "a cut line",
        recording(replace(STOP, log=(*STOP.log, LogLine(END, "stdout", "clos", False)))),
        "logs-flushed",
        FAIL,
        "the last line of the output is cut",
        "",
    ),
    ("silence", recording(replace(STOP, log=())), "logs-flushed", UNKNOWN, "wrote nothing at all", ""),
    ("killed", recording(ignored()), "logs-flushed", UNKNOWN, "can't be known", "handles-sigterm"),
    (
        "default action",
        recording(default_action(), **TINI),
        "logs-flushed",
        UNKNOWN,
        "can't be known",
        "handles-sigterm",
    ),
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)


def marked(lines_for: int, total: int = 20) -> Recording:
    """Requests answered on both sides of the signal, each with an id, of which the first ones were logged."""
    ids = [f"{number:032x}" for number in range(total)]
    times = [1.0 + 0.09 * number for number in range(total)]
    load = [new(moment, O.COMPLETE, mark=one) for moment, one in zip(times, ids, strict=True)]
    log = tuple(LogLine(m, "stdout", f'{{"id":"{one}"}}') for m, one in zip(times, ids, strict=True))[:lines_for]
    return recording(changed(without=list(P), plus=load, log=log))


@pytest.mark.parametrize(
    ("lines", "ruling", "words"),
    [
        (20, PASS, "all 20 answered requests have their line"),
        (17, FAIL, "3 answered requests without a log line, 17 with one"),
        (10, FAIL, "12 answered requests without a log line, 10 with one"),
        (2, UNKNOWN, "no line came after the signal, and only 2 lines carry a request's id"),
        (0, UNKNOWN, "wrote nothing at all"),
    ],
)
def test_lost_log_lines_are_told_by_the_ids_of_requests(lines: int, ruling: Ruling, words: str) -> None:
    verdict = found(marked(lines, 22 if lines == 10 else 20), "logs-flushed")
    assert verdict.ruling is ruling
    assert words in verdict.summary


@pytest.mark.parametrize(
    ("log", "ruling", "words"),
    [
        (STOP.log[:1], UNKNOWN, "no line came after the signal, and no line carries a request's id"),
        (STOP.log, PASS, "no line carries a request's id, so single lost lines would not show"),
        ((*marked(2).runs[0].log, *STOP.log), PASS, "only 2 lines carry a request's id"),
    ],
)
def test_lines_without_ids_prove_something_only_after_the_signal(
    log: tuple[LogLine, ...], ruling: Ruling, words: str
) -> None:
    told = marked(0)
    verdict = found(replace(told, runs=(replace(told.runs[0], log=log),)), "logs-flushed")
    assert verdict.ruling is ruling
    assert words in verdict.summary


def test_a_gap_of_the_recording_itself_is_no_lost_line() -> None:
    told = marked(17)
    cut = replace(told, runs=(replace(told.runs[0], log_truncated=5),))
    assert found(cut, "logs-flushed").ruling is not FAIL
