"""Verdicts about requests: in-flight-finish, keep-alive-drained, refuses-late-connections, tolerates-lb-lag.

Refused connections may be tried again and are no loss. A request that crosses the close of a reused connection, and
the few that a closing listener has in its queue, can't be avoided by the service and are reported, not ruled against.
"""

from __future__ import annotations

from collections import Counter

from seatrial.drill.judge import remedy
from seatrial.drill.judge.own_limit import cure_of_losses
from seatrial.drill.judge.reaction import Reaction, reaction, root_cause
from seatrial.drill.judge.view import (
    AT_EXIT,
    Pair,
    at,
    bulk_lines,
    closing,
    count,
    exchanges_of,
    held,
    in_flight,
    is_crossing,
    is_failure,
    is_overloaded,
    is_queue_race,
    is_turned_away,
    is_unserved,
    last_moment,
    new_connections,
    obstacle,
    open_at_signal,
    outcomes,
    overload,
    pairs,
    seconds,
    skipped,
    unproved,
    was_killed,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Connection, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

WHOLE_LAG = 0.9
"""The load went on for the whole lag if this part of the connections that were due in it came."""
MAIN = (Population.IN_FLIGHT, Population.HTTP2, Population.STREAM)
IDLE = (Population.IDLE, Population.HTTP2_IDLE)


def stop_cause(recording: Recording) -> str:
    """Why a loss at SIGKILL is no fault of its own: the signal was not heard, or the drain never ended."""
    run = recording.run(Scenario.STOP)
    return root_cause(recording) or ("stops-in-time" if run is not None and was_killed(run) else "")


def loss_lines(run: Run, lost: list[Pair]) -> tuple[str, ...]:
    """The first few losses, each with its times."""
    return tuple(
        f"{c.population.value} {c.number}: {e.path} sent at {at(run, e.sent if e.sent is not None else e.begun)}, "
        f"{e.outcome.value} at {at(run, e.ended) if e.ended is not None else '—'}"
        + (f" ({e.detail})" if e.detail else "")
        for c, e in lost[:5]
    )


# --- in-flight-finish ---


def in_flight_finish(recording: Recording) -> Verdict:
    """Whether every request that was fully sent before the signal gets its whole response."""
    name = "in-flight-finish"
    run = obstacle(recording, Scenario.STOP, name, calm=False)
    if isinstance(run, Verdict):
        return run
    found = in_flight(run)
    lost, races = _split_losses(run, found)
    aimed = [pair for pair in found if pair[0].population in MAIN]
    figures = {
        "in_flight": float(len(found)),
        "finished": float(len(found) - len(lost) - len(races)),
        "lost": float(len(lost)),
        "races": float(len(races)),
    }
    evidence = [f"{word}: {text}" for word, text in _by_population(found)]
    evidence += bulk_lines(run, Population.KEEP_ALIVE)
    if races:
        evidence.append(f"{count(len(races), 'request')} met the close of a queue or a reused connection: no loss")
    if lost and is_overloaded(run):
        reason = f"{overload(run)}: what was lost may have been in its queue"
        return unproved(name, reason, evidence=tuple(evidence))
    if lost:
        return _lost_in_flight(name, recording, run, lost, (len(found), evidence, figures))
    if not aimed:
        return _by_held(name, recording, run, evidence)
    quick = len(found) - len(aimed)
    also = f", and {quick - len(races)} of {count(quick, 'quick one')}" if quick else ""
    longest = max((e.ended or 0.0) - (run.signalled or 0.0) for _, e in aimed)
    last = seconds(longest)
    summary = f"{len(aimed)} of {count(len(aimed), 'request')} in flight finished, the last {last} after the signal"
    return Verdict(name, Ruling.PASS, summary + also, tuple(evidence), figures=figures)


def _split_losses(run: Run, found: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    """What was lost, and what only met an unavoidable race."""
    failed = [(c, e) for c, e in found if is_failure(run, e)]
    crossings = [(c, e) for c, e in failed if is_crossing(run, e)]
    queued = [
        (c, e)
        for c, e in failed
        if c.population is Population.OPEN_LOOP and e.first_byte is None and e.status is None and not e.reused
    ]
    if not is_queue_race(run, queued):
        queued = []
    races = crossings + queued
    return [pair for pair in failed if pair not in races], races


def _by_population(found: list[Pair]) -> list[tuple[str, str]]:
    words = Counter(c.population for c, _ in found)
    return [(p.value, outcomes(e for c, e in found if c.population is p)) for p, _ in words.most_common()]


def _lost_in_flight(
    name: str, recording: Recording, run: Run, lost: list[Pair], context: tuple[int, list[str], dict[str, float]]
) -> Verdict:
    total, evidence, figures = context
    assert run.exit is not None
    at_kill = run.exit.killed and all((e.ended or 0.0) >= run.exit.time - AT_EXIT for _, e in lost)
    heard = reaction(recording, run) in (Reaction.HANDLED, Reaction.UNFINISHED)
    cause = "" if heard and not at_kill else stop_cause(recording)
    errors = sum(e.outcome in COMPLETE for _, e in lost)
    what = f"{outcomes(exchanges_of(lost))}" if not errors else f"{errors} answered with an error that came only then"
    summary = f"{len(lost)} of {count(total, 'request')} in flight lost: {what}"
    cure = cure_of_losses(recording, run, lost)
    lines = (*evidence, *loss_lines(run, lost))
    return Verdict(name, Ruling.FAIL, summary, lines, cure, cause, figures)


def _by_held(name: str, recording: Recording, run: Run, evidence: list[str]) -> Verdict:
    """Without a slow path: requests whose last bytes came after the signal. Answered, they prove as much; cut, they
    prove nothing, because a server may take half a request for none."""
    half = held(run)
    lines = (*evidence, *(f"{word}: {text}" for word, text in _by_population(half)))
    finished = [pair for pair in half if pair[1].outcome in COMPLETE]
    figures = {"in_flight": float(len(half)), "finished": float(len(finished))}
    if half and len(finished) == len(half):
        summary = f"{count(len(half), 'request')} whose last bytes came after the signal answered whole"
        return Verdict(name, Ruling.PASS, summary, lines, figures=figures)
    if half and (cause := root_cause(recording)):
        summary = f"{len(half) - len(finished)} of {count(len(half), 'begun request')} cut"
        cure = remedy.for_launcher(recording, run) or remedy.of(remedy.HANDLER, recording, run)
        return Verdict(name, Ruling.FAIL, summary, lines, cure, cause, figures)
    cut = f", and {len(half) - len(finished)} of {len(half)} half-sent ones were closed" if half else ""
    reason = f"no request was in flight at the signal{cut}: name one that takes a while with --slow-path"
    return unproved(name, reason, evidence=lines)


# --- keep-alive-drained ---


def keep_alive_drained(recording: Recording) -> Verdict:
    """Whether idle keep-alive connections are closed with FIN, and no request on a reused one is truly lost."""
    name = "keep-alive-drained"
    run = obstacle(recording, Scenario.STOP, name)
    if isinstance(run, Verdict):
        return run
    assert run.exit is not None and run.signalled is not None
    signalled = run.signalled
    idle = [c for c in open_at_signal(run, *IDLE) if _is_answered(c, signalled)]
    reused = [
        (c, e)
        for c, e in pairs(run, Population.KEEP_ALIVE)
        if e.reused and e.begun > signalled and e.begun <= run.exit.time
    ]
    broken = (Outcome.FIN, Outcome.RST, Outcome.TRUNCATED, Outcome.TIMED_OUT)
    failed = [
        (c, e)
        for c, e in reused
        if e.outcome in broken or (e.outcome in COMPLETE and is_failure(run, e) and not is_turned_away(run, e))
    ]
    crossed = [(c, e) for c, e in failed if is_crossing(run, e)]
    lost = [pair for pair in failed if pair not in crossed]
    early = [c for c in run.connections if c.population in IDLE and c.closed is not None and c.closed <= signalled]
    reset = [c for c in (*early, *idle) if c.ending is Outcome.IDLE_RST]
    figures = {
        "idle": float(len(idle)),
        "reset": float(len(reset)),
        "crossed": float(len(crossed)),
        "lost": float(len(lost)),
    }
    evidence = _idle_lines(run, idle, reused, crossed)
    if reset or lost:
        before = ", before the signal already" if reset and reset[0] in early else ""
        whole = count(len({*idle, *reset}), "idle connection")
        parts = [f"{len(reset)} of {whole} reset (RST){before}"] if reset else []
        parts += (
            [f"{count(len(lost), 'request')} on reused connections lost: {outcomes(exchanges_of(lost))}"]
            if lost
            else []
        )
        cure = "close idle connections with FIN after reading what they sent, and serve what came before"
        lines = (*evidence, *loss_lines(run, lost))
        return Verdict(name, Ruling.FAIL, "; ".join(parts), lines, cure, stop_cause(recording), figures)
    return _drained(name, recording, run, idle, (evidence, figures))


def _is_answered(connection: Connection, signalled: float) -> bool:
    """Whether it had its answer, and was idle, when the signal came."""
    ends = [exchange.ended for exchange in connection.exchanges if exchange.outcome in COMPLETE]
    return bool(ends) and len(ends) == len(connection.exchanges) and all(e is not None and e <= signalled for e in ends)


def _idle_lines(run: Run, idle: list[Connection], reused: list[Pair], crossed: list[Pair]) -> tuple[str, ...]:
    closed = sorted(c.closed for c in idle if c.closed is not None)
    lines = []
    if closed:
        lines.append(f"{_endings(idle)}, from {at(run, closed[0])} to {at(run, closed[-1])}")
    if reused:
        lines.append(f"requests sent on reused connections after the signal: {outcomes(exchanges_of(reused))}")
    if crossed:
        lines.append(f"{count(len(crossed), 'request')} crossed the close of its connection: sent again by any client")
    return tuple(lines)


def _drained(
    name: str, recording: Recording, run: Run, idle: list[Connection], told: tuple[tuple[str, ...], dict[str, float]]
) -> Verdict:
    evidence, figures = told
    assert run.exit is not None and run.signalled is not None
    if not idle:
        return _none_idle(name, run, told)
    if any(c.ending is Outcome.IDLE_OPEN for c in idle):
        return unproved(name, "idle connections were still open when watching ended", evidence=evidence)
    last = max(c.closed or 0.0 for c in idle)
    if was_killed(run) and (root_cause(recording) or last >= run.exit.time - AT_EXIT):
        how = "only SIGKILL closed them" if last >= run.exit.time - AT_EXIT else "they ended by their own idle limit"
        summary = f"{count(len(idle), 'idle connection')} not closed by the stop: {how}, at {at(run, last)}"
        cure = remedy.of(remedy.HANDLER if root_cause(recording) else remedy.CLOSE_IN_TIME, recording, run)
        return Verdict(name, Ruling.FAIL, summary, evidence, cure, stop_cause(recording), figures)
    if any(c.ending is not Outcome.IDLE_FIN for c in idle):
        return unproved(name, f"idle connections ended otherwise: {_endings(idle)}", evidence=evidence)
    with_exit = " (with the process)" if last >= run.exit.time - AT_EXIT else ""
    summary = f"{count(len(idle), 'idle connection')} closed with FIN by {at(run, last)}{with_exit}"
    return Verdict(name, Ruling.PASS, summary, evidence, figures={**figures, "last_seconds": last - run.signalled})


def _none_idle(name: str, run: Run, told: tuple[tuple[str, ...], dict[str, float]]) -> Verdict:
    """No connection stood idle at the signal: that is right where each was closed in good order after its answer."""
    evidence, figures = told
    tried = [c for c in run.connections if c.population in IDLE and c.ending is not Outcome.ABANDONED]
    if not tried:
        return unproved(name, "no idle connection was part of the load")
    closed = [c for c in tried if c.ending is Outcome.COMPLETE_CLOSE or (c.ending is Outcome.IDLE_FIN and c.exchanges)]
    if len(closed) < len(tried):
        return unproved(name, f"no connection was idle at the signal: {_endings(tried)}", evidence=evidence)
    summary = "no connection was idle at the signal: the service closes each after its response, or soon after"
    return Verdict(name, Ruling.PASS, summary, (*evidence, _endings(tried)), figures=figures)


def _endings(connections: list[Connection]) -> str:
    counted = Counter(c.ending.value for c in connections)
    return ", ".join(f"{number} {word}" for word, number in counted.most_common())


# --- refuses-late-connections, tolerates-lb-lag ---


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
    served = [c.begun for c, e in found if not is_failure(run, e)]
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
    if figures["turned_away"]:
        first = f"served for {seconds(served)} after the signal, and " if served else ""
        how = f"{first}turned away with 503 ({figures['turned_away']:.0f} of {len(found)})"
    came = f"{count(len(found), 'new connection')} after the signal: {how}" if found else "no new connection came"
    return skipped(name, f"no lag to hold it against was stated (--lag SECONDS); {came}", evidence=evidence)


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
    if not failed and not gone:
        summary = f"{len(found)} of {count(len(found), 'new connection')} served in the {lag:g} s after the signal"
        return Verdict(name, Ruling.PASS, summary, tuple(evidence), figures=figures)
    lost, of = f"{len(failed)}", len(found)
    if gone and len(found) < WHOLE_LAG * expected:  # the load ended with the service: what was missed is computed
        lost, of = f"about {expected - (len(found) - len(failed))}", expected
    summary = f"{lost} of {of} new connections not served in the {lag:g} s after the signal"
    cure = f"go on serving for {lag:g} s after the signal (readiness false at once), or delay it by a `preStop` sleep"
    return Verdict(name, Ruling.FAIL, summary, tuple(evidence), cure, root_cause(recording), figures)
