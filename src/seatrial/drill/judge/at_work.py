"""The run in which a service did its work and nothing was wrong: requests for a while, or a worker's job in hand."""

from __future__ import annotations

from seatrial.drill.judge.view import count, events, exchanges_of, pairs, ready_run, skipped, unproved
from seatrial.model.recording import EventKind, Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE
from seatrial.model.verdict import Verdict


def at_work(recording: Recording, requirement: str, *, calm: bool = True) -> Run | Verdict:
    """That run, or the verdict that there is none to judge by. `calm`: only if nothing disturbed the load."""
    job = recording.run(Scenario.WORK)
    if recording.run(Scenario.LOAD) is None and job is not None:
        worked = any(event.name in ("taken", "done") for event in events(job, EventKind.WORK))
        if job.readiness.ready and not worked:
            return unproved(requirement, job.disturbed or "no job was worked on")
        return ready_run(recording, Scenario.WORK, requirement)
    if not recording.does_not_apply(Scenario.LOAD):
        return _loaded(recording, requirement, calm)
    reasons = [recording.why_skipped(Scenario.LOAD)]
    if not recording.does_not_apply(Scenario.WORK):
        reasons.append(recording.why_skipped(Scenario.WORK) or "the work drill was not run")
    return skipped(requirement, "; ".join(reasons))


def _loaded(recording: Recording, requirement: str, calm: bool) -> Run | Verdict:
    """The run under load, in which it answered something."""
    run = ready_run(recording, Scenario.LOAD, requirement)
    if isinstance(run, Verdict):
        return run
    if not answered(run) or (calm and run.disturbed):
        return unproved(requirement, run.disturbed or "it answered no request under load")
    return run


def answered(run: Run) -> int:
    """How many requests it answered."""
    return sum(exchange.outcome in COMPLETE for exchange in exchanges_of(pairs(run)))


def has_job(run: Run) -> bool:
    """Whether its work was a job."""
    return run.scenario is Scenario.WORK


def pace(run: Run) -> str:
    """What it had to do: "at 40 requests a second"."""
    return "with a job in hand" if has_job(run) else f"at {run.rate:g} requests a second"


def meanwhile(run: Run) -> str:
    """What it had done: "60 requests were answered"."""
    if has_job(run):
        return "a job was worked on"
    number = answered(run)
    return f"{count(number, 'request')} {'was' if number == 1 else 'were'} answered"
