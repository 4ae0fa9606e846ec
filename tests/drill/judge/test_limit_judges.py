"""Verdicts on limits and on the time at the start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.judge.limit_judges import nofile_limit, pids_limit
from seatrial.drill.judge.timing_judges import healthcheck_timing
from seatrial.model.recording import Health, LogLine, Readiness, Run, Scenario
from seatrial.model.verdict import Ruling

from ..recordings import HEALTH, STOP, load, recording, second

FULL = (LogLine(1.5, "stderr", "Error: accept EMFILE, too many open files"),)
FORKS = (LogLine(1.5, "stderr", "RuntimeError: can't start new thread"),)


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (load(), Ruling.PASS, "one process held 20 descriptors at 40 requests a second, with a limit of 1024"),
        (load(nofile=(64, 64)), Ruling.FAIL, "a limit of 64: less than 4 times as many"),
        (load(nofile=(-1, -1)), Ruling.PASS, "with no limit"),
        (load(nofile=(0, 0)), Ruling.NOT_PROVED, "could not be counted"),
        (replace(load(), log=FULL), Ruling.FAIL, "ran out of open files"),
    ],
)
def test_open_files_need_room(run: Run, ruling: Ruling, words: str) -> None:
    verdict = nofile_limit(recording(run))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("run", "subject", "ruling", "words"),
    [
        (load(), {"pids": 128}, Ruling.PASS, "12 processes and threads at most of the 128"),
        (load(), {"pids": 15}, Ruling.FAIL, "the limit of 15 leaves too little room"),
        (load(), {"composed": True}, Ruling.FAIL, "no limit of processes is declared"),
        (load(), {"pids": -1, "composed": True}, Ruling.FAIL, "no limit of processes is declared"),
        (load(), {}, Ruling.SKIPPED, "no file here could say a limit; 12 processes"),
        (load(usage=()), {"pids": 128}, Ruling.NOT_PROVED, "could not be counted"),
        (replace(load(), log=FORKS), {"pids": 128}, Ruling.FAIL, "ran out of processes"),
    ],
)
def test_processes_need_a_limit_with_room(run: Run, subject: dict[str, Any], ruling: Ruling, words: str) -> None:
    verdict = pids_limit(recording(run, **subject))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


@pytest.mark.parametrize(
    ("line", "ruling"),
    [
        ("recv() failed (11: Resource temporarily unavailable) while reading upstream", Ruling.PASS),
        ("BlockingIOError: [Errno 11] Resource temporarily unavailable", Ruling.PASS),
        ("could not fork new process for connection: Resource temporarily unavailable", Ruling.FAIL),
        ("fork/exec /bin/true: resource temporarily unavailable", Ruling.FAIL),
        ("Error: spawn node EAGAIN", Ruling.FAIL),
        ("sh: 0: Cannot fork", Ruling.FAIL),
    ],
)
def test_what_a_socket_has_nothing_of_is_no_process_that_could_not_be_made(line: str, ruling: Ruling) -> None:
    said = replace(load(), log=(LogLine(1.5, "stderr", line),))
    assert pids_limit(recording(said, pids=128)).ruling is ruling


def healthy(seconds: float) -> Run:
    """A stop that was healthy after so many seconds."""
    return replace(STOP, readiness=Readiness(True, seconds, "health check", 60.0))


@pytest.mark.parametrize(
    ("health", "seconds", "ruling", "words"),
    [
        (HEALTH, 1.0, Ruling.PASS, "its start period is 1.00 s shorter, and its retries cover it until 30 s"),
        (Health(10.0, 2.0, 3, 5.0), 1.0, Ruling.PASS, "its start period of 5 s is 4.00 s longer"),
        (Health(1.0, 0.5, 3, 0.0), 2.0, Ruling.FAIL, "unhealthy after 3 s: no room for a slower start"),
        (Health(1.0, 5.0, 9, 0.0), 1.0, Ruling.FAIL, "its time-out (5 s) is longer than its interval (1 s)"),
        (None, 1.0, Ruling.NOT_PROVED, "no health check"),
    ],
)
def test_a_start_needs_its_time(health: Health | None, seconds: float, ruling: Ruling, words: str) -> None:
    verdict = healthcheck_timing(recording(healthy(seconds), health=health))
    assert (verdict.ruling, words in verdict.summary) == (ruling, True), verdict


def test_the_probes_of_a_workload_are_not_denied() -> None:
    of = recording(healthy(1.0), health=None, workload="Deployment api (a.yaml:4)")
    assert healthcheck_timing(of).summary.startswith(
        "it has no HEALTHCHECK, and probes of Deployment api (a.yaml:4) are not run here"
    )


def test_the_proposed_start_period_has_room() -> None:
    verdict = healthcheck_timing(recording(healthy(6.0), health=Health(1.0, 0.5, 3, 0.0)))
    assert verdict.figures["proposed_start_period"] == 15.0
    assert "start_period: 15s" in verdict.remedy


def test_starts_that_differ_tell_of_the_machine_and_not_of_the_service() -> None:
    runs = healthy(1.0), second(readiness=Readiness(True, 9.0, "health check", 60.0))
    verdict = healthcheck_timing(recording(*runs, health=Health(1.0, 0.5, 3, 2.0)))
    assert verdict.ruling is Ruling.NOT_PROVED
    assert "from 1.00 s to 9.00 s" in verdict.summary


def test_a_start_that_no_check_told_of_is_not_timed() -> None:
    assert healthcheck_timing(recording(STOP, health=HEALTH)).ruling is Ruling.NOT_PROVED
    assert healthcheck_timing(recording()).summary == f"the {Scenario.STOP.value} drill was not run"
