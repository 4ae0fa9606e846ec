"""What a service does with fewer rights, from recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.confined_judges import non_root_user, read_only_root
from seatrial.model.recording import Exit, FileGrown, LogLine, Readiness, Run, Scenario, Skipped
from seatrial.model.traffic import Outcome
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import PID_ONE, STOP, confined, load, new, recording, work

PASS, FAIL, NOT_PROVED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED
AS_USER = replace(STOP, processes=(replace(PID_ONE, user=1000),))
NON_ROOT, READ_ONLY = confined(Scenario.NON_ROOT), confined(Scenario.READ_ONLY)
NOT_READY = Readiness(False, None, limit=10.0)
EROFS = "Error: EROFS: read-only file system, open '/var/lib/x'"
TURNED = "root is a read-only file system: cache goes to /tmp"
ENDED = {"readiness": NOT_READY, "exit": Exit(0.5, 1), "connections": ()}
BAD = (new(1.0, Outcome.COMPLETE, status=500), new(1.1, Outcome.COMPLETE))
CACHE = FileGrown("/srv/cache.json", None, 3)
KEPT = FileGrown("/data/notes.db", 3, 9)
TEMPORARY = FileGrown("/tmp/x", None, 9)


def check(verdict: Verdict, ruling: Ruling, words: str) -> None:
    assert (verdict.ruling, verdict.cause) == (ruling, ""), verdict
    assert words in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)
    assert verdict.evidence or ruling is not FAIL


@pytest.mark.parametrize(
    ("runs", "ruling", "words"),
    [
        ((AS_USER, NON_ROOT), PASS, "it runs as user 1000"),
        ((STOP, NON_ROOT), FAIL, "it runs as root; as user 10001 it got ready and answered all requests"),
        ((STOP, replace(NON_ROOT, disturbed="x")), FAIL, "it runs as root; as user 10001 that was not tried"),
        ((STOP,), NOT_PROVED, "the non-root drill was not run"),
        (
            (STOP, confined(Scenario.NON_ROOT, "Error: EACCES: permission denied, open 'pid'", **ENDED)),
            FAIL,
            "as user 10001 it ended with 1 (stderr: Error: EACCES: permission denied, open 'pid')",
        ),
        ((STOP, replace(NON_ROOT, connections=BAD)), FAIL, "as user 10001 1 of 2 requests failed"),
        ((STOP, replace(NON_ROOT, connections=BAD), load(connections=BAD)), FAIL, "it got ready and answered all"),
        ((STOP, replace(NON_ROOT, readiness=NOT_READY, connections=())), FAIL, "it was not ready in time"),
        ((NON_ROOT,), NOT_PROVED, "no process of a ready service was seen"),
    ],
)
def test_the_user(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(non_root_user(recording(*runs)), ruling, words)


def test_why_requests_failed_is_what_was_said_when_they_did() -> None:
    """Not what the program complained of while it started, and got over; nor the words around the cause."""
    said = (
        LogLine(0.4, "stderr", "Control server error: [Errno 13] Permission denied: '/.gunicorn'"),
        LogLine(1.004, "stderr", "[ERROR] Error handling request /"),
        LogLine(1.005, "stderr", "PermissionError: [Errno 13] Permission denied: '/var/log/x.log'"),
    )
    verdict = non_root_user(recording(STOP, replace(NON_ROOT, connections=BAD, log=said)))
    assert "1 of 2 requests failed (stderr: PermissionError: [Errno 13] Permission denied: '/var/log/x.log')" in (
        verdict.summary
    )
    without = non_root_user(recording(STOP, replace(NON_ROOT, connections=BAD, log=said[:2])))
    assert "(stderr: [ERROR] Error handling request /)" in without.summary
    before = non_root_user(recording(STOP, replace(NON_ROOT, connections=BAD, log=said[:1])))
    assert "'/.gunicorn'" in before.summary, "better than nothing"
    never = non_root_user(recording(STOP, replace(NON_ROOT, readiness=NOT_READY, connections=(), log=said)))
    assert "it was not ready in time (stderr: PermissionError: [Errno 13] Permission denied: '/var" in never.summary


def written(*files: FileGrown) -> Run:
    return load(files=files)


@pytest.mark.parametrize(
    ("runs", "ruling", "words"),
    [
        ((STOP, READ_ONLY), PASS, "`read_only: true` can be set"),
        ((STOP, READ_ONLY, written(KEPT, TEMPORARY)), PASS, "`read_only: true` can be set"),
        ((STOP, READ_ONLY, written(CACHE)), FAIL, "writes what is then lost; it writes /srv/cache.json"),
        ((STOP, confined(Scenario.READ_ONLY, EROFS)), FAIL, "it can't write what it tries to; it writes /var/lib/x"),
        ((STOP, confined(Scenario.READ_ONLY, EROFS, **ENDED)), FAIL, "it ended with 1"),
        (
            (STOP, confined(Scenario.READ_ONLY, "OSError: [Errno 30] Read-only file system: 'app.pid'", **ENDED)),
            FAIL,
            "it writes app.pid",
        ),
        ((STOP, confined(Scenario.READ_ONLY, "cannot open /run/x.pid: Read-only file system")), FAIL, "/run/x.pid"),
        ((STOP, replace(READ_ONLY, exit=Exit(2.0, 1))), FAIL, "it ended with 1 under load"),
        ((STOP, replace(READ_ONLY, connections=BAD)), FAIL, "1 of 2 requests failed"),
        ((STOP, replace(READ_ONLY, connections=BAD), load(connections=BAD)), PASS, "it got ready and answered"),
        ((STOP, replace(READ_ONLY, connections=BAD[:1]), load(connections=BAD)), NOT_PROVED, "errors, as at other"),
        ((STOP, confined(Scenario.READ_ONLY, TURNED)), NOT_PROVED, "answered all requests, but says: root is a read"),
        ((STOP, confined(Scenario.READ_ONLY, TURNED, **ENDED)), FAIL, "it ended with 1"),
        ((STOP, replace(READ_ONLY, disturbed="the load generator failed")), NOT_PROVED, "the load generator failed"),
        ((STOP,), NOT_PROVED, "the read-only drill was not run"),
    ],
)
def test_a_read_only_root(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(read_only_root(recording(*runs, kept_paths=("/data",))), ruling, words)


@pytest.mark.parametrize(
    ("runs", "ruling", "words"),
    [
        ((STOP, load()), PASS, "it runs with a read-only root, as its files say: 20 requests were answered"),
        ((STOP, load([EROFS])), FAIL, "with it it cannot write what it tries to; it writes /var/lib/x"),
        ((STOP, load([EROFS], connections=BAD)), FAIL, "with it 1 of 2 requests failed"),
        ((STOP, load(connections=BAD)), NOT_PROVED, "but 1 of 2 requests failed"),
        ((STOP, load(requests=0)), NOT_PROVED, "it answered no request under load"),
        ((STOP, written(CACHE)), NOT_PROVED, "/srv/cache.json grew, so its root was not read-only here"),
        ((STOP,), NOT_PROVED, "the load drill was not run"),
    ],
)
def test_what_the_files_say_already_is_proved_at_work(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(read_only_root(recording(*runs, read_only=True)), ruling, words)


@pytest.mark.parametrize(
    ("runs", "ruling"),
    [((STOP,), PASS), ((replace(STOP, log=(LogLine(1.0, "stderr", EROFS),)),), FAIL), ((), NOT_PROVED)],
)
def test_where_nothing_can_be_asked_of_it_any_run_shows_it(runs: tuple[Run, ...], ruling: Ruling) -> None:
    skipped = tuple(Skipped(each, "no HTTP", wanted=False) for each in (Scenario.LOAD, Scenario.WORK))
    assert read_only_root(replace(recording(*runs, read_only=True), skipped=skipped)).ruling is ruling


IDLE = {"connections": ()}
DONE = replace(confined(Scenario.READ_ONLY, **IDLE), events=work(before=("given", "taken", "done")).events)
DROPPED = replace(DONE, events=work(before=("given", "taken", "waiting")).events)
NO_HTTP = Skipped(Scenario.LOAD, "it speaks no HTTP", wanted=False)
NO_JOB = Skipped(Scenario.WORK, "--job COMMAND gives one")


@pytest.mark.parametrize(
    ("run", "skipped", "ruling", "words"),
    [
        (DONE, (NO_HTTP,), PASS, "it got ready and finished a job with a read-only root"),
        (DROPPED, (NO_HTTP,), NOT_PROVED, "was not finished (--job-state said last: waiting)"),
        (replace(DONE, exit=Exit(2.0, 1)), (NO_HTTP,), FAIL, "it ended with 1 with a job in hand"),
        (confined(Scenario.READ_ONLY, EROFS, **IDLE), (NO_HTTP,), FAIL, "it can't write what it tries to"),
        (confined(Scenario.READ_ONLY, **IDLE), (NO_HTTP, NO_JOB), Ruling.SKIPPED, "no HTTP; --job COMMAND gives one"),
        (confined(Scenario.READ_ONLY, **IDLE), (), NOT_PROVED, "it was asked nothing"),
    ],
)
def test_a_worker_shows_what_it_writes_with_a_job_alone(
    run: Run, skipped: tuple[Skipped, ...], ruling: Ruling, words: str
) -> None:
    verdict = read_only_root(replace(recording(STOP, run), skipped=skipped))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (DONE, "it got ready and finished a job"),
        (DROPPED, "it got ready, but the job that it was given was not finished"),
        (confined(Scenario.NON_ROOT, **IDLE), "it got ready, but it was asked nothing"),
    ],
)
def test_what_another_user_was_not_asked_it_did_not_do(run: Run, words: str) -> None:
    check(non_root_user(recording(STOP, replace(run, scenario=Scenario.NON_ROOT))), FAIL, f"as user 10001 {words}")


def test_a_user_of_its_own_is_the_reason_to_try_no_other() -> None:
    skipped = (Skipped(Scenario.NON_ROOT, "it runs as user 1000 already"),)
    check(non_root_user(replace(recording(AS_USER), skipped=skipped)), PASS, "it runs as user 1000")
    check(non_root_user(replace(recording(), skipped=skipped)), NOT_PROVED, "it runs as user 1000 already")


def test_why_it_was_not_tried_is_said() -> None:
    of = replace(recording(), skipped=(Skipped(Scenario.READ_ONLY, "the service was never ready"),))
    check(read_only_root(of), NOT_PROVED, "the service was never ready")
