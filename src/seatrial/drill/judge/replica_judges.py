"""Verdicts about a service that a distributed engine replaced under load: what was lost, and how each replica ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from seatrial.drill.judge.attribution import Moment, Owed, owed, stop_of
from seatrial.drill.judge.view import (
    Pair,
    at,
    count,
    describe_code,
    exchanges_of,
    is_crossing,
    outcomes,
    pairs,
    seconds,
    unproved,
)
from seatrial.model.recording import Event, EventKind, Recording, Replica, Run, Scenario
from seatrial.model.served import SERVER_ERROR, is_limit, is_new_error
from seatrial.model.traffic import COMPLETE, Exchange, Outcome
from seatrial.model.verdict import Ruling, Verdict

ROLLOUT, IN_TIME, CODE = "rollout-drops-nothing", "stops-in-time", "exit-code-clean"
SHOWN = 5
REMEDIES: Mapping[Moment, str] = MappingProxyType(
    {
        Moment.IN_FLIGHT: (
            "on the signal stop accepting, wait for the requests in flight, and only then exit (in-flight-finish)"
        ),
        Moment.DRAINING: (
            "after the signal go on serving what still comes, with `Connection: close`, until the balancer has noticed "
            "(tolerates-lb-lag)"
        ),
        Moment.STOPPING: (
            "after the signal go on serving what still comes until the balancer has noticed, then finish what is in "
            "flight (tolerates-lb-lag, in-flight-finish)"
        ),
        Moment.CLOSED: (
            "keep the listener open until the balancer has noticed: fail the readiness check on the signal and wait, "
            "or have the engine wait before it sends the signal (pre-stop-delay)"
        ),
        Moment.GONE: (
            "have the new one ready before the old one stops (`order: start-first`; `maxUnavailable: 0`), and let the "
            "old one outlast the balancer's next check (update-order, tolerates-lb-lag)"
        ),
        Moment.CRASHED: "it ended by itself while others were replaced: its own log says why (no-crash-loop)",
        Moment.LEAVING: "keep serving until the stop signal, and while a preStop hook runs (pre-stop-delay)",
        Moment.STARTING: (
            "let it count as ready only when it answers: a health or readiness check that asks the service itself "
            "(healthcheck-present, readiness-is-deep)"
        ),
    }
)


def rollout_drops_nothing(recording: Recording) -> Verdict:
    """Whether no request was lost while the engine replaced the service's replicas."""
    run = _replaced(recording, ROLLOUT)
    if isinstance(run, Verdict):
        return run
    asked = [pair for pair in pairs(run) if pair[1].outcome is not Outcome.ABANDONED]
    failed = [pair for pair in asked if _is_failure(run, pair[1])]
    lost = [pair for pair in failed if not is_crossing(run, pair[1])]
    phases = _phases(run, asked)
    figures = {
        "requests": float(len(asked)),
        "lost": float(len(lost)),
        "races": float(len(failed) - len(lost)),
        "replaced": float(sum(replica.told is not None for replica in run.replicas)),
    }
    evidence = (*(f"{name}: {outcomes(exchanges_of(found))}" for name, found in phases), *_lives(run))
    if problem := _problem(run, phases, lost):
        return Verdict(ROLLOUT, Ruling.NOT_PROVED, problem, evidence, figures=figures)
    if not lost:
        steps = " and ".join(event.detail for event in _steps(run, "settled"))
        replaced = count(int(figures["replaced"]), "replica")
        summary = f"none of {count(len(asked), 'request')} lost while the {steps} replaced {replaced}"
        return Verdict(ROLLOUT, Ruling.PASS, summary, evidence, figures=figures)
    owing = Counter(owed(run, pair) for pair in lost)
    told = "; ".join(f"{number} {one.words()}" for one, number in owing.most_common(SHOWN))
    summary = f"{len(lost)} of {count(len(asked), 'request')} lost while it was replaced: {told}"
    lines = (*evidence, *(_loss(run, pair) for pair in lost[:SHOWN]))
    return Verdict(ROLLOUT, Ruling.FAIL, summary, lines, _remedy(owing), figures=figures)


