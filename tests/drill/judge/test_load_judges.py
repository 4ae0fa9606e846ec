"""What a service logs, writes and uses under load, from recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill.judge.log_judges import logs_carry_correlation, logs_structured, logs_to_stdout
from seatrial.drill.judge.memory_judges import memory_limit, survives_memory_limit
from seatrial.model.memory import proposed_memory
from seatrial.model.recording import Exit, FileGrown, LogLine, Recording, Run, Scenario, Usage
from seatrial.model.verdict import Ruling, Verdict

from ..recordings import JSON_LINE, MACHINE, MIB, all_good, at_limit, load, recording

PASS, FAIL, NOT_PROVED, SKIPPED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.SKIPPED
PLAIN = [f"GET / {number}" for number in range(20)]
LOG = FileGrown("/var/log/app.log", None, 100)
GROWING = tuple(Usage(0.15 * number, (50 + 10 * number) * MIB, 20, 1) for number in range(7))
MARKED = FileGrown("/data/requests", 10, 100, marked=True)
DATABASE = FileGrown("/data/notes.db", 10, 100)


def check(verdict: Verdict, ruling: Ruling, words: str, cause: str = "") -> None:
    assert (verdict.ruling, verdict.cause) == (ruling, cause), verdict
    assert words in verdict.summary
    assert bool(verdict.remedy) == (ruling is FAIL)
    assert verdict.evidence or ruling is not FAIL


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (load(), PASS, "no log file grew while 20 requests were answered; 20 lines by stdout and stderr"),
        (load(files=(DATABASE,)), PASS, "no log file grew"),
        (load(files=(LOG, DATABASE)), FAIL, "1 log file grew inside the container: /var/log/app.log"),
        (load(files=(MARKED,)), FAIL, "/data/requests"),
        (load([]), NOT_PROVED, "nothing was written while 20 requests were answered"),
        (load([], files=(LOG,)), FAIL, "/var/log/app.log"),
        (load(requests=0), NOT_PROVED, "it answered no request under load"),
        (load(requests=0, disturbed="it speaks no HTTP"), NOT_PROVED, "it speaks no HTTP"),
    ],
)
def test_where_the_log_goes(run: Run, ruling: Ruling, words: str) -> None:
    check(logs_to_stdout(recording(run)), ruling, words)


@pytest.mark.parametrize("name", ["app.log", "app.log.1", "logs/today", "log/today", "nohup.out"])
def test_a_log_is_known_by_its_name(name: str) -> None:
    check(logs_to_stdout(recording(load(files=(FileGrown(f"/srv/{name}", 1, 2),)))), FAIL, name)


@pytest.mark.parametrize("name", ["catalogue.db", "blog/page.html", "logo.png", "changelog"])
def test_a_name_that_only_sounds_like_a_log_is_none(name: str) -> None:
    check(logs_to_stdout(recording(load(files=(FileGrown(f"/srv/{name}", 1, 2),)))), PASS, "no log file grew")


@pytest.mark.parametrize(
    ("log", "ruling", "words", "lack"),
    [
        (None, PASS, "20 of 20 lines are JSON objects", ""),
        (["banner", *19 * [JSON_LINE % "x"]], PASS, "19 of 20 lines", "not JSON"),
        (PLAIN, FAIL, "0 of 20 lines", "not JSON"),
        (['{"level":"info","msg":"x"}'], FAIL, "0 of 1 line", "without time"),
        (['{"severity":"INFO","@timestamp":"now","event":"x"}'], PASS, "1 of 1 line", ""),
        (["[1]"], FAIL, "0 of 1 line", "not an object"),
        (["[" * 100_000], FAIL, "0 of 1 line", "not JSON"),
        ([], NOT_PROVED, "wrote nothing", ""),
    ],
)
def test_whether_lines_are_records(log: list[str] | None, ruling: Ruling, words: str, lack: str) -> None:
    verdict = logs_structured(recording(load(log)))
    check(verdict, ruling, words)
    assert lack in "".join(verdict.evidence)


@pytest.mark.parametrize(
    ("run", "ruling", "words"),
    [
        (load(), PASS, "the id of 20 of 20 answered requests is in the log"),
        (load(PLAIN), FAIL, "the id of 0 of 20 answered requests is in the log"),
        (load([]), NOT_PROVED, "wrote nothing"),
        (load(log_truncated=5), NOT_PROVED, "longer than what is kept"),
        (replace(load(PLAIN), log=(replace(load(PLAIN).log[0], time=0.4),)), NOT_PROVED, "while 20 requests were"),
    ],
)
def test_whether_the_id_of_a_request_is_logged(run: Run, ruling: Ruling, words: str) -> None:
    check(logs_carry_correlation(recording(run)), ruling, words)


def test_a_limit_that_a_workload_may_say_is_not_denied() -> None:
    verdict = memory_limit(recording(load(memory=50), workload="Deployment api (a.yaml:4)"))
    assert verdict.ruling is SKIPPED
    assert verdict.summary.startswith("no limit of Deployment api (a.yaml:4) is followed here; peak under load 50 MiB")


def test_how_much_is_logged_for_a_request_is_measured() -> None:
    figures = logs_carry_correlation(recording(load())).figures
    assert figures["lines_per_request"] == 1.0
    assert figures["bytes_per_request"] == len(JSON_LINE % ("0" * 32)) + 1


def limited(memory: int, run: Run, *, composed: bool = True, enforced: str = "memory: cgroup1") -> Recording:
    of = recording(run, memory=memory * MIB, composed=composed)
    return replace(of, machine=replace(MACHINE, enforcement=("cpus: cgroup1", f"memory {enforced}")))


KILLED = load(exit=Exit(1.5, 137, oom_kills=1))


@pytest.mark.parametrize(
    ("of", "ruling", "words", "cause"),
    [
        (limited(128, load(memory=50)), PASS, "peak under load 50 MiB of the 128 MiB that are allowed (39%)", ""),
        (limited(55, load(memory=50)), FAIL, "the limit of 55 MiB is less than", ""),
        (limited(0, load(memory=50)), FAIL, "no memory limit is declared; peak under load 50 MiB", ""),
        (limited(0, load(memory=50), composed=False), SKIPPED, "no file here could say a limit; peak", ""),
        (limited(128, load(usage=())), NOT_PROVED, "could not be read", ""),
        (
            limited(512, load(usage=GROWING)),
            NOT_PROVED,
            "of the 512 MiB that are allowed, but it was still growing",
            "",
        ),
        (limited(0, load(usage=GROWING)), FAIL, "no memory limit is declared", ""),
        (limited(128, KILLED), NOT_PROVED, "its peak is not known", "survives-memory-limit"),
        (recording(), NOT_PROVED, "the load drill was not run", ""),
    ],
)
def test_the_memory_limit_against_the_peak(of: Recording, ruling: Ruling, words: str, cause: str) -> None:
    check(memory_limit(of), ruling, words, cause)


@pytest.mark.parametrize(("peak", "limit"), [(5, 32), (50, 80), (64, 96), (65, 112)])
def test_half_of_the_peak_again_is_proposed_in_whole_steps(peak: int, limit: int) -> None:
    assert proposed_memory(peak * MIB) == limit * MIB


@pytest.mark.parametrize(
    ("of", "ruling", "words"),
    [
        (limited(128, load()), PASS, "no kill for memory in 1 run at the limit of 128 MiB"),
        (
            limited(512, load(usage=GROWING)),
            NOT_PROVED,
            "at the limit of 512 MiB, but it was still growing when the load",
        ),
        (limited(128, KILLED), FAIL, "1 out-of-memory kill in the load run"),
        (limited(0, load()), SKIPPED, "no memory limit is declared"),
        (limited(128, load(), enforced="128 MiB: not enforced (no cgroup)"), NOT_PROVED, "not enforced here"),
        (recording(), NOT_PROVED, "the load drill was not run"),
    ],
)
def test_whether_it_lives_at_its_limit(of: Recording, ruling: Ruling, words: str) -> None:
    check(survives_memory_limit(of), ruling, words)


def tried(memory: int, *runs: Run) -> Recording:
    of = recording(load(memory=50), *runs, memory=memory * MIB, composed=True)
    return replace(of, machine=replace(MACHINE, enforcement=(f"memory {memory} MiB: cgroup1",)))


REFUTED = at_limit(80, exit=Exit(1.5, 137, 9, oom_kills=1))
OUT_OF_HEAP = (LogLine(1.4, "stderr", "FATAL ERROR: Reached heap limit - JavaScript heap out of memory"),)
HEAPLESS = at_limit(80, exit=Exit(1.5, 134, 6), log=OUT_OF_HEAP)
REFUTED_AGAIN = replace(REFUTED, scenario=Scenario.MORE_MEMORY, memory=128 * MIB)


@pytest.mark.parametrize(
    ("of", "ruling", "evidence", "remedy"),
    [
        (tried(0), FAIL, "80 MiB would leave room above the peak of this light load; not run at that limit", "80m"),
        (tried(0, at_limit(80)), FAIL, "ran under load at that limit: no kill for memory, answers as before", "80m"),
        (tried(0, REFUTED), FAIL, "128 MiB would leave room", "`mem_limit: 128m`"),
        (tried(0, REFUTED, REFUTED_AGAIN), FAIL, "no limit is proposed: 80 MiB was not enough", "bound what"),
        (tried(256, REFUTED, REFUTED_AGAIN), PASS, "no limit is proposed: 80 MiB was not enough", ""),
        (tried(256, at_limit(80)), PASS, "ran under load at that limit", ""),
        (tried(64, REFUTED), NOT_PROVED, "128 MiB would leave room", ""),
    ],
)
def test_the_limit_that_is_proposed_is_said_with_what_became_of_it(
    of: Recording, ruling: Ruling, evidence: str, remedy: str
) -> None:
    verdict = memory_limit(of)
    assert verdict.ruling is ruling
    assert evidence in verdict.evidence[1]
    assert remedy in verdict.remedy
    assert ("proposed_bytes" in verdict.figures) is ("no limit" not in evidence and ruling is not NOT_PROVED)


def test_a_declared_limit_below_one_that_was_not_enough_is_not_proved() -> None:
    killed, ended = memory_limit(tried(64, REFUTED)), memory_limit(tried(64, HEAPLESS))
    assert "the limit of 64 MiB has room, but 80 MiB was not enough: 1 out-of-memory kill" in killed.summary
    assert (killed.cause, ended.ruling, ended.cause) == ("survives-memory-limit", NOT_PROVED, "")


@pytest.mark.parametrize(
    ("of", "ruling", "words"),
    [
        (tried(256, at_limit(80)), PASS, "no kill for memory in 1 run at the limit of 256 MiB"),
        (tried(256, REFUTED), PASS, "no kill for memory in 1 run"),
        (tried(0, REFUTED), SKIPPED, "no memory limit is declared"),
        (tried(64, REFUTED), FAIL, "1 out-of-memory kill in the memory run at 80 MiB: the kernel's"),
        (tried(96, REFUTED, REFUTED_AGAIN), FAIL, "in the more-memory run at 128 MiB"),
    ],
)
def test_a_kill_at_a_smaller_limit_than_the_declared_one_tells_nothing_of_that(
    of: Recording, ruling: Ruling, words: str
) -> None:
    check(survives_memory_limit(of), ruling, words)


def test_a_good_trial_passes_all_of_them() -> None:
    judges = (logs_to_stdout, logs_structured, logs_carry_correlation, memory_limit, survives_memory_limit)
    assert [judge(all_good()).ruling for judge in judges] == 5 * [PASS]
