"""Verdicts about memory: memory-limit, survives-memory-limit."""

from __future__ import annotations

from seatrial.drill.judge import remedy
from seatrial.drill.judge.view import count, memory_kills, ready_run, skipped, unproved
from seatrial.model.advice import LEAST_MEMORY_ROOM, MIB, mib, proposed_memory
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.verdict import Ruling, Verdict

LIMIT, SURVIVES = "memory-limit", "survives-memory-limit"


def peak(recording: Recording) -> int:
    """The most memory that was seen in use under load, in bytes; 0 if none was measured."""
    run = recording.run(Scenario.LOAD)
    return max((used.memory for used in run.usage), default=0) if run is not None else 0


def memory_limit(recording: Recording) -> Verdict:
    """Whether there is a memory limit, and it leaves room above the peak under load."""
    run = ready_run(recording, Scenario.LOAD, LIMIT)
    if isinstance(run, Verdict):
        return run
    used = peak(recording)
    if memory_kills(run):
        return unproved(LIMIT, "it was killed for memory: its peak is not known", cause=SURVIVES)
    if not used:
        return unproved(LIMIT, run.disturbed or "the memory in use could not be read")
    limit = recording.subject.memory
    figures = {"peak_bytes": float(used), "limit_bytes": float(limit), "proposed_bytes": float(proposed_memory(used))}
    evidence = (f"peak of {mib(used)} in {count(_most(run), 'process')} at {run.rate:g} requests a second",)
    advice = f"{mib(proposed_memory(used))} would be the peak of this light load and half of it again"
    if not limit and not recording.subject.composed:
        return skipped(LIMIT, f"no file here could say a limit; peak under load {mib(used)}: {advice}")
    cure = remedy.LIMIT.format(megabytes=proposed_memory(used) // MIB)
    if not limit:
        summary = f"no memory limit is declared; peak under load {mib(used)}"
        return Verdict(LIMIT, Ruling.FAIL, summary, (*evidence, advice), cure, figures=figures)
    if limit < LEAST_MEMORY_ROOM * used:
        summary = f"the limit of {mib(limit)} is less than the peak under light load ({mib(used)}) and a fifth of it"
        return Verdict(LIMIT, Ruling.FAIL, summary, (*evidence, advice), cure, figures=figures)
    summary = f"peak under load {mib(used)} of the {mib(limit)} that are allowed ({used / limit:.0%})"
    return Verdict(LIMIT, Ruling.PASS, summary, (*evidence, advice), figures=figures)


def _most(run: Run) -> int:
    return max((used.processes for used in run.usage), default=0)


def survives_memory_limit(recording: Recording) -> Verdict:
    """Whether it lives with the declared limit under load, without a kill for memory."""
    run = ready_run(recording, Scenario.LOAD, SURVIVES)
    if isinstance(run, Verdict):
        killed = next((one for one in recording.runs if memory_kills(one)), None)
        return _killed(killed) if killed is not None else run
    if not recording.subject.memory:
        return skipped(SURVIVES, "no memory limit is declared, so there is none to survive")
    enforced = [line for line in recording.machine.enforcement if line.startswith("memory ")]
    if not enforced or any("not enforced" in line for line in enforced):
        return unproved(SURVIVES, f"the limit is not enforced here: {enforced[0] if enforced else 'no cgroup'}")
    killed = next((one for one in recording.runs if memory_kills(one)), None)
    if killed is not None:
        return _killed(killed)
    used = peak(recording)
    summary = (
        f"no kill for memory in {count(len(recording.runs), 'run')} at the limit of {mib(recording.subject.memory)}"
    )
    evidence = (enforced[0], f"peak under load {mib(used)}")
    return Verdict(SURVIVES, Ruling.PASS, summary, evidence, figures={"peak_bytes": float(used)})


def _killed(run: Run) -> Verdict:
    summary = f"{memory_kills(run)} in the {run.scenario.value} run: the kernel's, and not a SIGKILL of anybody's"
    code = run.exit.code if run.exit is not None else 0
    return Verdict(SURVIVES, Ruling.FAIL, summary, (f"exit code {code}",), remedy.MEMORY)
