"""Verdicts about crashes: exit-code-honest, dies-on-fatal-error, recovers-from-crash."""

from __future__ import annotations

import re
from dataclasses import replace

from seatrial.drill.judge import remedy
from seatrial.drill.judge.last_words import last_words
from seatrial.drill.judge.launch import describe
from seatrial.drill.judge.view import describe_code, events, first_process, ready_run, seconds, unproved
from seatrial.engine.contract.restarting import Finished, Manager, Policy, Word, parse
from seatrial.model.recording import Event, EventKind, ProcessSeen, Recording, Run, Scenario
from seatrial.model.verdict import Ruling, Verdict

IN_USE = re.compile(r"EADDRINUSE|address (is )?already in use", re.IGNORECASE)
HONEST, DIES, RECOVERS = "exit-code-honest", "dies-on-fatal-error", "recovers-from-crash"
MESSAGE = "raised by a drill, and caught by nobody"
"""What the raised error says."""
RAISED = {
    Scenario.EXCEPTION: "an exception that nobody catches",
    Scenario.REJECTION: "a rejected promise that nobody handles",
}


def _calm(recording: Recording, scenario: Scenario, name: str) -> Run | Verdict:
    """The run of an act that did what it should, or the verdict that nothing can be judged by it."""
    run = ready_run(recording, scenario, name)
    if isinstance(run, Run) and run.disturbed:
        return unproved(name, f"the {scenario.value} drill did not come to its end: {run.disturbed}")
    return run


def _killed(run: Run, what: str) -> Event | None:
    return next((event for event in events(run, EventKind.KILLED) if event.name == what), None)


def _seen(run: Run, pid: int) -> ProcessSeen | None:
    return next((process for process in run.processes if process.pid == pid), None)


def _successor(run: Run, killed: Event) -> ProcessSeen | None:
    """The process that came in the place of the killed one: of the same parent and the same program."""
    before = _seen(run, killed.pid)
    return next(
        (
            process
            for process in run.processes
            if before is not None
            and process.first_seen > killed.time
            and process.parent == before.parent
            and process.argv[:1] == before.argv[:1]
        ),
        None,
    )


def _errors(recording: Recording, name: str) -> list[tuple[Run, Event]]:
    """The runs in which an error was raised, each with the event."""
    runs = [_calm(recording, scenario, name) for scenario in RAISED]
    return [(run, found[0]) for run in runs if isinstance(run, Run) and (found := events(run, EventKind.RAISED))]


# --- exit-code-honest ---


def exit_code_honest(recording: Recording) -> Verdict:
    """Whether a crash is told from a clean end by the exit code that an engine gets."""
    crash = _calm(recording, Scenario.CRASH, HONEST)
    raised = [(RAISED[run.scenario], run) for run, _ in _errors(recording, HONEST) if run.exit is not None]
    killed = _killed(crash, "program") if isinstance(crash, Run) else None
    ends = [("SIGKILL to the program", crash), *raised] if isinstance(crash, Run) and killed else raised
    told = [(what, run) for what, run in ends if run.exit is not None]
    evidence = tuple(f"{what}: exit code {describe_code(run.exit.code)}" for what, run in told if run.exit)
    lies = [what for what, run in told if run.exit is not None and run.exit.code == 0]
    if lies:
        summary = f"exit code 0 after {' and after '.join(lies)}: an engine takes that for a clean end"
        return Verdict(HONEST, Ruling.FAIL, summary, evidence, remedy.HONEST)
    if isinstance(crash, Run) and killed and crash.exit is None:
        return _lives_on(crash, killed, evidence)
    if not told:
        return crash if isinstance(crash, Verdict) else unproved(HONEST, "no program was seen that could be killed")
    if not raised and killed is not None and killed.pid == 1:
        why = recording.why_skipped(Scenario.EXCEPTION) or "no error of its own ended it"
        summary = f"exit code 137 after SIGKILL to PID 1 is the kernel's word; {why}"
        return unproved(HONEST, summary, evidence=evidence)
    more = "" if _errors(recording, HONEST) else "; an error of its own could not be raised in this program"
    summary = "; ".join(f"exit code {run.exit.code} after {what}" for what, run in told if run.exit) + more
    return Verdict(HONEST, Ruling.PASS, summary, evidence)


def _lives_on(run: Run, killed: Event, evidence: tuple[str, ...]) -> Verdict:
    """PID 1 did not end with the program: it started it again, or it hides the crash from the engine."""
    who = describe(first_process(run))
    if _successor(run, killed) is not None:
        return unproved(
            HONEST, f"{who} started the program again itself: there was no exit to judge", evidence=evidence
        )
    summary = f"the program ({killed.detail}) was killed, and {who} runs on without it: no engine sees the crash"
    return Verdict(HONEST, Ruling.FAIL, summary, (f"SIGKILL to PID {killed.pid}", *evidence), remedy.HONEST)


# --- dies-on-fatal-error ---


def dies_on_fatal_error(recording: Recording) -> Verdict:
    """Whether an error that nobody catches is logged and ends the program."""
    raised = _errors(recording, DIES)
    if not raised:
        reasons = [_calm(recording, scenario, DIES) for scenario in RAISED]
        reason = next((one for one in reasons if isinstance(one, Verdict)), None)
        return reason or unproved(DIES, "no error was raised")
    evidence = tuple(_what_came(run, event) for run, event in raised)
    alive = [RAISED[run.scenario] for run, _ in raised if run.exit is None]
    if alive:
        summary = f"it runs on after {' and after '.join(alive)}, in a state that nobody knows"
        return Verdict(DIES, Ruling.FAIL, summary, evidence, remedy.FATAL)
    clean = [RAISED[run.scenario] for run, _ in raised if run.exit is not None and run.exit.code == 0]
    if clean:
        summary = f"it ends with 0 after {' and after '.join(clean)}"
        return Verdict(DIES, Ruling.FAIL, summary, evidence, remedy.FATAL, cause=HONEST)
    silent = [RAISED[run.scenario] for run, event in raised if not _line_after(run, event)]
    if silent:
        summary = f"it ends without a word after {' and after '.join(silent)}"
        return Verdict(DIES, Ruling.FAIL, summary, evidence, remedy.FATAL)
    took = max(run.exit.time - event.time for run, event in raised if run.exit is not None)
    what = " and ".join(RAISED[run.scenario] for run, _ in raised)
    summary = f"{what}: logged, and ended with an error within {seconds(took)}"
    return Verdict(DIES, Ruling.PASS, summary, evidence, figures={"fatal_seconds": round(took, 6)})


