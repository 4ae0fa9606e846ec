"""Verdicts about limits that a service may run into: nofile-limit, pids-limit.

The drill's load is light. So it is not asked whether the limit was reached, but whether it leaves room: for what is
held open by connections many times over, for threads and processes a few times.
"""

from __future__ import annotations

import re

from seatrial.drill.judge.at_work import at_work, meanwhile, pace
from seatrial.drill.judge.view import skipped, unproved
from seatrial.model.recording import Recording, Scenario
from seatrial.model.verdict import Ruling, Verdict

FILES, PIDS = "nofile-limit", "pids-limit"
FILES_ROOM = 4
"""A process that holds more than a quarter of its limit under light load has too little room for a real one."""
PIDS_ROOM = 1.5
ENOUGH = 65_536
LEAST_PIDS = 64
_EMFILE = re.compile(r"EMFILE|too many open files", re.IGNORECASE)
_EAGAIN = re.compile(
    r"can't start new thread|pthread_create|fork: retry|cannot fork|unable to create (?:new )?native thread"
    r"|\bspawn\b.{0,80}\bEAGAIN\b"
    r"|\b(?:forks?|clone|spawn|threads?|new process)\b.{0,80}resource temporarily unavailable",
    re.IGNORECASE,
)
"""Not what sockets say, which have the same code: nothing there at the moment."""


def _said(recording: Recording, words: re.Pattern[str]) -> tuple[str, ...]:
    """The lines of its log at work that complain of the limit: they prove as much where no request was answered."""
    runs = (recording.run(scenario) for scenario in (Scenario.LOAD, Scenario.WORK))
    lines = (line.text for run in runs if run is not None for line in run.log)
    return tuple(text.strip()[:160] for text in lines if words.search(text))[:3]


def nofile_limit(recording: Recording) -> Verdict:
    """Whether the limit of open files leaves room above what one process held open under load."""
    cure = f"write `ulimits: {{nofile: {ENOUGH}}}`, and let the program raise its soft limit where it can"
    if complaints := _said(recording, _EMFILE):
        return Verdict(FILES, Ruling.FAIL, "it ran out of open files under light load", complaints, cure)
    run = at_work(recording, FILES)
    if isinstance(run, Verdict):
        return run
    most, soft = max((used.most_descriptors for used in run.usage), default=0), run.nofile[0]
    if not most or not soft:
        return unproved(FILES, run.disturbed or "its open files could not be counted")
    figures = {"peak_descriptors": float(most), "soft_limit": float(soft), "hard_limit": float(run.nofile[1])}
    limit = "no limit" if soft < 0 else f"a limit of {soft}"
    held = f"one process held {most} descriptors {pace(run)}"
    declared = "" if recording.subject.nofile else "; its files say none, so another engine may give another"
    evidence = (f"the program's limits, soft and hard: {run.nofile[0]} and {run.nofile[1]}{declared}",)
    if 0 < soft < FILES_ROOM * most:
        summary = f"{held}, and has {limit}: less than {FILES_ROOM} times as many"
        return Verdict(FILES, Ruling.FAIL, summary, evidence, cure, figures=figures)
    return Verdict(FILES, Ruling.PASS, f"{held}, with {limit}", evidence, figures=figures)


def pids_limit(recording: Recording) -> Verdict:
    """Whether there is a limit of processes and threads, and it leaves room above the peak under load."""
    measured = recording.run(Scenario.LOAD) or recording.run(Scenario.WORK)
    most = max((used.tasks for used in measured.usage), default=0) if measured is not None else 0
    wanted, limit = max(LEAST_PIDS, 1 << (2 * most - 1).bit_length()) if most else 0, recording.subject.pids
    cure = f"write `pids_limit: {wanted or LEAST_PIDS}`"
    if complaints := _said(recording, _EAGAIN):
        return Verdict(PIDS, Ruling.FAIL, "it ran out of processes or threads under light load", complaints, cure)
    run = at_work(recording, PIDS)
    if isinstance(run, Verdict):
        return run
    if not most:
        return unproved(PIDS, run.disturbed or "its threads could not be counted")
    figures = {"peak_pids": float(most), "limit": float(limit), "proposed": float(wanted)}
    peak = f"{most} processes and threads at most"
    evidence = (f"counted while {meanwhile(run)}; a pids limit counts both",)
    if limit == 0 and not recording.subject.composed:
        return skipped(PIDS, f"no file here could say a limit; {peak}", evidence=evidence)
    if limit <= 0:
        summary = f"no limit of processes is declared; {peak} under load"
        return Verdict(PIDS, Ruling.FAIL, summary, evidence, cure, figures=figures)
    if limit < PIDS_ROOM * most:
        summary = f"{peak} under light load: the limit of {limit} leaves too little room"
        return Verdict(PIDS, Ruling.FAIL, summary, evidence, cure, figures=figures)
    summary = f"{peak} of the {limit} that are allowed"
    return Verdict(PIDS, Ruling.PASS, summary, evidence, figures=figures)
