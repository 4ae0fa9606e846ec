"""Verdicts about the readiness path at a stop: readiness-flips-first."""

from __future__ import annotations

from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.view import REACTION, at, closing, count, last_moment, obstacle, seconds, unproved
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Exchange, Outcome
from seatrial.model.verdict import Ruling, Verdict

NAME = "readiness-flips-first"
UNASKED = 0.25
"""Seconds before the close in which nobody asked, on a busy machine: what would have been said is not known."""
PROBED = 1.0
"""Seconds between two probes at least, where nobody says how long a balancer lags: Kubernetes' `periodSeconds: 1`."""
ENOUGH = 0.9
"""The part of that time in which it has to be heard saying no: it is asked at moments alone."""
CURE = (
    "on the signal let the readiness path answer 503 at once, go on serving for as long as a balancer needs to notice "
    "(its interval times its threshold), and only then close the listener"
)


def is_no(exchange: Exchange) -> bool:
    """Whether an answer says that the service wants no requests."""
    return exchange.outcome in COMPLETE and (exchange.status or 0) >= 400


def is_yes(exchange: Exchange) -> bool:
    """Whether an answer says that all is well."""
    return exchange.outcome in COMPLETE and (exchange.status or 0) < 400


def readiness_flips_first(recording: Recording) -> Verdict:
    """Whether readiness fails after the stop signal while the listener is still open."""
    run = obstacle(recording, Scenario.STOP, NAME)
    if isinstance(run, Verdict):
        return run
    if not recording.subject.readiness:
        return unproved(NAME, "no readiness path is known: none that is named like one was found, or none answered")
    assert run.signalled is not None
    asked = [one.exchange for one in run.asked if one.purpose == "readiness"]
    before = [one for one in asked if one.ended is not None and one.ended <= run.signalled]
    if not any(is_yes(one) for one in before):
        return unproved(NAME, f"{recording.subject.readiness} did not say ready before the signal either")
    after = [one for one in asked if run.signalled < one.begun <= last_moment(run)]
    return _judged(recording, run, after)


def _judged(recording: Recording, run: Run, after: list[Exchange]) -> Verdict:
    assert run.signalled is not None
    path, moment = recording.subject.readiness, closing(run)
    flipped = [one for one in after if is_no(one)]
    still = [one for one in after if is_yes(one)]
    refused = sum(one.outcome is Outcome.REFUSED for one in after)
    evidence = (
        f"{path} after the signal: {len(still)} ready, {len(flipped)} not ready, {refused} refused",
        f"listener closed by {at(run, moment)}" if moment is not None else "the listener was not seen to close",
    )
    if flipped:
        return _flipped(recording, run, after, evidence)
    cause = root_cause(recording)
    quick = moment is not None and moment - run.signalled <= REACTION + run.load_lag
    unasked = _unasked(run, after)
    if unasked > UNASKED and not quick:
        reason = f"{path} was not asked in the {seconds(unasked)} before the listener closed"
        return unproved(NAME, reason, cause=cause, evidence=evidence)
    if still and not quick:
        last = max(one.ended or 0.0 for one in still)
        summary = f"{path} went on saying ready until {at(run, last)} ({count(len(still), 'answer')})"
        return Verdict(NAME, Ruling.FAIL, summary, evidence, CURE, cause, {"still_ready": float(len(still))})
    if moment is None:
        return unproved(NAME, "no answer came between the signal and the end", cause=cause, evidence=evidence)
    summary = f"the listener closed at {at(run, moment)}: before any balancer could be told that it is not ready"
    return Verdict(NAME, Ruling.FAIL, summary, evidence, CURE, cause, {"listener_seconds": moment - run.signalled})


def _unasked(run: Run, after: list[Exchange]) -> float:
    """Seconds from the last answer to the close of the listener: with no question under way."""
    assert run.signalled is not None
    moment = closing(run)
    end = moment if moment is not None else last_moment(run)
    answers = [one.ended if one.ended is not None else end for one in after if one.begun <= end]
    return end - max(answers, default=run.signalled)


def _flipped(recording: Recording, run: Run, after: list[Exchange], evidence: tuple[str, ...]) -> Verdict:
    """Whether there was time to notice it. At least from the first no to the last it listened, and at most from the
    last yes before, or the signal, until it was seen not to."""
    assert run.signalled is not None
    said = [one for one in after if is_no(one)]
    first, last = said[0], said[-1]
    flipped, closed = first.ended or first.begun, closing(run)
    end = closed if closed is not None else last_moment(run)
    least, heard = last.begun - flipped, max(0.0, end - flipped)
    most = end - max((one.begun for one in after if is_yes(one) and one.begun < flipped), default=run.signalled)
    wanted, why = _notice(recording)
    summary = (
        f"{first.path} said {first.status} {seconds(flipped - run.signalled)} after the signal; the listener stayed "
        f"open for {seconds(heard)} more"
    )
    figures = {"flip_seconds": round(flipped - run.signalled, 6), "open_seconds": round(heard, 6)}
    if max(least, 0.0) >= ENOUGH * wanted:
        return Verdict(NAME, Ruling.PASS, summary, evidence, figures=figures)
    if most >= ENOUGH * wanted:
        reason = f"{first.path} said {first.status}, but was heard to say so for {seconds(max(least, 0.0))} alone"
        return unproved(NAME, f"{reason}, and {seconds(wanted)} are needed ({why})", evidence=evidence)
    summary += f": a balancer needs {seconds(wanted)} to notice ({why})"
    return Verdict(NAME, Ruling.FAIL, summary, evidence, CURE, root_cause(recording), figures)


def _notice(recording: Recording) -> tuple[float, str]:
    """The time that a balancer needs at least to notice that it is not ready, and by whose word."""
    subject = recording.subject
    if subject.lag:
        return subject.lag, "--lag"
    if subject.health is not None and 0 < subject.health.interval < PROBED:
        return subject.health.interval, "the interval of its health check"
    return PROBED, "the shortest interval of a Kubernetes probe"