def _line_after(run: Run, event: Event) -> str:
    """The line that was written about the error, else the first one after it."""
    later = [line.text.strip() for line in run.log if line.time >= event.time and line.text.strip()]
    return next((text for text in later if MESSAGE in text), later[0] if later else "")


def _what_came(run: Run, event: Event) -> str:
    end = f"exit code {describe_code(run.exit.code)}" if run.exit is not None else "still running"
    said = _line_after(run, event)
    return f"{RAISED[run.scenario]}: {end}" + (f"; it wrote: {said[:120]}" if said else "; it wrote nothing")


# --- recovers-from-crash ---


def recovers_from_crash(recording: Recording) -> Verdict:
    """Whether the service is ready again after SIGKILL, if somebody starts it again by its policy."""
    run = _calm(recording, Scenario.RECOVERY, RECOVERS)
    if isinstance(run, Verdict):
        return run
    killed = _killed(run, "program")
    if killed is None:
        return unproved(RECOVERS, "no program was seen that could be killed")
    lost = _lost_worker(recording)
    if lost:
        return Verdict(RECOVERS, Ruling.FAIL, lost, (lost,), remedy.REPLACE)
    back = next((event for event in events(run, EventKind.READY) if event.time > killed.time), None)
    if back is None:
        return _stays_down(run, killed)
    return _by_policy(recording, run, back.time - killed.time)


def _lost_worker(recording: Recording) -> str:
    """In words, a worker that was killed and not replaced; "" if there was none, or the service ended with it."""
    crash = recording.run(Scenario.CRASH)
    killed = _killed(crash, "worker") if crash is not None else None
    if crash is None or killed is None or crash.disturbed or _killed(crash, "program") is None:
        return ""
    if _successor(crash, killed) is not None:
        return ""
    return f"a worker (PID {killed.pid}, {killed.detail[:60]}) was killed and not replaced while the others ran on"


def _stays_down(run: Run, killed: Event) -> Verdict:
    later = [line.text for line in run.log if line.time >= killed.time]
    if any(IN_USE.search(line) for line in later):
        reason = "started again at once, its port was still in use here, where an engine gives it a new network"
        return unproved(RECOVERS, reason, evidence=last_words(run))
    listens = any(event.time > killed.time for event in events(run, EventKind.LISTENING))
    ended = "it listens, and answers with errors or not at all" if listens else "it was not ready in time"
    ended = f"it ended with {describe_code(run.exit.code)}" if run.exit is not None else ended
    summary = f"started again after SIGKILL on the files that it left behind, {ended}"
    evidence = (f"SIGKILL to PID {killed.pid} ({killed.detail[:60]})", *last_words(run))
    return Verdict(RECOVERS, Ruling.FAIL, summary, evidence, remedy.STALE)


def _by_policy(recording: Recording, run: Run, took: float) -> Verdict:
    crash = recording.run(Scenario.CRASH)
    code = crash.exit.code if crash is not None and crash.exit is not None else 137
    start = run.readiness.time or 0.0
    figures = {"recovery_seconds": round(took, 6), "start_seconds": round(start, 6)}
    again = f"ready again {seconds(took)} after SIGKILL"
    evidence = [f"first start: ready after {seconds(start)}; after SIGKILL, with a wait of 0.1 s: {seconds(took)}"]
    evidence += _worker_line(crash)
    policy = _policy(recording)
    if policy is None:  # it was the drill that started it again, and an engine that was told nothing does not
        reason = f"{again}, started again by the drill: no file here says a restart policy, and without one nobody does"
        if said := recording.subject.workload:
            reason = f"{again}, started again by the drill; in Kubernetes the policy of {said} says whether it is"
        return replace(unproved(RECOVERS, reason, evidence=tuple(evidence)), figures=figures)
    _, decision = Manager(policy).after(Finished(code, start), 0.0)
    evidence.append(decision.why)
    if not decision.again:
        summary = f"nobody starts it again: {decision.why}"
        cause = HONEST if policy.word is Word.ON_FAILURE else ""
        return Verdict(RECOVERS, Ruling.FAIL, summary, tuple(evidence), remedy.RESTART, cause, figures)
    return Verdict(RECOVERS, Ruling.PASS, f"{again}; restart policy {policy}", tuple(evidence), figures=figures)


def _worker_line(crash: Run | None) -> list[str]:
    killed = _killed(crash, "worker") if crash is not None else None
    if crash is None or killed is None:
        return []
    successor = _successor(crash, killed)
    if successor is None:
        return [f"a killed worker (PID {killed.pid}) took the whole service with it"]
    return [f"a killed worker (PID {killed.pid}) was replaced within {seconds(successor.first_seen - killed.time)}"]


def _policy(recording: Recording) -> Policy | None:
    """The restart policy by the contract; None where no file could have said one."""
    subject = recording.subject
    if not subject.restart and not subject.composed:
        return None
    try:
        return parse(subject.restart)
    except ValueError:
        return None
