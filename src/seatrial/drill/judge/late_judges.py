"""Verdicts about connections that come after the signal: refuses-late-connections, tolerates-lb-lag.

Refused connections may be tried again and are no loss. The few that a closing listener has in its queue can't be
avoided by the service and are reported, not ruled against.
"""

from __future__ import annotations

from math import ceil

from seatrial.drill.judge import remedy
from seatrial.drill.judge.reaction import root_cause
from seatrial.drill.judge.traffic_judges import loss_lines, stop_cause
from seatrial.drill.judge.view import (
    Pair,
    at,
    bulk_lines,
    closing,
    count,
    exchanges_of,
    is_failure,
    is_queue_race,
    is_served,
    is_turned_away,
    is_unserved,
    last_moment,
    new_connections,
    obstacle,
    outcomes,
    pairs,
    seconds,
    skipped,
    unproved,
    was_killed,
    why_unclear,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

WHOLE_LAG = 0.9
"""The load went on for the whole lag if this part of the connections that were due in it came."""


def refuses_late_connections(recording: Recording) -> Verdict:
    """Whether new connections are served or refused: not accepted and then reset, not left in the backlog."""
    name = "refuses-late-connections"
    run = obstacle(recording, Scenario.STOP, name)
    if isinstance(run, Verdict):
        return run
    found = new_connections(run)
    if not found:
        return unproved(name, "no new connection came between the signal and the exit", cause=root_cause(recording))
    unserved = _without_kill(run, [(c, e) for c, e in found if is_unserved(run, e)])
    figures = _late_figures(run, found, unserved)
    evidence = (
        f"new connections after the signal: {outcomes(exchanges_of(found))}",
        *_closed_line(run),
        *bulk_lines(run, Population.OPEN_LOOP),
    )
    if not is_queue_race(run, unserved):
        errors = sum(e.outcome in COMPLETE for _, e in unserved)
        summary = (
            f"{len(unserved)} of {count(len(found), 'new connection')} after the signal neither served nor refused"
            + (f", {errors} of them answered with an error" if errors else "")
        )
        lines = (*evidence, *loss_lines(run, unserved))
        cure = remedy.of(remedy.REFUSE, recording, run)
        return Verdict(name, Ruling.FAIL, summary, lines, cure, root_cause(recording), figures)
    if was_killed(run) and closing(run) is None:
        reason = f"the listener never closed: {_figure_words(figures)} until SIGKILL"
        return unproved(name, reason, cause=stop_cause(recording), evidence=evidence)
    if reason := why_unclear(run, [pair for pair in found if not is_turned_away(run, pair[1])]):
        return unproved(name, reason, evidence=evidence)
    if not figures["served"] + figures["refused"] + figures["turned_away"]:
        reason = f"only {count(len(found), 'new connection')} came, and met the closing listener's queue"
        return unproved(name, reason, cause=root_cause(recording), evidence=evidence)
    race = (
        f"; {count(len(unserved), 'connection')} met the closing listener's queue, which is no loss" if unserved else ""
    )
    moment = closing(run)
    when = f", from {at(run, moment)} on" if moment is not None and figures["refused"] else ""
    summary = f"{_figure_words(figures)}{when}{race}"
    return Verdict(name, Ruling.PASS, summary, evidence, figures=figures)


def _without_kill(run: Run, unserved: list[Pair]) -> list[Pair]:
    """Leave out what SIGKILL cut, where the service served to the end: that is stops-in-time's."""
    if not was_killed(run) or run.exit is None:
        return unserved
    begun_late = last_moment(run) - 1.0
    early = [(c, e) for c, e in unserved if c.begun < begun_late]
    return unserved if early else []


def _figure_words(figures: dict[str, float]) -> str:
    """What became of new connections: "3 served, 4 turned away (503), 40 refused"."""
    turned = f", {figures['turned_away']:.0f} turned away (503)" if figures["turned_away"] else ""
    return f"{figures['served']:.0f} served{turned}, {figures['refused']:.0f} refused"


def _late_figures(run: Run, found: list[Pair], unserved: list[Pair]) -> dict[str, float]:
    served = [c.begun for c, e in found if is_served(run, e)]
    return {
        "new_connections": float(len(found)),
        "served": float(len(served)),
        "turned_away": float(sum(is_turned_away(run, e) for _, e in found)),
        "refused": float(sum(e.outcome is Outcome.REFUSED for _, e in found)),
        "unserved": float(len(unserved)),
        "served_seconds": round(max(served) - (run.signalled or 0.0), 6) if served else 0.0,
    }


def _closed_line(run: Run) -> tuple[str, ...]:
    moment = closing(run)
    return (f"listener closed by {at(run, moment)}",) if moment is not None else ()


def tolerates_lb_lag(recording: Recording) -> Verdict:
    """Whether new connections are served for as long as a load balancer still sends; without a stated lag, only
    whether some were lost."""
    name = "tolerates-lb-lag"
    run = obstacle(recording, Scenario.STOP, name)
    if isinstance(run, Verdict):
        return run
    lag = recording.subject.lag
    return _with_lag(name, recording, run, lag) if lag > 0 else _without_lag(name, recording, run)


def _without_lag(name: str, recording: Recording, run: Run) -> Verdict:
    found = new_connections(run)
    unserved = _without_kill(run, [(c, e) for c, e in found if is_unserved(run, e)])
    figures = {"lag_seconds": 0.0, **_late_figures(run, found, unserved)}
    evidence = (f"new connections after the signal: {outcomes(exchanges_of(found))}",)
    if not is_queue_race(run, unserved):
        summary = f"{len(unserved)} of {count(len(found), 'new connection')} after the signal were lost"
        cure = remedy.of(remedy.REFUSE, recording, run)
        return Verdict(name, Ruling.FAIL, summary, evidence, cure, "refuses-late-connections", figures)
    served = figures["served_seconds"]
    how = f"served for {seconds(served)} after the signal" if served else "refused from the signal on"
    how = why_unclear(run, found) or how
    if figures["turned_away"]:
        first = f"served for {seconds(served)} after the signal, and " if served else ""
        how = f"{first}turned away with 503 ({figures['turned_away']:.0f} of {len(found)})"
    came = f"{count(len(found), 'new connection')} after the signal: {how}" if found else "no new connection came"
    return skipped(name, f"no lag to hold it against was stated (--lag SECONDS); {came}", evidence=evidence)


def _why_few(run: Run, came: int, expected: int) -> str:
    """Why so few connections prove nothing of the time of the lag; or ""."""
    due = expected - ceil(run.rate * run.load_lag)
    return "" if came >= WHOLE_LAG * due else f"only {came} of {expected} new connections that were due came"


def _with_lag(name: str, recording: Recording, run: Run, lag: float) -> Verdict:
    assert run.signalled is not None and run.exit is not None
    until = run.signalled + lag
    found = [
        (c, e)
        for c, e in pairs(run, Population.OPEN_LOOP)
        if run.signalled < c.begun <= until and e.outcome is not Outcome.ABANDONED
    ]
    failed = [(c, e) for c, e in found if is_failure(run, e)]
    gone = run.exit.time < until
    expected = int(run.rate * lag)
    figures = {"lag_seconds": lag, "new_connections": float(len(found)), "lost": float(len(failed))}
    if not found and not gone:
        return unproved(name, f"no new connection came in the {lag:g} s after the signal", cause=root_cause(recording))
    evidence = [f"new connections in the {lag:g} s after the signal: {outcomes(exchanges_of(found))}"]
    if gone:
        evidence.append(f"the service had ended at {at(run, run.exit.time)}, before the {lag:g} s were over")
    if not failed and not gone and (reason := why_unclear(run, found) or _why_few(run, len(found), expected)):
        return unproved(name, reason, evidence=tuple(evidence))
    if not failed and not gone:
        summary = f"{len(found)} of {count(len(found), 'new connection')} served in the {lag:g} s after the signal"
        return Verdict(name, Ruling.PASS, summary, tuple(evidence), figures=figures)
    lost, of = f"{len(failed)}", len(found)
    if gone and len(found) < WHOLE_LAG * expected:  # the load ended with the service: what was missed is computed
        lost, of = f"about {expected - (len(found) - len(failed))}", expected
    summary = f"{lost} of {of} new connections not served in the {lag:g} s after the signal"
    cure = f"go on serving for {lag:g} s after the signal (readiness false at once), or delay it by a `preStop` sleep"
    return Verdict(name, Ruling.FAIL, summary, tuple(evidence), cure, root_cause(recording), figures)
