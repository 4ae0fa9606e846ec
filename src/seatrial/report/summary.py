"""What happened in a run, in numbers and a sentence: shared by the terminal, JSON and HTML reports. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from seatrial.model.memory import TRIES, mib
from seatrial.model.recording import Recording, Run
from seatrial.model.traffic import Connection, Exchange, Outcome, Population
from seatrial.report.words import clean, count, exit_code, seconds


@dataclass(frozen=True, slots=True)
class Tally:
    """One population of a run: its connections, and outcomes of the requests that ended before or after the signal.

    A connection without any request counts with how it ended. `after` is everything where there was no signal.
    """

    population: Population
    connections: int
    before: Counter[Outcome]
    after: Counter[Outcome]


def stop_seconds(run: Run) -> float | None:
    """From the signal to the end of PID 1; None where either did not come, or the end came first."""
    if run.signalled is None or run.exit is None or run.exit.time < run.signalled:
        return None
    return run.exit.time - run.signalled


def tallies(run: Run) -> tuple[Tally, ...]:
    """Every population that took part, in the order of their enum."""
    return tuple(
        _tally(population, connections, run.signalled)
        for population in Population
        if (connections := [each for each in run.connections if each.population is population])
    )


def _tally(population: Population, connections: list[Connection], signalled: float | None) -> Tally:
    before: Counter[Outcome] = Counter()
    after: Counter[Outcome] = Counter()
    for outcome, moment in _ends(connections):
        (before if signalled is not None and moment is not None and moment < signalled else after)[outcome] += 1
    return Tally(population, len(connections), before, after)


def _ends(connections: Iterable[Connection]) -> Iterable[tuple[Outcome, float | None]]:
    for connection in connections:
        for exchange in connection.exchanges:
            yield exchange.outcome, moment_of(exchange)
        if not connection.exchanges:
            yield connection.ending, connection.closed


def moment_of(exchange: Exchange) -> float:
    """When an exchange counts: its end, or its beginning where it never ended."""
    return exchange.ended if exchange.ended is not None else exchange.begun


def load_line(recording: Recording) -> str:
    """Where the load went, as recorded: "http://[::1]:3000, quick / (default), slow /report (found in a.js:12)"."""
    target = next((run.target for run in recording.runs if run.target is not None), None)
    if target is None:
        return ""
    address = f"[{target.address}]" if target.family == "ipv6" else target.address
    parts = [target.address if target.family == "unix" else f"http://{address}:{target.port}"]
    parts.append(f"quick {target.quick_path} ({target.quick_by})")
    if target.slow_path:
        parts.append(f"slow {target.slow_path}" + (f" ({target.slow_by})" if target.slow_by else ""))
    else:
        parts.append("no slow path" + (f" ({target.slow_by})" if target.slow_by else ""))
    if target.stream_path:
        parts.append(f"stream {target.stream_path}")
    return clean(", ".join(parts))


def warnings(recording: Recording) -> tuple[str, ...]:
    """What no requirement asks, and yet would keep the service from working in a container."""
    alone = next((run.target for run in recording.runs if run.target is not None and run.target.loopback_only), None)
    if alone is None:
        return ()
    every = "0.0.0.0" if alone.family == "ipv4" else ":: or 0.0.0.0"
    return (f"it listens on {clean(alone.address)} only: in a container nothing outside reaches it; listen on {every}",)


def outcomes(counted: Counter[Outcome]) -> str:
    """Counts by outcome, the most frequent first: "4 complete, 2 reset (RST)"."""
    ordered = sorted(counted.items(), key=lambda item: (-item[1], list(Outcome).index(item[0])))
    return ", ".join(f"{number} {outcome.value}" for outcome, number in ordered) or "none"


def sentence(run: Run) -> str:
    """How the run went: "ready after 0.40 s (health check), SIGTERM, exit code 0 after 1.25 s of 10 s"."""
    parts = _replaced(run) if run.replicas else _stopped(run)
    if run.disturbed:
        parts.append(f"disturbed: {clean(run.disturbed)}")
    return ", ".join(parts)


def _replaced(run: Run) -> list[str]:
    """Of a service on a distributed engine."""
    told = sum(replica.told is not None for replica in run.replicas)
    new = sum(replica.created is not None for replica in run.replicas)
    parts = [f"{count(told, 'replica')} replaced by {new} new"]
    ended = max((replica.ended for replica in run.replicas if replica.ended is not None), default=None)
    if ended is not None and run.signalled is not None:
        parts.append(f"the last one ended {seconds(ended - run.signalled)} after it was asked for")
    return parts


def _stopped(run: Run) -> list[str]:
    parts = [f"with {mib(run.memory)} of memory"] if run.scenario in TRIES else []
    parts.append(_readiness(run))
    if run.signalled is not None:
        parts.append(run.signal + (" twice" if run.second_signalled is not None else ""))
    if run.exit is not None or run.signal:
        parts.append(_ending(run))
    if run.exit is not None and run.exit.oom_kills:
        parts.append(count(run.exit.oom_kills, "out-of-memory kill"))
    return parts


def _readiness(run: Run) -> str:
    readiness = run.readiness
    if readiness.ready and readiness.time is not None:
        return f"ready after {seconds(readiness.time)}" + (f" ({readiness.by})" if readiness.by else "")
    said = f": {clean(readiness.detail)}" if readiness.detail else ""
    return f"never ready{said}"


def _ending(run: Run) -> str:
    if run.exit is None:
        return "no exit was seen"
    stop = stop_seconds(run)
    told = f"exit code {exit_code(run.exit.code)}"
    if stop is None:
        if run.exit.killed and not run.signal:
            return "ended by the drill"
        unasked = ", before it was asked to stop" if run.signal else ""
        return f"{told} after {seconds(run.exit.time)}{unasked}"
    killed = ", killed" if run.exit.killed else ""
    return f"{told} after {seconds(stop)} of {run.grace:g} s{killed}"