def _is_failure(run: Run, exchange: Exchange) -> bool:
    """Whether no good answer came. A balancer answers for a replica that does not: its 502, 503 and 504 are losses, and
    so is a 404 that no path gave before."""
    if exchange.outcome not in COMPLETE or (exchange.status or 0) >= SERVER_ERROR:
        return True
    return is_new_error(run, exchange) and not is_limit(run, exchange)


def _replaced(recording: Recording, requirement: str) -> Run | Verdict:
    run = recording.run(Scenario.ROLLOUT)
    if run is None or run.signalled is None:
        return unproved(requirement, "no replacement was asked for")
    if not any(replica.told is not None for replica in run.replicas):
        return unproved(requirement, run.disturbed or "no replica was seen to be replaced")
    return run


def _problem(run: Run, phases: list[tuple[str, list[Pair]]], lost: list[Pair]) -> str:
    """Why the losses, or that there are none, prove nothing; or ""."""
    unsettled = bool(_steps(run, "unsettled"))
    if run.disturbed and not (unsettled and lost):
        return run.disturbed if unsettled else f"the run was disturbed: {run.disturbed}"
    limited = sum(
        is_limit(run, exchange) and is_new_error(run, exchange) for _, found in phases for _, exchange in found
    )
    if limited and not lost:
        return f"{count(limited, 'request')} answered with 429, which may be a rate limit: lift that for a drill"
    early = phases[0][1]
    asked = run.signalled or 0.0
    spoiled = sum(pair in lost and (pair[1].ended or pair[1].begun) < asked for pair in early)
    if spoiled:
        return f"{spoiled} of {count(len(early), 'request')} were lost before anything was replaced"
    return "" if any(found for _, found in phases[1:]) else "no request was sent while it was replaced"


def _steps(run: Run, name: str) -> list[Event]:
    return [event for event in run.events if event.kind is EventKind.REPLACED and event.name == name]


def _phases(run: Run, asked: list[Pair]) -> list[tuple[str, list[Pair]]]:
    """The requests by when they were begun: before, by each replica's replacement in turn, and after."""
    bounds = [(float("-inf"), "before")]
    for event in run.events:
        if event.kind is EventKind.REPLACED:
            bounds += _bounds(run, event.time) if event.name == "asked" else [(event.time, f"after the {event.detail}")]
    ends = [moment for moment, _ in bounds[1:]] + [float("inf")]
    return [
        (name, [pair for pair in asked if begin <= pair[1].begun < end])
        for (begin, name), end in zip(bounds, ends, strict=True)
    ]


def _bounds(run: Run, asked: float) -> list[tuple[float, str]]:
    """Where the replacements of a step begin: the first when it was asked for, each other with the first of its own
    that happened."""
    over = min((e.time for e in run.events if e.kind is EventKind.REPLACED and e.time > asked), default=float("inf"))
    olds = sorted(
        (replica for replica in run.replicas if replica.told is not None and asked <= replica.told < over),
        key=lambda replica: replica.told or 0.0,
    )
    begins = [_begin(run, replica, asked) for replica in olds]
    if not olds:
        return [(asked, "nothing was replaced")]
    named = [(begin, f"replacement of {old.name}") for begin, old in zip(begins, olds, strict=True)]
    return sorted([(asked, named[0][1]), *named[1:]])


def _begin(run: Run, old: Replica, asked: float) -> float:
    """When the replacement of one began: when it was told to stop, or its successor was made."""
    made = [
        other.created
        for other in run.replicas
        if old.slot and other.slot == old.slot and other.created is not None and other.created >= asked
    ]
    assert old.told is not None
    return min([old.told, *made])


def _lives(run: Run) -> list[str]:
    """A line for each replica that came or went, and what was not to be seen of them."""
    moved = [replica for replica in run.replicas if replica.told is not None or replica.created is not None]
    unseen = sum(replica.told is not None and replica.signalled is None for replica in moved)
    lines = [_life(run, replica) for replica in moved]
    if unseen:
        lines.append(f"the stop signal of {count(unseen, 'replica')} was not seen: counted from when it was to stop")
    return lines


