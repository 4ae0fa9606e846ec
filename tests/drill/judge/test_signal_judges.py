"""The judges of signals and launchers: what the stop signal reached, a second one, SIGINT."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.model.recording import Event, EventKind, Exit, LogLine

from ..recordings import (
    END,
    KILL,
    PID_ONE,
    SIGNAL,
    STOP,
    TERM,
    changed,
    default_action,
    ignored,
    interrupt,
    recording,
    second,
    slow,
)
from .cases import (
    CRASHED,
    DEAF,
    FAIL,
    FLAW,
    NEVER_READY,
    NO_GRACE,
    NPM,
    PASS,
    SCRIPT,
    SHELL,
    TINI,
    UNKNOWN,
    Case,
    O,
    drained_then_reraised,
    each,
    follows,
    found,
    never_ended,
    npm_drops_all,
    npm_ends_late,
    process,
    shell_swallows,
)

NO_COMMAND = (Event(0.01, EventKind.EXITED, "127", "nope: No such file or directory"),)

CASES: tuple[Case, ...] = (
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
)


@each(CASES)
def test_the_verdict_follows_from_what_was_seen(case: Case) -> None:
    follows(case)


def test_the_end_of_its_output_explains_a_service_that_never_got_ready() -> None:
    log = (LogLine(0.1, "stderr", "Error: Cannot find module 'express'"),)
    ended = replace(NEVER_READY, exit=Exit(0.2, 1), log=log)
    verdict = found(recording(ended), "handles-sigterm")
    assert verdict.summary == "the service exited with 1 0.20 s after its start"
    assert verdict.evidence == ("stderr: Error: Cannot find module 'express'",)


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


def test_a_main_process_caught_before_its_exec_is_known_by_the_command() -> None:
    caught = ignored(processes=(process(1, "[sh]", ended=KILL),))
    assert found(recording(caught, **SHELL), "handles-sigterm").cause == "exec-form-command"


def test_the_remedy_for_a_launcher_is_the_program_itself() -> None:
    assert 'CMD ["node", "server.js"]' in found(npm_drops_all(), "package-manager-as-pid1").remedy
    assert 'CMD ["node", "server.js"]' in found(npm_drops_all(), "in-flight-finish").remedy
