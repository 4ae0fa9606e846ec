"""What a service does with fewer rights, from recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.confined_judges import non_root_user, read_only_root
from seatrial.model.recording import Exit, FileGrown, Readiness, Recording, Run, Scenario, Skipped
from seatrial.model.traffic import Outcome
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import PID_ONE, STOP, confined, load, new, recording

PASS, FAIL, NOT_PROVED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED
AS_USER = replace(STOP, processes=(replace(PID_ONE, user=1000),))
NON_ROOT, READ_ONLY = confined(Scenario.NON_ROOT), confined(Scenario.READ_ONLY)
NOT_READY = Readiness(False, None, limit=10.0)
EROFS = "Error: EROFS: read-only file system, open '/var/lib/x'"
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
        ((STOP, replace(NON_ROOT, readiness=NOT_READY, connections=())), FAIL, "it was not ready in time"),
        ((NON_ROOT,), NOT_PROVED, "no process of a ready service was seen"),
    ],
)
def test_the_user(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(non_root_user(recording(*runs)), ruling, words)


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
        ((STOP, replace(READ_ONLY, disturbed="the load generator failed")), NOT_PROVED, "the load generator failed"),
        ((STOP,), NOT_PROVED, "the read-only drill was not run"),
    ],
)
def test_a_read_only_root(runs: tuple[Run, ...], ruling: Ruling, words: str) -> None:
    check(read_only_root(recording(*runs, kept_paths=("/data",))), ruling, words)


@pytest.mark.parametrize(
    ("of", "ruling"), [(recording(STOP, read_only=True), PASS), (recording(read_only=True), NOT_PROVED)]
)
def test_what_the_files_say_already_is_proved_by_any_run(of: Recording, ruling: Ruling) -> None:
    assert read_only_root(of).ruling is ruling


def test_a_user_of_its_own_is_the_reason_to_try_no_other() -> None:
    skipped = (Skipped(Scenario.NON_ROOT, "it runs as user 1000 already"),)
    check(non_root_user(replace(recording(AS_USER), skipped=skipped)), PASS, "it runs as user 1000")
    check(non_root_user(replace(recording(), skipped=skipped)), NOT_PROVED, "it runs as user 1000 already")


def test_why_it_was_not_tried_is_said() -> None:
    of = replace(recording(), skipped=(Skipped(Scenario.READ_ONLY, "the service was never ready"),))
    check(read_only_root(of), NOT_PROVED, "the service was never ready")
