"""What all judges ask of a run: which requests were in flight, what was lost, and which losses nobody could avoid.

Thresholds live here, each with its reason, so that ten drills of one server give ten times the same verdicts. All are
widened by the load generator's own lateness. Nothing here rules anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from seatrial.drill.judge.last_words import last_words, what_to_build
from seatrial.model.recording import Event, EventKind, Exit, ProcessSeen, Readiness, Recording, Run, Scenario
from seatrial.model.served import UNAVAILABLE, is_new_error, is_unclear
from seatrial.model.service import signal_name, signal_number
from seatrial.model.traffic import COMPLETE, Bulk, Connection, Exchange, Outcome, Population
from seatrial.model.verdict import Ruling, Verdict

REACTION = 0.25
"""Seconds that a program gets to notice a signal: answers that it was writing meanwhile are not held against it."""
CROSSING = 0.1
"""A request on a reused connection that ended unanswered within this time crossed the server's close on the wire."""
RACE_COUNT = 3
"""Closing a listener resets what the kernel had accepted and the program had not: 0 to 3 at any rate (measured)."""
RACE_TIME = 0.005
"""At rates beyond some hundreds a second the queue holds what came while the program was about something else."""
CUT_SHORT = 0.5
"""A body that is no half as long as the others of its path was cut; one that is a little shorter may be another."""
KEEPS_UP = 0.9
"""A service that answered less than this part of a heavy load's new connections before the signal is overloaded."""
RACE_SPAN = 0.25
"""Seconds within which such resets lie; losses over a longer time are no race."""
AT_EXIT = 0.1
"""What ended within this time of PID 1's end ended with it."""
DEFAULT_ACTION = 0.3
"""A signal's default action ends a process in milliseconds; a drain that took longer was one."""

CUT = frozenset({Outcome.FIN, Outcome.RST, Outcome.TRUNCATED, Outcome.NOT_SERVED, Outcome.MALFORMED})
LOST = CUT | {Outcome.TIMED_OUT, Outcome.CONNECT_TIMED_OUT}
_PLURALS = {"process": "processes", "child": "children", "is": "are", "was": "were"}

ENDLESS = (Population.WEBSOCKET, Population.WEBSOCKET_BUSY, Population.SLOW_READER)
"""Whose exchange has no end of its own, so that none can be waited for."""

Pair = tuple[Connection, Exchange]


def seconds(value: float) -> str:
    """A duration for people: milliseconds below a tenth of a second."""
    return f"{value * 1000:.0f} ms" if abs(value) < 0.0995 else f"{value:.2f} s"


def count(number: int, noun: str) -> str:
    """ "1 request", "2 requests"."""
    words = noun.split(" ")
    if number != 1:
        words[-1] = _PLURALS.get(words[-1], words[-1] + "s")
    return f"{number} {' '.join(words)}"


def at(run: Run, time: float) -> str:
    """A moment relative to the signal: "+0.52 s"."""
    moment = time - (run.signalled or 0.0)
    return f"{'-' if moment < 0 else '+'}{abs(moment):.3f} s"


def outcomes(exchanges: Iterable[Exchange]) -> str:
    """Counts by outcome, the most frequent first: "4 complete, 2 complete with status 503, 1 reset (RST)"."""

    def word(exchange: Exchange) -> str:
        status = exchange.status or 0
        return exchange.outcome.value + (f" with status {status}" if status >= 400 else "")

    counted = Counter(word(exchange) for exchange in exchanges)
    return ", ".join(f"{number} {word}" for word, number in counted.most_common()) or "none"


def signal_of(run: Run) -> int:
    """The number of the run's signal; 0 where its name is none (a recording may come from anywhere)."""
    try:
        return signal_number(run.signal)
    except ValueError:
        return 0


def describe_code(code: int) -> str:
    """An exit code with its meaning: "143 (128 + SIGTERM)"."""
    return f"{code} (128 + {signal_name(code - 128)})" if 128 < code < 193 else str(code)


def stop_seconds(run: Run) -> float | None:
    """From the signal to PID 1's end; None if either never came, or the end came first."""
    if run.signalled is None or run.exit is None or run.exit.time < run.signalled:
        return None
    return run.exit.time - run.signalled


def crashed_before(run: Run) -> bool:
    """Whether PID 1 ended without having been asked."""
    return run.exit is not None and (run.signalled is None or run.exit.time < run.signalled)


