"""Each judge on recordings that differ in one thing: what was seen, the ruling, words of the summary, the cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill import archive
from seatrial.drill.judge import JUDGES, judge
from seatrial.model.recording import Event, EventKind, Exit, LogLine, ProcessSeen, Readiness, Recording
from seatrial.model.traffic import Connection, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import (
    END,
    KILL,
    PID_ONE,
    SIGNAL,
    STOP,
    TARGET,
    TERM,
    all_good,
    busy,
    changed,
    connection,
    default_action,
    exchange,
    half,
    idle,
    ignored,
    interrupt,
    new,
    news,
    orphan,
    recording,
    second,
    slow,
    slow_clients,
)

PASS, FAIL, UNKNOWN, SKIPPED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.SKIPPED
O, P = Outcome, Population  # noqa: E741 - one letter for a column of a table
TINI = {"init": "tini", "argv": ("tini", "--", "node", "server.js")}
SCRIPT = {"argv": ("./entrypoint.sh", "node", "server.js")}
NPM = {"argv": ("npm", "start"), "final_argv": ("node", "server.js")}
SHELL = {"argv": ("/bin/sh", "-c", "node server.js"), "shell_form": True}


def found(told: Recording, requirement: str) -> Verdict:
    """The verdict on one requirement."""
    return next(verdict for verdict in judge(told) if verdict.requirement == requirement)


def process(pid: int, *argv: str, parent: int = 0, **changes: object) -> ProcessSeen:
    """A process that lived from the start to the end."""
    return replace(ProcessSeen(pid, parent, argv, 0.0, END, END), **changes)  # type: ignore[arg-type]


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


def never_ended(**changes: object) -> Recording:
    """`server.close()` without an end: the listener closed at once, SIGKILL came in the end."""
    events = (*STOP.events[:5], *ignored().events[4:])
    load = (
        *(idle(number) for number in range(5)),
        *(slow(number=number) for number in range(3)),
        *news(O.COMPLETE, 1.5, SIGNAL),
        *news(O.REFUSED, SIGNAL + 0.01, KILL),
        connection(P.KEEP_ALIVE, 9, exchange(O.COMPLETE, 1.5, 1.51), closed=KILL + 0.02, ending=O.IDLE_FIN),
    )
    return recording(replace(ignored(events=events, connections=load), **changes))  # type: ignore[arg-type]


BEFORE = news(O.COMPLETE, 1.5, SIGNAL)
SERVES_ON = changed(
    without=[P.OPEN_LOOP], plus=[*BEFORE, *news(O.COMPLETE_CLOSE, SIGNAL + 0.01, END)], events=STOP.events[:4]
)


def answers(outcome: Outcome, status: int) -> list[Connection]:
    """New connections after the signal, all answered in one way."""
    return [new(SIGNAL + 0.01 + 0.0195 * index, outcome, status=status) for index in range(50)]


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
NO_COMMAND = (Event(0.01, EventKind.EXITED, "127", "nope: No such file or directory"),)
FLAW = replace(STOP, disturbed="the load generator was 0.90 s late")

CASES: list[tuple[str, Recording, str, Ruling, str, str]] = [
    # what was seen, the recording, the requirement, its ruling, words of the summary, the cause
    ("a handler", recording(STOP), "handles-sigterm", PASS, "exited by itself 1.00 s after SIGTERM, with 0", ""),
    (
        "no handler as PID 1",
        recording(ignored()),
        "handles-sigterm",
        FAIL,
        "ignored SIGTERM and ran on for 10.00 s",
        "",
    ),
    (
        "no handler under tini",
        recording(default_action(), **TINI),
        "handles-sigterm",
        FAIL,
        "default action of SIGTERM",
        "",
    ),
    (
        "requests cut by it",
        recording(default_action(), **TINI),
        "handles-sigterm",
        FAIL,
        "5 ms (143 (128 + SIGTERM)), 5",
        "",
    ),
    ("143 after a drain", drained_then_reraised(), "handles-sigterm", PASS, "with 143 (128 + SIGTERM)", ""),
    (
        "143 by PID 1 itself",
        recording(replace(STOP, exit=Exit(END, 143))),
        "handles-sigterm",
        PASS,
        "exited by itself",
        "",
    ),
    ("npm", npm_drops_all(), "handles-sigterm", FAIL, "PID 1 (npm start) did not bring", "package-manager-as-pid1"),
    ("npm, late", npm_ends_late(), "handles-sigterm", FAIL, "did not bring", "package-manager-as-pid1"),
    (
        "npm 9",
        recording(ignored(processes=(process(1, "npm start"),)), **NPM),
        "handles-sigterm",
        FAIL,
        "PID 1 (npm start) ignored SIGTERM",
        "package-manager-as-pid1",
    ),
    ("dash -c", shell_swallows(), "handles-sigterm", FAIL, "(/bin/sh -c node server.js) ignored", "exec-form-command"),
    ("never ended", never_ended(), "handles-sigterm", PASS, "closed its listener at +0.010 s", ""),
    (
        "out of memory",
        recording(replace(STOP, exit=Exit(END, 137, 9, oom_kills=1))),
        "handles-sigterm",
        UNKNOWN,
        "1 out-of-memory kill",
        "",
    ),
    ("crashed", recording(CRASHED), "handles-sigterm", UNKNOWN, "exited with 1 before it was asked to stop", ""),
    ("never ready", recording(NEVER_READY), "handles-sigterm", UNKNOWN, "not ready within 7 s: nothing listens", ""),
    ("disturbed load", recording(FLAW), "handles-sigterm", PASS, "exited by itself", ""),
    ("no run", recording(), "handles-sigterm", UNKNOWN, "the stop drill was not run", ""),
    (
        "ended by itself, deaf",
        recording(replace(STOP, processes=DEAF), **SCRIPT),
        "handles-sigterm",
        FAIL,
        "PID 1 (/bin/sh ./daemon.sh) can't have heard SIGTERM: it ended by itself 1.00 s after it, with 0",
        "entrypoint-hands-over",
    ),
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
    (
        "deaf script",
        recording(replace(STOP, processes=DEAF), **SCRIPT),
        "entrypoint-hands-over",
        FAIL,
        "can't have heard SIGTERM",
        "",
    ),
    (
        "it may wait for the signal (sigwait)",
        recording(replace(STOP, processes=(replace(DEAF[0], argv=("./api",)),))),
        "handles-sigterm",
        PASS,
        "exited by itself",
        "",
    ),
    (
        "its handler took itself away",
        recording(replace(STOP, processes=(replace(DEAF[0], once_handled=(2, TERM)),))),
        "handles-sigterm",
        PASS,
        "exited by itself",
        "",
    ),
    (
        "nobody looked at what it blocks",
        recording(replace(STOP, processes=(replace(DEAF[0], blocks=None),))),
        "handles-sigterm",
        PASS,
        "exited by itself",
        "",
    ),
    (
        "an init's child without a handler",
        recording(replace(STOP, processes=(process(1, "tini"), replace(DEAF[0], pid=7, parent=1))), **TINI),
        "handles-sigterm",
        PASS,
        "exited by itself",
        "",
    ),
    (
        "an init's child that ignores it",
        recording(
            replace(STOP, processes=(process(1, "tini"), replace(DEAF[0], pid=7, parent=1, ignores=(TERM,)))),
            **{**TINI, "argv": ("tini", "--", "./daemon.sh")},
        ),
        "handles-sigterm",
        FAIL,
        "PID 7 (/bin/sh ./daemon.sh) can't have heard SIGTERM",
        "entrypoint-hands-over",
    ),
    ("no grace", recording(NO_GRACE), "handles-sigterm", UNKNOWN, "grace period of 0 s left no time", "stops-in-time"),
    ("no grace", recording(NO_GRACE), "stops-in-time", FAIL, "still running 0 s after SIGTERM", ""),
    ("no grace", recording(NO_GRACE), "exit-code-clean", FAIL, "exit code 137", "stops-in-time"),
    (
        "no grace for a reaction",
        recording(STOP, replace(NO_GRACE, scenario=interrupt().scenario, signal="SIGINT")),
        "handles-sigint",
        UNKNOWN,
        "left no time to react to SIGINT",
        "stops-in-time",
    ),
    (
        "a worker with a handler that was not done",
        recording(ignored(target=None, connections=(), processes=(PID_ONE,))),
        "handles-sigterm",
        PASS,
        "was not done after 10 s",
        "",
    ),
    (
        "a worker without a handler",
        recording(ignored(target=None, connections=())),
        "handles-sigterm",
        FAIL,
        "ignored SIGTERM",
        "",
    ),
    (
        "killed for memory at the start",
        recording(replace(NEVER_READY, exit=Exit(0.2, 137, 9, oom_kills=1))),
        "handles-sigterm",
        UNKNOWN,
        "was killed for memory (1 out-of-memory kill; exited with 137 (128 + SIGKILL)) 0.20 s after its start",
        "",
    ),
    (
        "a child killed for memory at the start",
        recording(replace(NEVER_READY, exit=Exit(0.2, 1, oom_kills=2))),
        "handles-sigterm",
        UNKNOWN,
        "exited with 1 (2 out-of-memory kills) 0.20 s after its start",
        "",
    ),
    (
        "no such command",
        recording(replace(NEVER_READY, exit=Exit(0.01, 127), events=NO_COMMAND)),
        "handles-sigterm",
        UNKNOWN,
        "exited with 127 (nope: No such file or directory) at its start",
        "",
    ),
    (
        "cut by a kill for memory",
        recording(changed(plus=[slow(O.RST)], exit=Exit(END, 137, 9, oom_kills=1))),
        "in-flight-finish",
        FAIL,
        "1 reset (RST)",
        "exit-code-clean",
    ),
    # the launchers' own requirements are there only where a launcher is
    ("npm", npm_drops_all(), "package-manager-as-pid1", FAIL, "3 requests in flight cut", ""),
    ("exec in the script", recording(STOP, **NPM), "package-manager-as-pid1", PASS, "replaced itself (PID 1 (node", ""),
    ("dash -c", shell_swallows(), "exec-form-command", FAIL, "ignored SIGTERM", ""),
    ("bash -c", recording(STOP, **SHELL), "exec-form-command", PASS, "PID 1 is the program itself", ""),
    ("exec in the entrypoint", recording(STOP, **SCRIPT), "entrypoint-hands-over", PASS, "PID 1 is the program", ""),
    (
        "no exec in the entrypoint",
        recording(ignored(processes=(process(1, "/bin/sh", "./entrypoint.sh", ended=KILL),)), **SCRIPT),
        "entrypoint-hands-over",
        FAIL,
        "(/bin/sh ./entrypoint.sh) ignored SIGTERM",
        "",
    ),
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
    # stops-in-time, exit-code-clean
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
    # in-flight-finish
    ("all finish", recording(STOP), "in-flight-finish", PASS, "3 of 3 requests in flight finished", ""),
    ("plain node as PID 1", recording(ignored()), "in-flight-finish", PASS, "3 of 3 requests", ""),
    (
        "cut",
        recording(changed(plus=[slow(O.FIN, SIGNAL + 0.01)])),
        "in-flight-finish",
        FAIL,
        "1 of 4 requests in flight lost: 1 closed without an answer (FIN)",
        "",
    ),
    ("reset", recording(changed(plus=[slow(O.RST)])), "in-flight-finish", FAIL, "1 reset (RST)", ""),
    (
        "truncated",
        recording(changed(plus=[slow(O.TRUNCATED, first_byte=2.5)])),
        "in-flight-finish",
        FAIL,
        "truncated",
        "",
    ),
    ("default action", recording(default_action(), **TINI), "in-flight-finish", FAIL, "3 of", "handles-sigterm"),
    (
        "an error",
        recording(changed(plus=[slow(status=500), slow(ended=1.9, status=200)])),
        "in-flight-finish",
        FAIL,
        "1 answered with an error that came only then",
        "",
    ),
    (
        "always an error",
        recording(changed(without=[P.IN_FLIGHT], plus=[slow(status=500), slow(ended=1.9, status=500)])),
        "in-flight-finish",
        PASS,
        "1 of 1 request",
        "",
    ),
    (
        "held to SIGKILL",
        recording(changed(ignored(), plus=[slow(O.FIN, KILL + 0.02)])),
        "in-flight-finish",
        FAIL,
        "1 of 4",
        "handles-sigterm",
    ),
    (
        "the queue of a listener",
        recording(changed(plus=[new(SIGNAL - 0.003, O.RST), new(SIGNAL - 0.002, O.RST)])),
        "in-flight-finish",
        PASS,
        "0 of 2 quick ones",
        "",
    ),
    (
        "many reset",
        recording(changed(plus=[new(SIGNAL - 0.01 * n, O.RST, 0.2) for n in range(1, 9)])),
        "in-flight-finish",
        FAIL,
        "8 of 11 requests in flight lost: 8 reset",
        "",
    ),
    (
        "crossed on keep-alive",
        recording(changed(plus=[busy(exchange(O.FIN, SIGNAL - 0.001, SIGNAL + 0.002, reused=True))])),
        "in-flight-finish",
        PASS,
        "3 of 3",
        "",
    ),
    (
        "cut on keep-alive",
        recording(changed(plus=[busy(exchange(O.FIN, SIGNAL - 0.3, SIGNAL + 0.5, reused=True))])),
        "in-flight-finish",
        FAIL,
        "1 of 4",
        "",
    ),
    (
        "no slow path",
        recording(changed(without=[P.IN_FLIGHT], plus=[half()])),
        "in-flight-finish",
        PASS,
        "whose last bytes",
        "",
    ),
    (
        "half of a request closed",
        recording(changed(without=[P.IN_FLIGHT], plus=[half(O.FIN)])),
        "in-flight-finish",
        UNKNOWN,
        "1 of 1 half-sent ones were closed: name one that takes a while with --slow-path",
        "",
    ),
    (
        "given up by the client",
        recording(changed(without=[P.IN_FLIGHT], plus=[slow(O.ABANDONED)])),
        "in-flight-finish",
        UNKNOWN,
        "no request was in flight",
        "",
    ),
    (
        "an error where the path was never tried",
        recording(changed(without=[P.IN_FLIGHT], plus=[slow(status=500)])),
        "in-flight-finish",
        FAIL,
        "1 of 1 request in flight lost: 1 answered with an error that came only then",
        "",
    ),
    (
        "an error where the path gave one when it was tried",
        recording(changed(without=[P.IN_FLIGHT], plus=[slow(status=500)], target=replace(TARGET, slow_status=502))),
        "in-flight-finish",
        PASS,
        "1 of 1 request",
        "",
    ),
    (
        "an error where the path gave none when it was tried",
        recording(changed(without=[P.IN_FLIGHT], plus=[slow(status=500)], target=replace(TARGET, slow_status=200))),
        "in-flight-finish",
        FAIL,
        "1 of 1",
        "",
    ),
    (
        "an error that had begun before",
        recording(changed(without=[P.IN_FLIGHT], plus=[slow(status=500, first_byte=SIGNAL - 0.1)])),
        "in-flight-finish",
        PASS,
        "1 of 1",
        "",
    ),
    # keep-alive-drained
    ("FIN", recording(STOP), "keep-alive-drained", PASS, "5 idle connections closed with FIN by +0.010 s", ""),
    (
        "RST",
        recording(changed(plus=[idle(9, END, O.IDLE_RST)])),
        "keep-alive-drained",
        FAIL,
        "1 of 6 idle connections",
        "",
    ),
    (
        "a race",
        recording(changed(plus=[busy(exchange(O.RST, SIGNAL + 0.01, SIGNAL + 0.02, reused=True))])),
        "keep-alive-drained",
        PASS,
        "closed with FIN",
        "",
    ),
    (
        "a true loss",
        recording(changed(plus=[busy(exchange(O.FIN, SIGNAL + 0.01, SIGNAL + 0.6, reused=True))])),
        "keep-alive-drained",
        FAIL,
        "1 request on reused connections lost",
        "",
    ),
    (
        "an error on a reused connection",
        recording(changed(plus=[busy(exchange(O.COMPLETE, SIGNAL + 0.1, SIGNAL + 0.2, status=500, reused=True))])),
        "keep-alive-drained",
        FAIL,
        "1 request on reused connections lost: 1 complete with status 500",
        "",
    ),
    (
        "turned away on a reused connection",
        recording(
            changed(plus=[busy(exchange(O.COMPLETE_CLOSE, SIGNAL + 0.1, SIGNAL + 0.2, status=503, reused=True))])
        ),
        "keep-alive-drained",
        PASS,
        "closed with FIN",
        "",
    ),
    ("ignored", recording(ignored()), "keep-alive-drained", FAIL, "only SIGKILL closed them", "handles-sigterm"),
    (
        "by the idle limit",
        recording(changed(ignored(), without=[P.IDLE], plus=[idle(0, 6.0)])),
        "keep-alive-drained",
        FAIL,
        "their own idle limit, at +4.000 s",
        "handles-sigterm",
    ),
    (
        "none kept",
        recording(changed(without=[P.IDLE], plus=[idle(0, 1.1)])),
        "keep-alive-drained",
        PASS,
        "no connection was idle",
        "",
    ),
    *(
        (why, recording(changed(without=[P.IDLE], plus=[before])), "keep-alive-drained", ruling, words, "")
        for why, before, ruling, words in (
            ("none kept: reset", idle(0, 1.1, O.IDLE_RST), FAIL, "1 of 1 idle connection reset (RST), before the"),
            ("none kept: told", idle(0, 1.1, O.COMPLETE_CLOSE), PASS, "closes each after its response"),
            ("none kept: refused", connection(P.IDLE, 0, exchange(O.REFUSED, 1.0, 1.0)), UNKNOWN, ": 1 refused"),
            ("none kept: late", connection(P.IDLE, 0, exchange(O.TIMED_OUT, 1.0, 1.9)), UNKNOWN, ": 1 timed out"),
            ("in flight", connection(P.IDLE, 0, exchange(O.FIN, 1.9, END)), UNKNOWN, "1 closed without an answer"),
            ("otherwise", idle(0, 2.1, O.MALFORMED), UNKNOWN, "idle connections ended otherwise: 1 malformed"),
        )
    ),
    (
        "one reset before the signal",
        recording(changed(plus=[idle(9, 1.5, O.IDLE_RST)])),
        "keep-alive-drained",
        FAIL,
        "1 of 6 idle connections reset (RST), before the signal already",
        "",
    ),
    (
        "watching ended",
        recording(changed(plus=[idle(9, END, O.IDLE_OPEN)])),
        "keep-alive-drained",
        UNKNOWN,
        "still open",
        "",
    ),
    ("no load", recording(replace(STOP, connections=())), "keep-alive-drained", UNKNOWN, "no idle connection", ""),
    ("disturbed", recording(FLAW), "keep-alive-drained", UNKNOWN, "disturbed: the load generator was 0.90 s late", ""),
    # announces-close
    ("all say so", recording(STOP), "announces-close", PASS, "4 responses during the drain, all", ""),
    (
        "one does not",
        recording(changed(plus=[slow(O.COMPLETE, END - 0.2)])),
        "announces-close",
        FAIL,
        "1 of 5 responses",
        "",
    ),
    (
        "written at the signal",
        recording(changed(plus=[slow(O.COMPLETE, SIGNAL + 0.1)])),
        "announces-close",
        PASS,
        "4 resp",
        "",
    ),
    (
        "only such",
        recording(changed(without=[P.IN_FLIGHT, P.KEEP_ALIVE], plus=[slow(O.COMPLETE, SIGNAL + 0.1)])),
        "announces-close",
        UNKNOWN,
        "1 response came, all within 0.25 s",
        "",
    ),
    (
        "none came",
        recording(changed(without=[P.IN_FLIGHT, P.KEEP_ALIVE])),
        "announces-close",
        UNKNOWN,
        "no response began",
        "",
    ),
    ("ignored", recording(ignored()), "announces-close", FAIL, "during the drain did not", "handles-sigterm"),
    # refuses-late-connections, tolerates-lb-lag
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
        PASS,
        "50 served",
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
    # slow-clients-bounded
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
    # second-signal-safe
    (
        "nothing changed",
        recording(STOP, second()),
        "second-signal-safe",
        PASS,
        "a second SIGTERM 0.25 s after the first",
        "",
    ),
    (
        "cut short",
        recording(STOP, second(connections=(slow(O.FIN, SIGNAL + 0.26),), exit=Exit(SIGNAL + 0.26, 1))),
        "second-signal-safe",
        FAIL,
        "cut 1 request in flight, 10 ms after it",
        "",
    ),
    (
        "cut anyway",
        recording(changed(plus=[slow(O.FIN)]), second(connections=(slow(O.FIN),))),
        "second-signal-safe",
        FAIL,
        "cut 1 request",
        "in-flight-finish",
    ),
    (
        "hung",
        recording(STOP, second(exit=Exit(KILL, 137, 9, True))),
        "second-signal-safe",
        FAIL,
        "hung after a second",
        "",
    ),
    (
        "ended before",
        recording(STOP, second(exit=Exit(SIGNAL + 0.1, 0))),
        "second-signal-safe",
        UNKNOWN,
        "had ended 0.10 s",
        "",
    ),
    (
        "nothing in flight",
        recording(STOP, second(connections=())),
        "second-signal-safe",
        UNKNOWN,
        "no request was in",
        "",
    ),
    (
        "ignored",
        recording(ignored(), second()),
        "second-signal-safe",
        UNKNOWN,
        "the first is not handled",
        "handles-sigterm",
    ),
    # children-stopped
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
    # init-reaps-orphans
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
    # logs-flushed
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
    # handles-sigint
    ("clean", recording(STOP, interrupt()), "handles-sigint", PASS, "exited by itself 1.00 s after SIGINT, with 0", ""),
    ("130", recording(STOP, interrupt(exit=Exit(END, 130))), "handles-sigint", PASS, "with 130 (128 + SIGINT)", ""),
    ("1", recording(STOP, interrupt(exit=Exit(END, 1))), "handles-sigint", FAIL, "neither 0 nor 130", ""),
    (
        "cut",
        recording(STOP, interrupt(connections=(slow(O.FIN, END),))),
        "handles-sigint",
        FAIL,
        "1 request in flight cut",
        "",
    ),
    (
        "ignored",
        recording(STOP, replace(ignored(), scenario=interrupt().scenario, signal="SIGINT")),
        "handles-sigint",
        FAIL,
        "ignored SIGINT",
        "",
    ),
    (
        "1, as for the stop signal",
        recording(replace(STOP, exit=Exit(END, 1)), interrupt(exit=Exit(END + 0.4, 1))),
        "handles-sigint",
        FAIL,
        "neither 0 nor 130",
        "exit-code-clean",
    ),
]


@pytest.mark.parametrize(
    ("told", "requirement", "ruling", "words", "cause"),
    [case[1:] for case in CASES],
    ids=[f"{case[2]}: {case[0]}" for case in CASES],
)
def test_the_verdict_follows_from_what_was_seen(
    told: Recording, requirement: str, ruling: Ruling, words: str, cause: str
) -> None:
    verdict = found(told, requirement)
    assert (verdict.ruling, verdict.cause) == (ruling, cause), verdict
    assert words in verdict.summary
    assert "\n" not in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)
    if ruling is FAIL:
        assert verdict.evidence


def test_a_stop_that_is_right_in_every_way_passes_all() -> None:
    told = {verdict.requirement: verdict.summary for verdict in judge(all_good()) if verdict.ruling is not PASS}
    assert told.pop("tolerates-lb-lag").startswith("no lag to hold it against was stated")
    assert told == {}


@pytest.mark.parametrize("told", [case[1] for case in CASES[::6]])
def test_every_recording_gets_every_verdict_once_and_the_same_ones_after_being_saved(told: Recording) -> None:
    verdicts = judge(told)
    names = [verdict.requirement for verdict in verdicts]
    assert names[-len(JUDGES) :] == list(JUDGES)
    assert len(set(names)) == len(names)
    assert judge(archive.loads(archive.dumps(told))) == verdicts


@pytest.mark.parametrize("told", [case[1] for case in CASES])
def test_a_cause_is_another_requirement_that_did_not_pass(told: Recording) -> None:
    verdicts = {verdict.requirement: verdict for verdict in judge(told)}
    for verdict in verdicts.values():
        if verdict.cause and verdict.ruling is FAIL:
            assert verdict.cause != verdict.requirement
            assert verdicts[verdict.cause].ruling is not PASS, verdict


def test_the_end_of_its_output_explains_a_service_that_never_got_ready() -> None:
    log = (LogLine(0.1, "stderr", "Error: Cannot find module 'express'"),)
    ended = replace(NEVER_READY, exit=Exit(0.2, 1), log=log)
    verdict = found(recording(ended), "handles-sigterm")
    assert verdict.summary == "the service exited with 1 0.20 s after its start"
    assert verdict.evidence == ("stderr: Error: Cannot find module 'express'",)


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


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("node", "server.js"), "process.on('SIGTERM'"),
        (("python3", "app.py"), "signal.signal(signal.SIGTERM"),
        (("flask", "run"), "gthread"),
        (("./api",), "install a handler"),
    ],
)
def test_the_remedy_is_that_of_the_program(argv: tuple[str, ...], words: str) -> None:
    run = ignored(processes=(process(1, *argv, ended=KILL),))
    assert words in found(recording(run, argv=argv), "handles-sigterm").remedy


def test_the_remedy_for_sigint_alone_is_the_handler_that_there_is() -> None:
    deaf = replace(ignored(), scenario=interrupt().scenario, signal="SIGINT")
    assert "handle SIGINT as the stop signal" in found(recording(STOP, deaf), "handles-sigint").remedy
    assert "process.on('SIGTERM'" in found(recording(ignored(), deaf), "handles-sigint").remedy


@pytest.mark.parametrize(("code", "words"), [(137, "raise the memory limit"), (0, "close the listening socket first")])
def test_more_memory_is_the_remedy_only_where_pid_1_was_killed_for_it(code: int, words: str) -> None:
    lost = changed(plus=news(O.NOT_SERVED, SIGNAL, END), exit=Exit(END, code, oom_kills=1))
    told = recording(replace(lost, processes=()), argv=("./api",))
    verdict = found(told, "refuses-late-connections")
    assert words in verdict.remedy
    assert "1 out-of-memory kill while it ran" in verdict.evidence
    assert "1 out-of-memory kill while it ran" in found(told, "exit-code-clean").evidence


def test_a_grace_period_of_nothing_is_told_as_such() -> None:
    assert "900ms becomes 0 s" in found(recording(NO_GRACE), "stops-in-time").remedy


def test_a_main_process_caught_before_its_exec_is_known_by_the_command() -> None:
    caught = ignored(processes=(process(1, "[sh]", ended=KILL),))
    assert found(recording(caught, **SHELL), "handles-sigterm").cause == "exec-form-command"


def test_the_remedy_for_a_launcher_is_the_program_itself() -> None:
    assert 'CMD ["node", "server.js"]' in found(npm_drops_all(), "package-manager-as-pid1").remedy
    assert 'CMD ["node", "server.js"]' in found(npm_drops_all(), "in-flight-finish").remedy


def test_the_generators_lateness_widens_what_counts_as_a_race() -> None:
    late = changed(plus=news(O.NOT_SERVED, SIGNAL, SIGNAL + 0.16))
    assert found(recording(late), "refuses-late-connections").ruling is FAIL
    assert found(recording(replace(late, load_lag=0.15)), "refuses-late-connections").ruling is PASS


def test_a_strange_signal_name_in_a_file_breaks_nothing() -> None:
    assert len(judge(recording(replace(STOP, signal="SIGNOTHING")))) == len(JUDGES)
