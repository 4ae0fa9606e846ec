"""Verdicts about a queue worker: work-finished-or-returned."""

from __future__ import annotations

from seatrial.drill.judge.view import at, describe_code, events, obstacle, seconds, unproved
from seatrial.model.recording import Event, EventKind, Recording, Scenario
from seatrial.model.verdict import Ruling, Verdict

NAME = "work-finished-or-returned"
CURE = (
    "on the signal take no new job, and finish the one in hand before the exit, or give it back; acknowledge a job "
    "after it is done and not before, and let two runs of one job do no harm"
)


def work_finished_or_returned(recording: Recording) -> Verdict:
    """Whether the job in hand at the stop signal is finished or given back, and done once."""
    run = recording.run(Scenario.WORK)
    if run is not None and run.disturbed:
        return unproved(NAME, run.disturbed)
    run_or = obstacle(recording, Scenario.WORK, NAME, calm=False)
    if isinstance(run_or, Verdict):
        return run_or
    run = run_or
    assert run.signalled is not None and run.exit is not None
    told = events(run, EventKind.WORK)
    before = [event for event in told if event.time <= run.signalled]
    after = [event for event in told if event.time > run.signalled]
    if not before or before[-1].name != "taken":
        return unproved(NAME, "the job was not in hand at the signal", evidence=_lines(told))
    if not after:
        return unproved(NAME, "nothing was told of the job after the signal", evidence=_lines(told))
    end = f"exit code {describe_code(run.exit.code)} {seconds(run.exit.time - run.signalled)} after {run.signal}"
    evidence = (*(f"{event.name} at {at(run, event.time)}" for event in told if event.name != "given"), end)
    killed = ", after SIGKILL" if run.exit.killed else ""
    last = after[-1].name
    good = {
        "done": f"the job in hand was finished{killed}",
        "waiting": f"the job in hand was given back to its queue{killed}",
    }
    bad = {
        "taken": "the job in hand is lost: its worker is gone, and it is still marked as taken",
        "twice": "the job in hand was done twice",
        "unknown": "the job in hand is lost: it is neither done nor waiting",
    }
    if last in good:
        return Verdict(NAME, Ruling.PASS, good[last], evidence)
    said = f" ({after[-1].detail})" if after[-1].detail else ""
    return Verdict(NAME, Ruling.FAIL, bad.get(last, last) + said, evidence, CURE)


def _lines(told: list[Event]) -> tuple[str, ...]:
    return tuple(f"{event.name}: {event.detail}" if event.detail else event.name for event in told)