def _life(run: Run, replica: Replica) -> str:
    steps = (
        ("made", replica.created),
        ("started", replica.started),
        ("ready", replica.ready),
        ("told to stop", replica.told),
        ("signal", replica.signalled),
        ("out of the balancing", replica.removed),
        ("listener closed", replica.closed),
    )
    parts = [f"{name} {at(run, moment)}" for name, moment in steps if moment is not None]
    if replica.ended is not None:
        code = f" with {describe_code(replica.code)}" if replica.code is not None else ""
        parts.append(f"ended {at(run, replica.ended)}{code}{', killed' if replica.killed else ''}")
    where = f" on {replica.node}" if replica.node else ""
    detail = f" ({replica.detail})" if replica.detail else ""
    return f"{replica.name}{where}: {', '.join(parts)}{detail}"


def _loss(run: Run, pair: Pair) -> str:
    connection, exchange = pair
    sent = exchange.sent if exchange.sent is not None else exchange.begun
    said = f"status {exchange.status}" if exchange.status is not None else exchange.outcome.value
    ended = f" at {at(run, exchange.ended)}" if exchange.ended is not None else ""
    detail = f" ({exchange.detail})" if exchange.detail else ""
    where = f"{connection.population.value} {connection.number}: {exchange.path} sent at {at(run, sent)}"
    return f"{where}, {said}{ended}{detail}; {owed(run, pair).words()}"


def _remedy(owing: Counter[Owed]) -> str:
    """What heals the most frequent moments, each once."""
    by_moment: Counter[Moment] = Counter()
    for one, number in owing.items():
        by_moment[one.moment] += number
    cures = [REMEDIES[moment] for moment, _ in by_moment.most_common(2) if moment in REMEDIES]
    return ". ".join(cure[0].upper() + cure[1:] for cure in cures)


def _ended(run: Run) -> list[Replica]:
    return [replica for replica in run.replicas if replica.told is not None and replica.ended is not None]


def stops_in_time(recording: Recording) -> Verdict:
    """Whether each replica that was replaced ended before the engine killed it."""
    run = _replaced(recording, IN_TIME)
    if isinstance(run, Verdict):
        return run
    ended = _ended(run)
    took = [(replica, (replica.ended or 0.0) - (stop_of(replica) or 0.0)) for replica in ended]
    if not took:
        return unproved(IN_TIME, "no replica was seen to end")
    longest = max(time for _, time in took)
    figures = {"stop_seconds": round(longest, 6), "grace_seconds": run.grace}
    killed = [replica.name for replica, _ in took if replica.killed]
    if killed:
        summary = f"{len(killed)} of {count(len(took), 'replica')} killed after {run.grace:g} s: {', '.join(killed)}"
        cure = "handle the stop signal, and end the drain before the grace period does"
        return Verdict(IN_TIME, Ruling.FAIL, summary, remedy=cure, figures=figures)
    summary = f"{count(len(took), 'replica')} ended within {seconds(longest)} of {run.grace:g} s"
    return Verdict(IN_TIME, Ruling.PASS, summary, figures=figures)


def exit_code_clean(recording: Recording) -> Verdict:
    """Whether each replica that was replaced ended with 0, or a code that was declared to be clean."""
    run = _replaced(recording, CODE)
    if isinstance(run, Verdict):
        return run
    known = [replica for replica in _ended(run) if replica.code is not None]
    if not known:
        return unproved(CODE, "the engine told no exit code")
    clean = (0, *recording.subject.accepted_codes)
    bad = [replica for replica in known if replica.code not in clean]
    if bad:
        told = ", ".join(f"{replica.name} with {describe_code(replica.code or 0)}" for replica in bad)
        cause = IN_TIME if all(replica.killed for replica in bad) else ""
        cure = "exit with 0 when all that was asked is done"
        return Verdict(CODE, Ruling.FAIL, f"not clean: {told}", remedy=cure, cause=cause)
    return Verdict(CODE, Ruling.PASS, f"{count(len(known), 'replica')} ended with {known[0].code}")


BY_REPLICA: Mapping[str, Callable[[Recording], Verdict]] = MappingProxyType(
    {ROLLOUT: rollout_drops_nothing, IN_TIME: stops_in_time, CODE: exit_code_clean}
)
"""All that can be judged of a recording that has replicas."""
