"""What the files declare, held against what was seen: the stop signal, the health check's tool, and its port."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.judge.declared_judges import healthcheck_port, healthcheck_tool_present, stop_signal_handled
from seatrial.model.recording import Event, EventKind, ProcessSeen, Readiness, Recording, Run
from seatrial.model.service import Image
from seatrial.model.traffic import Outcome
from seatrial.model.verdict import Ruling

from ..recordings import (
    END,
    HEALTH,
    KILL,
    PID_ONE,
    STOP,
    TERM,
    default_action,
    freeze,
    ignored,
    probe,
    recording,
    slow,
    stand_in,
)

PASS, FAIL, UNKNOWN, SKIPPED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.SKIPPED
LISTENS = (Event(0.0, EventKind.STARTED), Event(0.4, EventKind.LISTENING, "127.0.0.1:3000"))
NGINX = ProcessSeen(1, 0, ("nginx: master process nginx -g daemon off;",), 0.0, END, END, handles=(1, 3, TERM))
QUIT_ONLY = replace(PID_ONE, handles=(3,), ended=KILL)
NODE = ("CMD", "node", "healthcheck.js")
CURL = ("CMD-SHELL", "curl -f http://localhost:3000/health || exit 1")
IMAGE = Image("api:1", 1, ())


# --- the stop signal ---


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (STOP, PASS, "PID 1 (node server.js) has a handler for it"),
        (replace(STOP, processes=(replace(PID_ONE, handles=(), blocks=(TERM,)),)), PASS, "sigwait or signalfd"),
        (replace(STOP, processes=(replace(PID_ONE, handles=(), once_handled=(TERM,)),)), PASS, "has a handler"),
        (replace(STOP, processes=(replace(PID_ONE, handles=()),)), UNKNOWN, "no process was seen with a handler"),
        (ignored(), FAIL, "it has no handler for any other, either"),
        (default_action(), FAIL, "does not handle SIGTERM (killed by the signal's default action)"),
        (ignored(processes=(QUIT_ONLY,)), FAIL, "it has handlers for SIGQUIT"),
        (replace(STOP, processes=(NGINX,)), PASS, "has a handler"),
        (replace(STOP, processes=(NGINX,), connections=(slow(Outcome.FIN),)), FAIL, "1 request in flight cut"),
        (replace(STOP, processes=(NGINX,), connections=()), UNKNOWN, "nothing in flight showed it"),
        (replace(STOP, signal="SIGQUIT", processes=(NGINX,), connections=(slow(),)), PASS, "SIGQUIT was sent"),
        (replace(STOP, signalled=None, exit=None), UNKNOWN, "did not come to its end"),
    ],
)
def test_the_stop_signal_is_one_that_was_seen_to_be_handled(run: Run, ruling: Ruling, words: str) -> None:
    verdict = stop_signal_handled(recording(run, init="tini" if len(run.processes) == 2 else ""))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_what_to_write_is_a_signal_that_it_handles_and_the_cause_is_that_nobody_heard() -> None:
    verdict = stop_signal_handled(recording(ignored(processes=(QUIT_ONLY,))))
    assert "STOPSIGNAL SIGQUIT" in verdict.remedy
    assert verdict.cause == "handles-sigterm"
    cut = stop_signal_handled(recording(replace(STOP, processes=(NGINX,), connections=(slow(Outcome.FIN),))))
    assert ("STOPSIGNAL SIGQUIT" in cut.remedy, cut.cause) == (True, "")


def test_what_a_shell_handles_is_no_signal_to_send() -> None:
    shell = replace(PID_ONE, argv=("/bin/sh", "-c", "npm start"), handles=(2,), ended=KILL)
    subject = {"argv": shell.argv, "shell_form": True}
    verdict = stop_signal_handled(recording(ignored(processes=(shell,)), **subject))
    assert (verdict.ruling, verdict.cause, "SIGINT" in verdict.summary) == (FAIL, "exec-form-command", False)
    assert "exec form" in verdict.remedy


# --- the health check ---


def tried(*outcomes: tuple[str, str], events: tuple[Event, ...] = LISTENS, **changes: Any) -> Run:
    """A frozen run whose check said this, one after the other, until it was ready by the last, if that is 0."""
    probes = tuple(Event(0.6 + n, EventKind.PROBE, word, said) for n, (word, said) in enumerate(outcomes))
    ready = bool(outcomes) and outcomes[-1][0] == "exit code 0"
    state = Readiness(ready, 0.6 + len(outcomes) if ready else None, "health check" if ready else "", 60.0, "no")
    return freeze(**{"events": (*events, *probes), "readiness": state, **changes})


OK, NO = ("exit code 0", ""), ("exit code 1", "")
NOT_FOUND = ("exit code 1", "/bin/sh: 1: curl: not found")
RUNC = ("exit code 127", 'OCI runtime exec failed: exec: "curl": executable file not found in $PATH')
LOCAL = ("exit code 127", "./healthcheck: No such file or directory")


def told(run: Run, check: tuple[str, ...], image: Image | None = None, *more: Run) -> Recording:
    return recording(run, *more, health=HEALTH, healthcheck=check, image=image)


@pytest.mark.parametrize(
    ("outcome", "check", "image", "ruling", "words"),
    [
        (OK, CURL, IMAGE, PASS, "the check ran, and passed"),
        (NOT_FOUND, CURL, IMAGE, FAIL, "can't run curl"),
        (("exit code 0", "sh: curl: not found"), CURL, IMAGE, FAIL, "can't run curl"),
        (RUNC, ("CMD", "curl", "-f"), IMAGE, FAIL, "can't run curl"),
        (("exit code 126", "./check.sh: Permission denied"), ("CMD", "./check.sh"), None, FAIL, "can't run ./check.sh"),
        (LOCAL, ("CMD", "./healthcheck"), None, FAIL, "can't run ./healthcheck"),
        (NOT_FOUND, CURL, None, SKIPPED, "this machine has no curl"),
        (OK, CURL, None, SKIPPED, "with this machine's programs"),
        (OK, NODE, None, PASS, "the check ran, and passed"),
        (OK, ("CMD-SHELL", "node healthcheck.js || exit 1"), None, SKIPPED, "with this machine's programs"),
        (OK, ("CMD", "./check.sh"), None, SKIPPED, "with this machine's programs"),
        (OK, ("CMD", "sh", "-c", "curl -f localhost:3000"), None, SKIPPED, "with this machine's programs"),
        (OK, ("CMD-SHELL", "node healthcheck.js | grep ok"), None, SKIPPED, "with this machine's programs"),
        (NO, CURL, IMAGE, UNKNOWN, "never passed (at last exit code 1)"),
        (("exit code 1", "404 page not found"), NODE, IMAGE, UNKNOWN, "never passed"),
        (("timed out", ""), NODE, IMAGE, UNKNOWN, "a time-out"),
    ],
)
def test_the_checks_tool_is_there_only_if_the_check_really_ran(
    outcome: tuple[str, str], check: tuple[str, ...], image: Image | None, ruling: Ruling, words: str
) -> None:
    verdict = healthcheck_tool_present(told(tried(outcome), check, image))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("check", "ruling"),
    [
        (("CMD-SHELL", "node healthcheck.js || exit 1"), PASS),
        (("CMD", "node", "healthcheck.js"), PASS),
        (("CMD", "sh", "-c", "curl -f localhost:3000"), SKIPPED),
        (("CMD", "npm", "run", "health"), SKIPPED),
    ],
)
def test_an_image_with_a_shell_may_lack_what_the_shell_calls(check: tuple[str, ...], ruling: Ruling) -> None:
    words = (("/bin/sh", "-c", "npm start"), ("npm", "start"), ("node", "server.js"))
    seen = tuple(ProcessSeen(number, number - 1, each, 0.0, END) for number, each in enumerate(words, 1))
    assert healthcheck_tool_present(told(tried(OK, processes=seen), check)).ruling is ruling


def test_a_file_that_another_stage_may_bring_is_not_missed_here() -> None:
    of = told(tried(LOCAL), ("CMD", "./healthcheck"))
    of = replace(of, subject=replace(of.subject, made=("/app",)))
    assert healthcheck_tool_present(of).ruling is SKIPPED


URL = ("CMD", "curl", "-f", "http://127.0.0.1:{}/health")


def naming(port: int) -> tuple[str, ...]:
    return tuple(word.format(port) for word in URL)


@pytest.mark.parametrize(
    ("outcome", "check", "ruling", "words"),
    [
        (OK, naming(3000), PASS, "it asks port 3000, passed"),
        (NO, naming(8080), FAIL, "asks port 8080, where nothing listened; the service listens on 3000"),
        (OK, naming(8080), UNKNOWN, "names port 8080, where nothing was seen to listen, and passed"),
        (NO, naming(3000), UNKNOWN, "and never passed"),
        (NO, ("CMD-SHELL", "curl -f http://localhost/"), FAIL, "asks port 80,"),
        (
            OK,
            ("CMD", "curl", "-f", "--unix-socket", "/run/a", "http://localhost/health"),
            UNKNOWN,
            "by a Unix socket",
        ),
        (OK, ("CMD", "./grpc_probe", "--from", "127.0.0.1:1"), UNKNOWN, "names port 1"),
        (OK, ("CMD-SHELL", "curl -f :1/ || wget http://[::1]:3000"), PASS, "asks port 3000"),
        (OK, ("CMD", "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3000"), PASS, "asks port 3000"),
        (OK, ("CMD", "nc", "-z", "localhost", "3000"), PASS, "asks port 3000"),
        (OK, ("CMD-SHELL", "curl -f http://localhost:$PORT/"), UNKNOWN, "does not say which port"),
        (OK, NODE, UNKNOWN, "does not say which port it asks, and what it says while nothing listens was not seen"),
        (NO, NODE, UNKNOWN, "does not say which port it asks, and never passed"),
        (RUNC, naming(8080), UNKNOWN, "never asked"),
    ],
)
def test_the_checks_port_is_held_against_what_listens(
    outcome: tuple[str, str], check: tuple[str, ...], ruling: Ruling, words: str
) -> None:
    verdict = healthcheck_port(told(tried(outcome), check))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_a_listener_that_closed_again_and_a_path_are_no_port_that_is_listened_on() -> None:
    gone = (*LISTENS, Event(0.5, EventKind.NOT_LISTENING, "127.0.0.1:3000"), Event(0.5, EventKind.LISTENING, "/run/a"))
    verdict = healthcheck_port(told(tried(NO, events=gone), naming(8080)))
    assert (verdict.ruling, "nothing listens on a port" in verdict.summary) == (UNKNOWN, True)


HANGS = tuple(probe("frozen", None, 1.0 + 0.25 * n, 2.0) for n in range(3))


@pytest.mark.parametrize(
    ("frozen", "refused", "ruling"),
    [
        (HANGS, probe("refused", 1), PASS),
        ((probe("frozen", 1, took=1.5),), probe("refused", 1), PASS),
        ((probe("frozen", 1),), probe("refused", 1), UNKNOWN),
        ((probe("frozen", 0, took=1.5),), probe("refused", 1), UNKNOWN),
        (HANGS, probe("refused", 0), UNKNOWN),
        (HANGS, probe("refused", None), UNKNOWN),
    ],
)
def test_a_check_that_names_no_port_has_to_behave_as_one_that_reaches_the_service(
    frozen: tuple[Any, ...], refused: Any, ruling: Ruling
) -> None:
    verdict = healthcheck_port(told(tried(OK, probes=frozen), NODE, None, stand_in(refused)))
    assert verdict.ruling is ruling, verdict


@pytest.mark.parametrize("judged", [healthcheck_port, healthcheck_tool_present])
def test_what_was_not_run_is_not_proved_and_no_check_is_asked_nothing(judged: Any) -> None:
    assert judged(recording(STOP)).ruling is SKIPPED
    unrun = judged(recording(STOP, health=HEALTH, healthcheck=NODE))
    assert (unrun.ruling, unrun.summary) == (UNKNOWN, "no run of the health check was recorded")
    never = judged(told(tried(), NODE))
    assert (never.ruling, "was not ready within 60 s" in never.summary) == (UNKNOWN, True)