def was_killed(run: Run) -> bool:
    """Whether SIGKILL was needed at the end of the grace period."""
    return run.exit is not None and run.exit.killed


def last_moment(run: Run) -> float:
    """Until when what happened was the service's doing: SIGKILL at the end of the grace period, else PID 1's end."""
    if run.exit is None or run.signalled is None:
        return float("inf")
    if not run.exit.killed:
        return run.exit.time
    kills = [event.time for event in run.events if event.kind is EventKind.SIGNAL and event.name == "SIGKILL"]
    return min([run.exit.time, *(kills or [run.signalled + run.grace])])


def pairs(run: Run, *populations: Population) -> list[Pair]:
    """Every exchange with its connection, of these populations (or of all)."""
    return [
        (connection, exchange)
        for connection in run.connections
        if not populations or connection.population in populations
        for exchange in connection.exchanges
    ]


def exchanges_of(found: Iterable[Pair]) -> list[Exchange]:
    """The exchanges alone."""
    return [exchange for _, exchange in found]


def in_flight(run: Run, *populations: Population) -> list[Pair]:
    """What was fully sent before the signal and had not ended by then. The client's own giving up is left out."""
    signalled = run.signalled
    if signalled is None:
        return []
    return [
        (connection, exchange)
        for connection, exchange in pairs(run, *populations)
        if connection.population not in ENDLESS
        and exchange.sent is not None
        and exchange.sent <= signalled
        and (exchange.ended is None or exchange.ended > signalled)
        and exchange.outcome is not Outcome.ABANDONED
    ]


def held(run: Run) -> list[Pair]:
    """Requests that were open at the signal and whose last bytes were kept back until after it."""
    signalled = run.signalled
    if signalled is None:
        return []
    return [
        (connection, exchange)
        for connection, exchange in pairs(run, Population.HELD)
        if exchange.begun <= signalled
        and (exchange.ended is None or exchange.ended > signalled)
        and exchange.outcome is not Outcome.ABANDONED
    ]


def is_overloaded(run: Run) -> bool:
    """Whether it could not keep up with the new connections before the signal already: what was then in its queue says
    nothing about its stop."""
    before = [bulk for bulk in run.bulk if bulk.population is Population.OPEN_LOOP and not bulk.after]
    return any(bulk.answered < KEEPS_UP * bulk.requests for bulk in before)


def overload(run: Run) -> str:
    """That it was overloaded, in words."""
    return f"it could not keep up with {run.rate:g} new connections a second before the signal already"


def bulk_lines(run: Run, *populations: Population) -> list[str]:
    """What was counted of a heavy load, a line each."""

    def line(bulk: Bulk) -> str:
        when = "after the signal" if bulk.after else "before the signal"
        took = f", half within {seconds(bulk.latencies[0])}, 99 % within {seconds(bulk.latencies[2])}"
        ends = [(bulk.announced, "with the close announced"), (bulk.errors, "with an error status")]
        ends += [(bulk.refused, "connections refused"), (bulk.lost, "without a whole answer")]
        told = "".join(f", {number} {text}" for number, text in ends if number)
        return (
            f"heavy load {when}: {bulk.requests} requests on {bulk.connections} {bulk.population.value} connections, "
            f"{bulk.answered} answered{took if bulk.answered else ''}{told}"
        ).replace("new connections connections", "new connections")

    return [line(bulk) for bulk in run.bulk if bulk.population in populations]


def open_at_signal(run: Run, *populations: Population) -> list[Connection]:
    """The connections of these populations that stood at the signal and that the client did not give up first."""
    signalled = run.signalled
    return [
        connection
        for connection in run.connections
        if connection.population in populations
        and signalled is not None
        and connection.opened is not None
        and connection.opened <= signalled
        and (connection.closed is None or connection.closed > signalled)
    ]


def new_connections(run: Run) -> list[Pair]:
    """One request on a connection of its own, begun after the signal and before the end, or the SIGKILL."""
    if run.signalled is None:
        return []
    end = last_moment(run)
    return [
        (connection, exchange)
        for connection, exchange in pairs(run, Population.OPEN_LOOP)
        if run.signalled < connection.begun <= end and exchange.outcome is not Outcome.ABANDONED
    ]


def is_failure(run: Run, exchange: Exchange) -> bool:
    """Whether a request was lost: no whole response, or an error that the same path did not give before the signal."""
    if exchange.outcome not in COMPLETE or is_cut_short(run, exchange):
        return True
    return is_new_error(run, exchange) and not is_unclear(run, exchange)


