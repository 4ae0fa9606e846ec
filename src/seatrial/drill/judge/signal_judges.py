"""Verdicts about hearing the signal: handles-sigterm, handles-sigint, second-signal-safe, and the launchers' own."""

from __future__ import annotations

from dataclasses import replace

from seatrial.drill.judge import remedy
from seatrial.drill.judge.launch import INITS, Launcher, base, declared, describe, in_the_way, main_process
from seatrial.drill.judge.reaction import Reaction, launcher_cause, reaction, root_cause
from seatrial.drill.judge.view import (
    at,
    closing,
    count,
    crashed_before,
    describe_code,
    exchanges_of,
    held,
    in_flight,
    is_crossing,
    is_failure,
    memory_kills,
    obstacle,
    outcomes,
    seconds,
    signal_of,
    stop_seconds,
    unproved,
    was_killed,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import Exchange
from seatrial.model.verdict import Ruling, Verdict

INTERRUPTED = 130


def handles_sigterm(recording: Recording) -> Verdict:
    """Whether the service ends because of its stop signal, by itself, and not by the signal's default action."""
    name = "handles-sigterm"
    run = obstacle(recording, Scenario.STOP, name, calm=False)
    if isinstance(run, Verdict):
        return run
    how = reaction(recording, run)
    if how is None:
        return _no_reaction(name, run)
    return _signal_verdict(name, recording, run, how)


def _no_reaction(name: str, run: Run) -> Verdict:
    """Nothing can be told: SIGKILL came at once, or from somebody else."""
    if was_killed(run):
        reason = f"the grace period of {run.grace:g} s left no time to react to {run.signal}"
        return unproved(name, reason, cause="stops-in-time")
    memory = memory_kills(run) or "not for memory"
    return unproved(name, f"the service was killed by a SIGKILL that the drill did not send ({memory})")


def _signal_verdict(name: str, recording: Recording, run: Run, how: Reaction) -> Verdict:
    passed = how in (Reaction.HANDLED, Reaction.UNFINISHED)
    took = stop_seconds(run) or 0.0
    return Verdict(
        name,
        Ruling.PASS if passed else Ruling.FAIL,
        _summary(run, how),
        evidence=_evidence(run),
        remedy="" if passed else _remedy(recording, run),
        cause="" if passed else launcher_cause(recording, run),
        figures={"stop_seconds": round(took, 6)},
    )


def _summary(run: Run, how: Reaction) -> str:
    assert run.exit is not None
    took, code, main = seconds(stop_seconds(run) or 0.0), describe_code(run.exit.code), describe(main_process(run))
    cut = len([e for e in exchanges_of(in_flight(run)) if is_failure(run, e)])
    if how is Reaction.HANDLED:
        return f"exited by itself {took} after {run.signal}, with {code}"
    if how is Reaction.UNFINISHED:
        moment = closing(run)
        did = f"closed its listener at {at(run, moment)}" if moment is not None else "began to drain"
        return f"reacted to {run.signal} ({did}), and was not done after {run.grace:g} s"
    if how is Reaction.IGNORED:
        if not was_killed(run):
            return f"{main} can't have heard {run.signal}: it ended by itself {took} after it, with {code}"
        return f"{main} ignored {run.signal} and ran on for {seconds(run.grace)}, until SIGKILL"
    if how is Reaction.NOT_PASSED_ON:
        return f"{main} did not bring {run.signal} to the program: all ended {took} after it, with {code}, {_cut(cut)}"
    return f"the default action of {run.signal} killed it after {took} ({code}), {_cut(cut)}"


def _cut(number: int) -> str:
    return f"{count(number, 'request')} in flight cut" if number else "without a drain"


def _evidence(run: Run) -> tuple[str, ...]:
    assert run.exit is not None
    number = signal_of(run)
    lines = [f"exit at {at(run, run.exit.time)} with {describe_code(run.exit.code)}"]
    lines[0] += ", by the drill's SIGKILL" if run.exit.killed else ""
    main = main_process(run)
    for process in [p for p in run.processes if p.pid == 1] + ([main] if main and main.pid != 1 else []):
        has = "has a handler" if number in process.handles else "has no handler"
        ignores = ", it is set to be ignored" if number in process.ignores else ""
        lines.append(f"{describe(process)} {has} for {run.signal}{ignores}")
    open_ones = exchanges_of(in_flight(run))
    if open_ones:
        lines.append(f"{count(len(open_ones), 'request')} in flight at the signal: {outcomes(open_ones)}")
    return tuple(lines)


def _remedy(recording: Recording, run: Run) -> str:
    return remedy.for_launcher(recording, run) or remedy.of(remedy.HANDLER, recording, run)


def handles_sigint(recording: Recording) -> Verdict:
    """Whether SIGINT (Ctrl-C on `docker run -it`) stops the service as cleanly as its stop signal."""
    name = "handles-sigint"
    run = obstacle(recording, Scenario.INTERRUPT, name, calm=False)
    if isinstance(run, Verdict):
        return run
    how = reaction(recording, run)
    if how is None:
        return _no_reaction(name, run)
    if how is not Reaction.HANDLED:
        verdict = _signal_verdict(name, recording, run, how)
        if how is Reaction.UNFINISHED:
            summary, cure = verdict.summary, remedy.of(remedy.CLOSE_IN_TIME, recording, run)
            return Verdict(name, Ruling.FAIL, summary, verdict.evidence, cure, _stop_cause(recording), verdict.figures)
        return replace(verdict, remedy=_AS_STOP) if _hears_stop(recording) else verdict
    return _as_clean(name, recording, run)


_AS_STOP = "handle SIGINT as the stop signal: the same function for both"


def _hears_stop(recording: Recording) -> bool:
    run = recording.run(Scenario.STOP)
    return run is not None and reaction(recording, run) in (Reaction.HANDLED, Reaction.UNFINISHED)


def _stop_cause(recording: Recording) -> str:
    run = recording.run(Scenario.STOP)
    return "stops-in-time" if run is not None and was_killed(run) else ""


def _as_clean(name: str, recording: Recording, run: Run) -> Verdict:
    assert run.exit is not None
    lost = _lost(run)
    accepted = {0, INTERRUPTED, *recording.subject.accepted_codes}
    wrong = run.exit.code not in accepted
    stop = recording.run(Scenario.STOP)
    as_bad = stop is not None and (
        (lost and bool(_lost(stop))) or (wrong and stop.exit is not None and stop.exit.code == run.exit.code)
    )
    figures = {"stop_seconds": round(stop_seconds(run) or 0.0, 6), "lost": float(len(lost))}
    verdict = _signal_verdict(name, recording, run, Reaction.HANDLED)
    if not lost and not wrong:
        return Verdict(name, Ruling.PASS, verdict.summary, verdict.evidence, figures=figures)
    summary = f"{verdict.summary}; {_cut(len(lost))}" if lost else f"{verdict.summary}, which is neither 0 nor 130"
    cause = ("in-flight-finish" if lost else "exit-code-clean") if as_bad else ""
    return Verdict(name, Ruling.FAIL, summary, verdict.evidence, _AS_STOP, cause, figures)


def _lost(run: Run) -> list[Exchange]:
    """What was in flight at the (first) signal and did not finish; a crossing or a whole answer is none."""
    return [e for e in exchanges_of(in_flight(run)) if is_failure(run, e) and not is_crossing(run, e) and e.sent]


def second_signal_safe(recording: Recording) -> Verdict:
    """Whether a second stop signal during the drain neither cuts it short nor makes it hang."""
    name = "second-signal-safe"
    run = obstacle(recording, Scenario.SECOND_SIGNAL, name, calm=False)
    if isinstance(run, Verdict):
        return run
    if cause := root_cause(recording):
        return unproved(name, f"nothing can be said of a second {run.signal}: the first is not handled", cause=cause)
    assert run.exit is not None and run.signalled is not None
    if run.second_signalled is None or run.second_signalled >= run.exit.time:
        took = seconds(stop_seconds(run) or 0.0)
        return unproved(name, f"the service had ended {took} after the first {run.signal}, before the second")
    return _second(name, recording, run, run.second_signalled)


def _second(name: str, recording: Recording, run: Run, second: float) -> Verdict:
    assert run.exit is not None
    open_ones = [e for e in exchanges_of([*in_flight(run), *held(run)]) if e.ended is None or e.ended > second]
    lost = [e for e in open_ones if is_failure(run, e) and not is_crossing(run, e)]
    took = seconds(run.exit.time - second)
    evidence = (
        f"{run.signal} at +0 s, again at {at(run, second)}; exit at {at(run, run.exit.time)} "
        f"with {describe_code(run.exit.code)}",
        f"{count(len(open_ones), 'request')} in flight at the second signal: {outcomes(open_ones)}",
    )
    figures = {"open": float(len(open_ones)), "lost": float(len(lost)), "seconds_after_second": run.exit.time - second}
    cure = "let the handler act once: set a flag at the first signal, and do nothing at the second"
    stop = recording.run(Scenario.STOP)
    if run.exit.killed:
        cause = _stop_cause(recording)
        return Verdict(name, Ruling.FAIL, f"hung after a second {run.signal}", evidence, cure, cause, figures)
    if lost:
        cause = "in-flight-finish" if stop is not None and _lost(stop) else ""
        summary = f"a second {run.signal} cut {count(len(lost), 'request')} in flight, {took} after it"
        return Verdict(name, Ruling.FAIL, summary, evidence, cure, cause, figures)
    summary = f"a second {run.signal} {seconds(second - (run.signalled or 0.0))} after the first changed nothing: "
    if not open_ones:
        return unproved(name, f"no request was in flight when the second {run.signal} came", evidence=evidence)
    return Verdict(name, Ruling.PASS, summary + f"{outcomes(open_ones)}", evidence, figures=figures)


def launched(recording: Recording) -> Verdict | None:
    """The verdict on a shell, a script or a package manager as the main process, where the command names one."""
    launcher = declared(recording.subject)
    run = recording.run(Scenario.STOP)
    if launcher not in (Launcher.SHELL, Launcher.SCRIPT, Launcher.MANAGER):
        return None
    if run is None or not run.readiness.ready or crashed_before(run) or run.exit is None:
        return unproved(launcher.value, "the service was not stopped in a drill")
    main = main_process(run)
    if in_the_way(recording, run) is Launcher.NONE:
        where = "PID 1" if main is None or main.pid == 1 else "the init's child"
        summary = f"{where} is the program itself: the launcher replaced itself ({describe(main)})"
        return Verdict(launcher.value, Ruling.PASS, summary, evidence=_evidence(run))
    how = reaction(recording, run)
    if how is None:
        return _no_reaction(launcher.value, run)
    if not launcher_cause(recording, run):
        summary = f"{describe(main)} passed {run.signal} on and waited for the program"
        return Verdict(launcher.value, Ruling.PASS, summary, evidence=_evidence(run))
    under = main is not None and main.pid != 1
    also = (
        "" if under or base((main.argv or ("",))[0] if main else "") in INITS else "; then drill again: as PID 1 the "
    )
    also += "program needs a handler of its own" if also else ""
    cure = remedy.for_launcher(recording, run) + also
    return Verdict(launcher.value, Ruling.FAIL, _summary(run, how), _evidence(run), cure)
