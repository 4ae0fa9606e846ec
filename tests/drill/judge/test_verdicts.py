"""All verdicts on one recording: each is there once, survives being saved, and has a cause that is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.drill import archive
from seatrial.drill.judge import JUDGES, judge
from seatrial.model.recording import Exit, Recording

from ..recordings import END, SIGNAL, STOP, all_good, changed, news, recording
from . import (
    test_announcing,
    test_exit_judges,
    test_late_judges,
    test_lost_answers,
    test_process_judges,
    test_reaction,
    test_signal_judges,
    test_traffic_judges,
)
from .cases import FAIL, PASS, O, found

CASES = tuple(
    case
    for module in (
        test_signal_judges,
        test_exit_judges,
        test_traffic_judges,
        test_announcing,
        test_late_judges,
        test_process_judges,
        test_lost_answers,
        test_reaction,
    )
    for case in module.CASES
)


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


@pytest.mark.parametrize(("code", "words"), [(137, "raise the memory limit"), (0, "close the listening socket first")])
def test_more_memory_is_the_remedy_only_where_pid_1_was_killed_for_it(code: int, words: str) -> None:
    lost = changed(plus=news(O.NOT_SERVED, SIGNAL, END), exit=Exit(END, code, oom_kills=1))
    told = recording(replace(lost, processes=()), argv=("./api",))
    verdict = found(told, "refuses-late-connections")
    assert words in verdict.remedy
    assert "1 out-of-memory kill while it ran" in verdict.evidence
    assert "1 out-of-memory kill while it ran" in found(told, "exit-code-clean").evidence


def test_a_strange_signal_name_in_a_file_breaks_nothing() -> None:
    assert len(judge(recording(replace(STOP, signal="SIGNOTHING")))) == len(JUDGES)