def is_cut_short(run: Run, exchange: Exchange) -> bool:
    """Whether a body without a length is no half of what its path gave before, and ended with the process: it was cut,
    and the end of its connection looks like its own."""
    if not exchange.unframed or not _ends_with_process(run, exchange):
        return False
    usual = _usual_bytes(run, exchange)
    return bool(usual) and exchange.body_bytes < CUT_SHORT * min(usual)


def is_doubtful(run: Run, exchange: Exchange) -> bool:
    """Whether nothing says that a body without a length is whole: it is shorter than what its path gave before, or it
    ended with the process and nothing is known of its path."""
    if not exchange.unframed or is_cut_short(run, exchange):
        return False
    usual = _usual_bytes(run, exchange)
    return exchange.body_bytes < min(usual) if usual else _ends_with_process(run, exchange)


def _ends_with_process(run: Run, exchange: Exchange) -> bool:
    return run.exit is not None and exchange.ended is not None and exchange.ended >= run.exit.time - AT_EXIT


def _usual_bytes(run: Run, exchange: Exchange) -> list[int]:
    """How long the bodies of a path were before the signal, with the status of this one."""
    target, signalled = run.target, run.signalled
    if signalled is None:
        return []
    found = [
        other.body_bytes
        for _, other in pairs(run)
        if other.path == exchange.path and other.status == exchange.status and other.outcome in COMPLETE
        if other.ended is not None and other.ended <= signalled
    ]
    is_slow = target is not None and exchange.path == target.slow_path and exchange.status == target.slow_status
    return [*found, target.slow_bytes] if target is not None and is_slow else found


def is_served(run: Run, exchange: Exchange) -> bool:
    """Whether a request got a whole answer that is no error of the stop's."""
    return not is_failure(run, exchange) and not is_new_error(run, exchange)


def is_turned_away(run: Run, exchange: Exchange) -> bool:
    """Whether a request was told by 503 and `Connection: close` to go elsewhere: not served, and not lost silently."""
    said = exchange.outcome is Outcome.COMPLETE_CLOSE and exchange.status == UNAVAILABLE
    return said and is_new_error(run, exchange)


def is_unserved(run: Run, exchange: Exchange) -> bool:
    """Whether a request on a new connection was neither served, nor refused, nor turned away."""
    if exchange.outcome is Outcome.REFUSED:
        return False
    return is_failure(run, exchange) and not is_turned_away(run, exchange)


def why_unclear(run: Run, found: list[Pair]) -> str:
    """Why answers that are neither losses nor a service prove nothing, and what to ask for instead; or ""."""
    unclear = [exchange for _, exchange in found if is_unclear(run, exchange)]
    if not unclear:
        return ""
    told = f"{len(unclear)} of {count(len(found), 'request')} answered with {unclear[0].status}"
    if unclear[0].status == UNAVAILABLE:
        return f"{told} by a health endpoint, which says nothing of what others get: name another path with --path"
    return f"{told}, by its stop or by a rate limit: lift that for a drill, or ask for less with --rate"


def is_crossing(run: Run, exchange: Exchange) -> bool:
    """Whether a request on a reused connection crossed the server's close: it may be sent again, and is no loss."""
    if not exchange.reused or exchange.outcome not in (Outcome.FIN, Outcome.RST):
        return False
    if exchange.sent is None or exchange.ended is None:
        return True
    return exchange.ended - exchange.sent <= CROSSING + run.load_lag


def is_queue_race(run: Run, lost: list[Pair]) -> bool:
    """Whether lost new connections are no more than those that a closing listener had in its queue: few, close to the
    moment at which it closed or the process ended, and the last that came."""
    if not lost:
        return True
    begun = [connection.begun for connection, _ in lost]
    queue = max(RACE_COUNT, ceil(run.rate * RACE_TIME))
    allowed, span = queue + ceil(run.rate * run.load_lag), RACE_SPAN + run.load_lag
    if len(lost) > allowed or max(begun) - min(begun) > span or any(e.outcome in COMPLETE for _, e in lost):
        return False
    moments = [moment for moment in (closing(run), last_moment(run)) if moment is not None]
    if any(min(abs(moment - one) for moment in moments) > span for one in begun):
        return False
    return not any(
        connection.begun > max(begun) and exchange.outcome in COMPLETE
        for connection, exchange in pairs(run, Population.OPEN_LOOP)
    )


