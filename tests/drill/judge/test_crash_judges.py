"""What a crash and a start that can't work look like to an engine, from recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.crash_judges import dies_on_fatal_error, exit_code_honest, recovers_from_crash
from seatrial.drill.judge.misfit_judges import no_crash_loop
from seatrial.model.recording import Event, EventKind, Exit, LogLine, ProcessSeen, Recording, Run, Scenario, Skipped
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import PID_ONE, all_good, crash, killed, raised, recording, recovery, taken, unset

PASS, FAIL, NOT_PROVED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED
EXCEPTION, REJECTION = Scenario.EXCEPTION, Scenario.REJECTION
SHELL = replace(PID_ONE, argv=("sh", "-c", "node server.js; true"), ended=None)
PROGRAM = ProcessSeen(2, 1, ("node", "server.js"), 0.0, 1.0, 1.0)
AGAIN = replace(PROGRAM, pid=9, first_seen=1.1, ended=None)
WORKERS = (ProcessSeen(7, 1, ("node", "server.js"), 0.1, 0.8, 0.8), replace(PROGRAM, pid=8, parent=1))
NEW_WORKER = replace(WORKERS[0], pid=20, first_seen=0.9)


def behind_a_shell(code: int | None, *others: ProcessSeen) -> Run:
    """The program below a shell was killed."""
    return crash(code, events=(killed(2),), processes=(SHELL, PROGRAM, *others))


def with_worker(*others: ProcessSeen) -> Run:
    """A worker was killed, then the program."""
    return crash(137, killed(7, 0.8, "worker"), processes=(PID_ONE, *WORKERS, *others))


def check(verdict: Verdict, ruling: Ruling, words: str, cause: str = "") -> None:
    assert (verdict.ruling, verdict.cause) == (ruling, cause), verdict
    assert words in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)
    assert verdict.evidence or ruling is not FAIL


@pytest.mark.parametrize(
    ("runs", "ruling", "words"),
    [
        ((behind_a_shell(137),), PASS, "exit code 137 after SIGKILL to the program; an error of its own could not be"),
        ((crash(),), NOT_PROVED, "is the kernel's word; no error of its own ended it"),
        ((crash(), raised(EXCEPTION)), PASS, "; exit code 1 after an exception that nobody catches"),
        ((crash(), raised(EXCEPTION, None)), NOT_PROVED, "is the kernel's word; no error of its own ended it"),
        ((crash(), raised(REJECTION, 0)), FAIL, "exit code 0 after a rejected promise that nobody handles"),
        ((raised(EXCEPTION, 0),), FAIL, "exit code 0 after an exception"),
        ((behind_a_shell(0),), FAIL, "exit code 0 after SIGKILL to the program"),
        ((behind_a_shell(None),), FAIL, "runs on without it: no engine sees the crash"),
        ((behind_a_shell(None, AGAIN),), NOT_PROVED, "started the program again itself"),
        ((crash(disturbed="the program could not be killed"),), NOT_PROVED, "the program could not be killed"),
        ((), NOT_PROVED, "the crash drill was not run"),
    ],
)
def test_the_exit_code_of_a_crash(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(exit_code_honest(recording(*runs)), ruling, words)


@pytest.mark.parametrize(
    ("runs", "ruling", "words", "cause"),
    [
        ((raised(EXCEPTION), raised(REJECTION)), PASS, "logged, and ended with an error within 50 ms", ""),
        ((raised(EXCEPTION), raised(REJECTION, None)), FAIL, "it runs on after a rejected promise", ""),
        ((raised(EXCEPTION, 0), raised(REJECTION)), FAIL, "it ends with 0 after an exception", "exit-code-honest"),
        ((raised(EXCEPTION, said=""), raised(REJECTION)), FAIL, "without a word after an exception", ""),
        ((raised(EXCEPTION, disturbed="node did not load it"),), NOT_PROVED, "node did not load it", ""),
        ((), NOT_PROVED, "the exception drill was not run", ""),
    ],
)
def test_an_error_that_nobody_catches(runs: tuple[Run, ...], ruling: Ruling, words: str, cause: str) -> None:
    check(dies_on_fatal_error(recording(*runs)), ruling, words, cause)


def test_the_line_about_the_error_is_quoted_rather_than_the_first_one() -> None:
    log = (LogLine(1.01, "stderr", "node:internal"), LogLine(1.02, "stderr", "raised by a drill, and caught by nobody"))
    verdict = dies_on_fatal_error(recording(raised(EXCEPTION, log=log)))
    assert verdict.evidence[0].endswith("it wrote: raised by a drill, and caught by nobody")


def test_a_policy_that_a_workload_says_is_not_denied() -> None:
    of = recording(recovery(), crash(), workload="Deployment api (a.yaml:4)")
    check(recovers_from_crash(of), NOT_PROVED, "in Kubernetes the policy of Deployment api (a.yaml:4) says whether", "")


def by_policy(run: Run, policy: str, *others: Run, composed: bool = True) -> Recording:
    return recording(run, *(others or (crash(),)), restart=policy, composed=composed)


@pytest.mark.parametrize(
    ("of", "ruling", "words", "cause"),
    [
        (by_policy(recovery(), "always"), PASS, "ready again 1.00 s after SIGKILL; restart policy always", ""),
        (by_policy(recovery(), "", composed=False), NOT_PROVED, "started again by the drill: no file here says a", ""),
        (by_policy(recovery(), "nonsense"), NOT_PROVED, "no file here says a restart policy", ""),
        (by_policy(recovery(), ""), FAIL, "nobody starts it again: restart policy no", ""),
        (by_policy(recovery(), "on-failure"), PASS, "restart policy on-failure", ""),
        (by_policy(recovery(), "on-failure", behind_a_shell(0)), FAIL, "ended with code 0", "exit-code-honest"),
        (by_policy(recovery(None, exit=Exit(1.5, 1)), "always"), FAIL, "it ended with 1", ""),
        (by_policy(recovery(None), "always"), FAIL, "it was not ready in time", ""),
        (by_policy(recovery(), "always", with_worker()), FAIL, "was killed and not replaced", ""),
        (by_policy(recovery(), "always", with_worker(NEW_WORKER)), PASS, "ready again", ""),
        (by_policy(recovery(disturbed="the program could not be told"), "always"), NOT_PROVED, "could not be told", ""),
        (recording(), NOT_PROVED, "the recovery drill was not run", ""),
    ],
)
def test_what_follows_a_crash(of: Recording, ruling: Ruling, words: str, cause: str) -> None:
    check(recovers_from_crash(of), ruling, words, cause)


def test_a_port_still_in_use_is_held_against_the_drill_and_not_the_service() -> None:
    log = (LogLine(1.4, "stderr", "OSError: [Errno 98] Address already in use"),)
    verdict = recovers_from_crash(recording(recovery(None, exit=Exit(1.5, 1), log=log)))
    check(verdict, NOT_PROVED, "its port was still in use here")


def test_a_worker_that_takes_everything_with_it_is_replaced_with_everything() -> None:
    gone = crash(1, events=(killed(7, 0.8, "worker"),), processes=(PID_ONE, *WORKERS))
    verdict = recovers_from_crash(by_policy(recovery(), "always", gone))
    check(verdict, PASS, "ready again")
    assert "took the whole service with it" in " ".join(verdict.evidence)


ELSEWHERE = taken(None, events=(*taken().events, Event(0.9, EventKind.LISTENING, "127.0.0.1:3001")))


@pytest.mark.parametrize(
    ("runs", "ruling", "words"),
    [
        ((taken(), unset()), PASS, "with its port taken it says so and ends with 1 after 0.30 s; without its settings"),
        ((taken(), unset(None, ready=True)), PASS, "without its settings it comes up with defaults of its own"),
        ((taken(0),), FAIL, "with its port taken it ends with 0"),
        ((taken(1, ""),), FAIL, "it ends with 1 and without a word"),
        ((taken(None),), FAIL, "with its port taken it neither works nor ends"),
        ((ELSEWHERE,), FAIL, "it listens on 127.0.0.1:3001 instead"),
        ((taken(), unset(None)), FAIL, "without its settings it neither works nor ends"),
        ((taken(), unset(0)), FAIL, "without its settings it ends with 0"),
        ((taken(disturbed="the stand-in did not listen"),), NOT_PROVED, "the stand-in did not listen"),
        ((), NOT_PROVED, "the port-taken drill was not run"),
    ],
)
def test_a_start_that_cannot_work(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(no_crash_loop(recording(*runs)), ruling, words)


def test_what_hides_every_crash_explains_a_start_that_ends_with_0() -> None:
    verdict = no_crash_loop(recording(behind_a_shell(0), taken(0)))
    check(verdict, FAIL, "it ends with 0", "exit-code-honest")


def test_what_does_not_apply_says_why() -> None:
    of = replace(recording(), skipped=(Skipped(Scenario.EXCEPTION, "it is done for node"),))
    check(dies_on_fatal_error(of), NOT_PROVED, "it is done for node")


def test_a_good_trial_passes_all_of_them() -> None:
    judges = (exit_code_honest, dies_on_fatal_error, recovers_from_crash, no_crash_loop)
    assert [judge(all_good()).ruling for judge in judges] == 4 * [PASS]
