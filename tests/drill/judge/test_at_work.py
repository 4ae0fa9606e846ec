"""A queue worker takes no requests: what it logs and takes is measured while it has a job in hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.drill.judge import judge
from seatrial.drill.scenarios import MEASURED_AT_WORK
from seatrial.model.recording import FileGrown, LogLine, Recording, Run, Scenario, Skipped, Usage
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import JSON_LINE, MIB, load, recording, work

NO_HTTP = Skipped(Scenario.LOAD, "it speaks no HTTP", wanted=False)
NO_JOB = Skipped(Scenario.WORK, "--job COMMAND gives one")
LIMITS: dict[str, Any] = {"composed": True, "memory": 128 * MIB, "pids": 128}


def job(**changes: Any) -> Run:
    """A job was worked on from 1.0 on; 40 MiB, 12 descriptors in one process, 6 processes and threads."""
    values: dict[str, Any] = {
        "usage": (Usage(1.0, 20 * MIB, 10, 1, 5, 10), Usage(1.2, 40 * MIB, 12, 2, 6, 12)),
        "nofile": (1024, 4096),
        "log": (LogLine(0.5, "stdout", JSON_LINE % "a"), LogLine(1.5, "stdout", JSON_LINE % "bcd")),
        "connections": (),
    }
    return work("done", **{**values, **changes})


def told(*runs: Run, skipped: tuple[Skipped, ...] = (NO_HTTP,), **subject: Any) -> dict[str, Verdict]:
    of: Recording = replace(recording(*runs, **{**LIMITS, **subject}), skipped=skipped)
    of = replace(of, machine=replace(of.machine, enforcement=("memory 128 MiB: cgroup1",)))
    return {verdict.requirement: verdict for verdict in judge(of)}


def test_everything_is_measured_with_a_job_in_hand() -> None:
    verdicts = told(job())
    assert {name for name in MEASURED_AT_WORK if verdicts[name].ruling is Ruling.PASS} == MEASURED_AT_WORK
    assert verdicts["memory-limit"].figures["peak_bytes"] == 40 * MIB
    measured = "peak of 40 MiB in 2 processes with a job in hand, by the sum of its processes, shared pages once"
    assert verdicts["memory-limit"].evidence[0] == measured
    held = "one process held 12 descriptors with a job in hand, with a limit of 1024"
    assert verdicts["nofile-limit"].summary == held
    assert verdicts["pids-limit"].evidence == ("counted while a job was worked on; a pids limit counts both",)
    assert verdicts["logs-to-stdout"].summary.startswith("no log file grew while a job was worked on; 2 lines by")
    assert verdicts["logs-to-stdout"].evidence[-1] == f"1.0 lines and {len(JSON_LINE % 'bcd') + 1} bytes a job"


@pytest.mark.parametrize(
    ("changes", "subject", "failed"),
    [
        ({}, {"memory": 41 * MIB}, "memory-limit"),
        ({"nofile": (40, 40)}, {}, "nofile-limit"),
        ({}, {"pids": 7}, "pids-limit"),
        ({"log": (LogLine(1.5, "stdout", "done"),)}, {}, "logs-structured"),
        ({"files": (FileGrown("/var/log/worker.log", 5, 90),)}, {}, "logs-to-stdout"),
    ],
)
def test_a_worker_is_held_to_the_same(changes: dict[str, Any], subject: dict[str, Any], failed: str) -> None:
    verdicts = told(job(**changes), **subject)
    assert [name for name in sorted(MEASURED_AT_WORK) if verdicts[name].ruling is Ruling.FAIL] == [failed]


def test_no_request_id_is_asked_of_a_job() -> None:
    verdict = told(job())["logs-carry-correlation"]
    assert (verdict.ruling, verdict.summary.startswith("it takes jobs")) == (Ruling.SKIPPED, True)


def test_without_a_job_it_is_said_what_is_missing() -> None:
    verdicts = told(skipped=(NO_HTTP, NO_JOB))
    assert {verdicts[name].ruling for name in MEASURED_AT_WORK} == {Ruling.SKIPPED}
    assert {verdicts[name].summary for name in MEASURED_AT_WORK} == {"it speaks no HTTP; --job COMMAND gives one"}
    no_worker = told(skipped=(NO_HTTP, replace(NO_JOB, wanted=False)))
    assert {no_worker[name].summary for name in MEASURED_AT_WORK} == {"it speaks no HTTP"}


def test_a_job_that_was_never_in_hand_proves_nothing() -> None:
    verdicts = told(replace(job(disturbed="--job ended with 2"), events=work(before=("given",)).events))
    assert {verdicts[name].ruling for name in MEASURED_AT_WORK} == {Ruling.NOT_PROVED}
    assert {verdicts[name].summary for name in MEASURED_AT_WORK} == {"--job ended with 2"}


def test_a_job_that_was_done_before_the_stop_was_worked_on() -> None:
    verdicts = told(replace(job(disturbed="not seen in hand"), events=work(before=("given", "done")).events))
    assert {verdicts[name].ruling for name in MEASURED_AT_WORK} == {Ruling.PASS}
    assert verdicts["work-finished-or-returned"].ruling is Ruling.NOT_PROVED


@pytest.mark.parametrize(
    ("run", "summary"),
    [
        (load(requests=0, disturbed="the load generator failed: it ended"), "the load generator failed: it ended"),
        (load(requests=0), "it answered no request under load"),
    ],
)
def test_without_one_answer_nothing_was_measured(run: Run, summary: str) -> None:
    verdicts = told(run, skipped=())
    assert {verdicts[name].ruling for name in MEASURED_AT_WORK} == {Ruling.NOT_PROVED}
    assert {verdicts[name].summary for name in MEASURED_AT_WORK} == {summary}


def test_what_a_late_load_used_is_not_what_it_uses() -> None:
    verdicts = told(load(disturbed="the load generator was 0.90 s late"), skipped=())
    used = {"memory-limit", "survives-memory-limit", "nofile-limit", "pids-limit"}
    assert {name for name in MEASURED_AT_WORK if verdicts[name].ruling is Ruling.NOT_PROVED} == used


def test_requests_count_where_it_takes_some() -> None:
    assert "requests a second" in told(job(), load(), skipped=())["nofile-limit"].summary