def closing(run: Run) -> float | None:
    """When the listener closed after the signal, by the first refusal or the first look that missed it. None if it
    did not before the end."""
    if run.signalled is None:
        return None
    end = last_moment(run)
    seen = [event.time for event in run.events if event.kind is EventKind.NOT_LISTENING]
    refused = [c.begun for c, exchange in pairs(run, Population.OPEN_LOOP) if exchange.outcome is Outcome.REFUSED]
    moments = [moment for moment in (*seen, *refused) if run.signalled <= moment < end]
    return min(moments, default=None)


def first_process(run: Run) -> ProcessSeen | None:
    """PID 1."""
    return next((process for process in run.processes if process.pid == 1), None)


def events(run: Run, *kinds: EventKind) -> list[Event]:
    """The events of these kinds."""
    return [event for event in run.events if event.kind in kinds]


def unproved(requirement: str, reason: str, *, cause: str = "", evidence: tuple[str, ...] = ()) -> Verdict:
    """The verdict that nothing was proved, and why."""
    return Verdict(requirement, Ruling.NOT_PROVED, reason, evidence=evidence, cause=cause)


def skipped(requirement: str, reason: str, *, evidence: tuple[str, ...] = ()) -> Verdict:
    """The verdict that this is not asked of the service, or not on this engine, and why."""
    return Verdict(requirement, Ruling.SKIPPED, reason, evidence=evidence)


def no_check(workload: str) -> str:
    """That there is no health check to run; of what Kubernetes runs, that its probes are none here."""
    return f"it has no HEALTHCHECK, and probes of {workload} are not run here" if workload else "it has no health check"


def memory_kills(run: Run) -> str:
    """The kernel's kills for memory in words, or the empty string."""
    kills = run.exit.oom_kills if run.exit is not None else 0
    return count(kills, "out-of-memory kill") if kills else ""


def killed_for_memory(run: Run) -> bool:
    """Whether PID 1 itself ended by the kernel's SIGKILL for memory."""
    return run.exit is not None and run.exit.code == 137 and not run.exit.killed and run.exit.oom_kills > 0


def _end_of(run: Run, exit_: Exit) -> str:
    """An end that nobody asked for, with what the engine or the kernel has to say about it."""
    said = next((event.detail for event in events(run, EventKind.EXITED) if event.detail), "")
    what = f"exited with {describe_code(exit_.code)}"
    if killed_for_memory(run):
        return f"was killed for memory ({memory_kills(run)}; {what})"
    memory = f" ({memory_kills(run)})" if exit_.oom_kills else ""
    return what + memory + (f" ({said})" if said else "")


def _never_ready(run: Run, readiness: Readiness) -> str:
    if run.exit is not None:
        when = f"{seconds(run.exit.time)} after its start" if run.exit.time >= AT_EXIT else "at its start"
        return f"the service {_end_of(run, run.exit)} {when}"
    said = f": {readiness.detail}" if readiness.detail else ""
    return f"the service was not ready within {readiness.limit:g} s{said}"


def ready_run(recording: Recording, scenario: Scenario, requirement: str) -> Run | Verdict:
    """The run of a scenario in which the service got ready, or the verdict that nothing can be judged by it."""
    run = recording.run(scenario)
    if run is None:
        return unproved(requirement, recording.why_skipped(scenario) or f"the {scenario.value} drill was not run")
    if not run.readiness.ready:
        verdict = unproved(requirement, _never_ready(run, run.readiness), evidence=last_words(run))
        return replace(verdict, remedy=what_to_build(recording, run))
    return run


def obstacle(recording: Recording, scenario: Scenario, requirement: str, *, calm: bool = True) -> Run | Verdict:
    """The run to judge, or the verdict that it can't be judged. `calm`: only if nothing disturbed the load."""
    run = ready_run(recording, scenario, requirement)
    if isinstance(run, Verdict):
        return run
    if run.signalled is None and run.disturbed:
        return unproved(requirement, f"the {scenario.value} drill did not come to its end: {run.disturbed}")
    if crashed_before(run):
        assert run.exit is not None
        reason = f"the service {_end_of(run, run.exit)} before it was asked to stop"
        return unproved(requirement, reason, evidence=last_words(run))
    if run.signalled is None or run.exit is None:
        return unproved(requirement, f"the {scenario.value} drill did not come to its end")
    if calm and run.disturbed:
        return unproved(requirement, f"the run was disturbed: {run.disturbed}")
    if calm and is_overloaded(run):
        return unproved(requirement, f"{overload(run)}: ask for less with --rate")
    return run
