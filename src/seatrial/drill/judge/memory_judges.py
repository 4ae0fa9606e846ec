"""Verdicts about memory: memory-limit, survives-memory-limit."""

from __future__ import annotations

from seatrial.drill.judge import remedy
from seatrial.drill.judge.at_work import at_work, pace
from seatrial.drill.judge.view import count, memory_kills, skipped, unproved
from seatrial.model.memory import (
    LEAST_ROOM,
    MIB,
    TRIES,
    Proposal,
    measured_by,
    mib,
    peak,
    proposal,
    still_growing,
    tries,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.verdict import Ruling, Verdict

LIMIT, SURVIVES = "memory-limit", "survives-memory-limit"


def memory_limit(recording: Recording) -> Verdict:
    """Whether there is a memory limit, and it leaves room above the peak under load."""
    if any(memory_kills(run) for run in recording.runs if run.scenario in (Scenario.LOAD, Scenario.WORK)):
        return unproved(LIMIT, "it was killed for memory: its peak is not known", cause=SURVIVES)
    run = at_work(recording, LIMIT)
    if isinstance(run, Verdict):
        return run
    used, limit = peak(run), recording.subject.memory
    if not used:
        return unproved(LIMIT, run.disturbed or "the memory in use could not be read")
    wanted = proposal(recording, used)
    figures = {"peak_bytes": float(used), "limit_bytes": float(limit)}
    if wanted.limit is not None:
        figures["proposed_bytes"] = float(wanted.limit)
    evidence = (f"peak of {mib(used)} in {count(_most(run), 'process')} {pace(run)}, {measured_by(run)}",)
    advice = _advice(wanted)
    if not limit and not recording.subject.composed:
        said = recording.subject.workload
        why = f"no limit of {said} is followed here" if said else "no file here could say a limit"
        return skipped(LIMIT, f"{why}; peak under load {mib(used)}: {advice}")
    cure = remedy.MEMORY if wanted.limit is None else remedy.LIMIT.format(megabytes=wanted.limit // MIB)
    if not limit:
        summary = f"no memory limit is declared; peak under load {mib(used)}"
        return Verdict(LIMIT, Ruling.FAIL, summary, (*evidence, advice), cure, figures=figures)
    if limit < LEAST_ROOM * used:
        summary = f"the limit of {mib(limit)} is less than the peak under light load ({mib(used)}) and a fifth of it"
        return Verdict(LIMIT, Ruling.FAIL, summary, (*evidence, advice), cure, figures=figures)
    if doubt := _doubt(recording, run, wanted.least):
        return unproved(LIMIT, doubt, evidence=(*evidence, advice), cause=SURVIVES if _killed_run(recording) else "")
    summary = f"peak under load {mib(used)} of the {mib(limit)} that are allowed ({used / limit:.0%})"
    return Verdict(LIMIT, Ruling.PASS, summary, (*evidence, advice), figures=figures)


def _doubt(recording: Recording, run: Run, least: float) -> str:
    """Why a limit with room above what was seen may be too small, or ""."""
    limit = recording.subject.memory
    if grew := still_growing(recording):
        return f"{mib(peak(run))} of the {mib(limit)} that are allowed, but {grew}: its peak is not known"
    if limit >= least:
        return ""
    refuted = next(each for each in tries(recording) if each.lived is False and each.limit >= limit)
    return f"the limit of {mib(limit)} has room, but {mib(refuted.limit)} was not enough: {refuted.words}"


def _advice(wanted: Proposal) -> str:
    if wanted.limit is None:
        return f"no limit is proposed: {wanted.words}"
    return f"{mib(wanted.limit)} would leave room above the peak of this light load; {wanted.words}"


def _most(run: Run) -> int:
    return max((used.processes for used in run.usage), default=0)


def survives_memory_limit(recording: Recording) -> Verdict:
    """Whether it lives with the declared limit under load, without a kill for memory."""
    run = at_work(recording, SURVIVES)
    limit = recording.subject.memory
    killed = _killed_run(recording)
    if isinstance(run, Verdict):
        return _killed(killed) if killed is not None else run
    if not limit:
        return skipped(SURVIVES, "no memory limit is declared, so there is none to survive")
    enforced = [line for line in recording.machine.enforcement if line.startswith("memory ")]
    if not enforced or any("not enforced" in line for line in enforced):
        return unproved(SURVIVES, f"the limit is not enforced here: {enforced[0] if enforced else 'no cgroup'}")
    if killed is not None:
        return _killed(killed)
    if grew := still_growing(recording):
        return unproved(
            SURVIVES, f"no kill for memory at the limit of {mib(limit)}, but {grew}: more load may bring it"
        )
    runs = [one for one in recording.runs if one.scenario not in TRIES]
    summary = f"no kill for memory in {count(len(runs), 'run')} at the limit of {mib(limit)}"
    evidence = (enforced[0], f"peak under load {mib(peak(run))}")
    return Verdict(SURVIVES, Ruling.PASS, summary, evidence, figures={"peak_bytes": float(peak(run))})


def _killed_run(recording: Recording) -> Run | None:
    """The first run with a kill for memory, at the declared limit or with more: what happens with less, because the
    drill tried it, tells nothing of that."""
    limit = recording.subject.memory
    killed = (run for run in recording.runs if memory_kills(run))
    return next((run for run in killed if run.scenario not in TRIES or 0 < limit <= run.memory), None)


def _killed(run: Run) -> Verdict:
    at = f" at {mib(run.memory)}" if run.scenario in TRIES else ""
    summary = f"{memory_kills(run)} in the {run.scenario.value} run{at}: the kernel's, and not a SIGKILL of anybody's"
    code = run.exit.code if run.exit is not None else 0
    return Verdict(SURVIVES, Ruling.FAIL, summary, (f"exit code {code}",), remedy.MEMORY)
