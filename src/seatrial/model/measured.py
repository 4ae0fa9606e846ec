"""The figures that a recording holds, by which settings can be advised. It measures nothing and advises nothing.

Each is what was seen under the light load of a drill: the greatest of all runs of the service as its files say it.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.model.recording import WORKER, Recording, Run, Scenario
from seatrial.model.traffic import Connection, Outcome, Population
from seatrial.model.values import dataclass

CHANGED = frozenset(
    {
        Scenario.STAND_IN,
        Scenario.RECOVERY,
        Scenario.PORT_TAKEN,
        Scenario.NO_SETTINGS,
        Scenario.NO_DEPENDENCY,
        Scenario.NON_ROOT,
        Scenario.READ_ONLY,
        Scenario.OTHER_INIT,
        Scenario.MEMORY,
        Scenario.MORE_MEMORY,
    }
)
"""The runs in which something else than the service as it is was started."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, bytes and counts; None where nothing was measured.

    `ready_seconds` is from the start to ready, in runs that nothing disturbed, `healthy_seconds` the same where a
    health check said so, and `quickest_seconds` the least that such a start took; `memory` is the peak of all
    processes together; `descriptors` the most that one process held, `pids` the most processes and threads;
    `stop_seconds` is from the stop signal to an end of its own, `overtime_seconds` the same with a request that never
    ends; `keep_alive_seconds` for how long it keeps an idle connection, and `keep_alive_by` how that is known.
    """

    ready_seconds: float | None = None
    healthy_seconds: float | None = None
    quickest_seconds: float | None = None
    memory: int | None = None
    descriptors: int | None = None
    pids: int | None = None
    stop_seconds: float | None = None
    overtime_seconds: float | None = None
    keep_alive_seconds: float | None = None
    keep_alive_by: str = ""


def measured(recording: Recording) -> Measured:
    """All figures of a recording."""
    own = [run for run in recording.runs if run.scenario not in CHANGED and run.readiness.ready]
    starts = [run.readiness for run in own if run.readiness.time and not run.disturbed]
    ready = [start.time for start in starts if start.time and start.by != WORKER]
    healthy = [start.time for start in starts if start.time and start.by == "health check"]
    usage = [used for run in own for used in run.usage]
    seconds, by = keep_alive(own)
    return Measured(
        ready_seconds=max(ready, default=None),
        healthy_seconds=max(healthy, default=None),
        quickest_seconds=min(healthy or ready, default=None),
        memory=max((used.memory for used in usage), default=None),
        descriptors=max((used.most_descriptors for used in usage), default=0) or None,
        pids=max((used.tasks for used in usage), default=0) or None,
        stop_seconds=_stop(recording.run(Scenario.STOP)),
        overtime_seconds=_stop(recording.run(Scenario.OVERTIME)),
        keep_alive_seconds=seconds,
        keep_alive_by=by,
    )


def _stop(run: Run | None) -> float | None:
    """From the signal to the end, where it was the service's own."""
    if run is None or run.signalled is None or run.exit is None or run.exit.killed or run.exit.time < run.signalled:
        return None
    return round(run.exit.time - run.signalled, 6)


def keep_alive(runs: list[Run]) -> tuple[float | None, str]:
    """For how long an idle connection is kept, and how that is known."""
    connections = [connection for run in runs for connection in run.connections]
    said = [exchange.keep_alive for connection in connections for exchange in connection.exchanges]
    if any(said):
        return max(said), "its own Keep-Alive header"
    seen = [seconds for run in runs for seconds in _kept(run)]
    return (round(max(seen), 3), "an idle connection that it closed") if seen else (None, "")


def _kept(run: Run) -> Iterator[float]:
    """How long idle connections were kept that the service closed before it was asked to stop."""
    until = run.signalled if run.signalled is not None else (run.exit.time if run.exit is not None else float("inf"))
    for connection in run.connections:
        seconds = _idle_seconds(connection)
        if seconds is not None and connection.closed is not None and connection.closed < until:
            yield seconds


def _idle_seconds(connection: Connection) -> float | None:
    if connection.population is not Population.IDLE or connection.ending is not Outcome.IDLE_FIN:
        return None
    last = connection.exchanges[-1].ended if connection.exchanges else None
    return connection.closed - last if connection.closed is not None and last is not None else None
