"""Verdicts about requests and connections that were there at the signal: in-flight-finish, keep-alive-drained.

A request that crosses the close of a reused connection, and the few that a closing listener has in its queue, can't be
avoided by the service and are reported, not ruled against.
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
    count,
    exchanges_of,
    held,
    in_flight,
    is_crossing,
    is_doubtful,
    is_failure,
    is_overloaded,
    is_queue_race,
    is_served,
    is_turned_away,
    obstacle,
    open_at_signal,
    outcomes,
    overload,
    pairs,
    seconds,
    unproved,
    was_killed,
)
from seatrial.model.recording import Recording, Run, Scenario
from seatrial.model.traffic import COMPLETE, Connection, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

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
    if reason := _why_doubtful(run, found):
        return unproved(name, reason, evidence=tuple(evidence))
    if not aimed:
        return _by_held(name, recording, run, evidence)
    quick = len(found) - len(aimed)
    also = f", and {quick - len(races)} of {count(quick, 'quick one')}" if quick else ""
    longest = max((e.ended or 0.0) - (run.signalled or 0.0) for _, e in aimed)
    last = seconds(longest)
    summary = f"{len(aimed)} of {count(len(aimed), 'request')} in flight finished, the last {last} after the signal"
    return Verdict(name, Ruling.PASS, summary + also, tuple(evidence), figures=figures)


def _why_doubtful(run: Run, found: list[Pair]) -> str:
    """Why nobody can tell whether these answers are whole; or ""."""
    doubtful = sum(is_doubtful(run, exchange) for _, exchange in found)
    if not doubtful:
        return ""
    return (
        f"{doubtful} of {count(len(found), 'response')} had no length and may have been cut in the middle: a client "
        "can't tell either. Send Content-Length or chunks"
    )


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
    finished = [pair for pair in half if is_served(run, pair[1])]
    figures = {"in_flight": float(len(half)), "finished": float(len(finished))}
    if reason := _why_doubtful(run, finished):
        return unproved(name, reason, evidence=lines)
    if half and len(finished) == len(half):
        summary = f"{count(len(half), 'request')} whose last bytes came after the signal answered whole"
        return Verdict(name, Ruling.PASS, summary, lines, figures=figures)
    if half and (cause := root_cause(recording)):
        summary = f"{len(half) - len(finished)} of {count(len(half), 'begun request')} cut"
        cure = remedy.for_launcher(recording, run) or remedy.of(remedy.HANDLER, recording, run)
        return Verdict(name, Ruling.FAIL, summary, lines, cure, cause, figures)
    cut = f", and {len(half) - len(finished)} of {len(half)} half-sent ones were not served" if half else ""
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
    standing = open_at_signal(run, *IDLE)
    idle = [c for c in standing if _is_answered(c, signalled)]
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
    if idle and len(idle) * 2 < len(standing):
        unanswered = f"{len(standing) - len(idle)} of {count(len(standing), 'connection')}"
        return unproved(name, f"{unanswered} had no answer yet at the signal, and were not idle", evidence=evidence)
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
