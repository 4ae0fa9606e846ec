"""What an exercise saw, as values: a `Run` whose times are all counted from the instance's start.

It is read off when the exercise is over and closed, and changes nothing; it rules nothing either.
"""

from __future__ import annotations

import time
from dataclasses import replace

from seatrial.drill.exercise import Exercise
from seatrial.drill.outside import KEPT
from seatrial.drill.watch import is_nameless
from seatrial.model.recording import (
    Event,
    EventKind,
    Exit,
    Probe,
    ProcessSeen,
    Run,
    Scenario,
)
from seatrial.model.service import signal_name, signal_number
from seatrial.model.traffic import Connection, Exchange, Outside

LAG_LIMIT = 0.3
"""A load generator this late measured the machine and not the service."""


def record(exercise: Exercise) -> Run:
    """The run as values, all times relative to the instance's start. Called after `close`."""
    zero = exercise.instance.started if exercise.instance is not None else time.monotonic()
    log = exercise.book.lines(zero)
    recipe = exercise.recipe
    name = (recipe.signal or signal_name(signal_number(exercise.service.effective_stop_signal))) if recipe else ""
    lag = exercise.result.lag
    late = f"the load generator was {lag:.2f} s late" if lag > LAG_LIMIT else ""
    if exercise.result.skipped:
        late = f"{exercise.result.skipped} connections were due and could not be opened: too many were open"
    moments = [round(moment - zero, 6) for moment in exercise.signals]
    return Run(
        scenario=exercise.scenario,
        started_at=exercise.started_at,
        readiness=exercise.readiness,
        target=exercise.target,
        signal=name,
        grace=exercise.grace,
        signalled=moments[0] if moments else None,
        second_signalled=moments[1] if len(moments) > 1 else None,
        exit=_exit(exercise, zero),
        events=_all_events(exercise, zero),
        connections=tuple(relative(connection, zero) for connection in exercise.result.connections),
        processes=_processes(exercise, zero),
        log=log,
        log_truncated=exercise.book.dropped,
        rate=exercise.rate,
        load_lag=lag,
        disturbed=exercise.disturbed or late,
        probes=tuple(_probe(exercise, probe, zero) for probe in exercise.probes),
        files=exercise.files,
        bulk=exercise.result.bulk,
        outside=_outside(exercise),
        usage=tuple(replace(used, time=round(used.time - zero, 6)) for used in exercise.usage),
        asked=tuple(replace(one, exchange=moved(one.exchange, zero)) for one in exercise.asked),
        nofile=exercise.nofile,
        samples=exercise.watcher.samples(zero) if exercise.watcher else (),
        memory=limit.value if (limit := exercise.service.limits.memory) else 0,
        charged=exercise.charged,
    )


def _outside(exercise: Exercise) -> Outside | None:
    """What became of the user's load command. Where the begin of its output was not kept, that may have been the first
    half of a secret."""
    if exercise.outside is None:
        return None
    told = exercise.outside.outside()
    said = exercise.clean(told.output)
    is_cut = len(told.output.encode(errors="replace")) >= KEPT
    return replace(told, output=said[exercise.longest_secret :] if is_cut else said)


def _probe(exercise: Exercise, probe: Probe, zero: float) -> Probe:
    """A probe with its times counted from `zero`, and without secrets."""
    said = exercise.clean(probe.output).strip().replace("\n", " | ")[:300]
    return replace(probe, begun=round(probe.begun - zero, 6), ended=round(probe.ended - zero, 6), output=said)


def record_orphan(exercise: Exercise) -> Run:
    """The ORPHAN run, where it shared the instance of another scenario."""
    event, why = exercise.orphan or (None, "the service ended before")
    zero = exercise.instance.started if exercise.instance is not None else 0.0
    return replace(
        record(exercise),
        scenario=Scenario.ORPHAN,
        signal="",
        signalled=None,
        second_signalled=None,
        exit=None,
        events=(replace(event, time=round(event.time - zero, 6)),) if event else (),
        connections=(),
        asked=(),
        log=(),
        log_truncated=0,
        rate=0.0,
        load_lag=0.0,
        samples=(),
        disturbed=why,
    )


def _processes(exercise: Exercise, zero: float) -> tuple[ProcessSeen, ...]:
    """All that were seen. A PID 1 that ended before it was seen with its arguments has those of the command."""
    seen = exercise.watcher.record(zero, exercise.ended) if exercise.watcher else ()
    command = exercise.service.argv.value if exercise.service.argv else ()
    init = exercise.instance.init if exercise.instance is not None else ""
    argv = (init, "--", *command) if init else command
    return tuple(replace(one, argv=argv) if one.pid == 1 and argv and is_nameless(one.argv) else one for one in seen)


def _exit(exercise: Exercise, zero: float) -> Exit | None:
    if exercise.ended is None:
        return None
    ended = exercise.ended
    return Exit(round(ended.time - zero, 6), ended.code, ended.signal, exercise.killed, ended.oom_kills)


def _all_events(exercise: Exercise, zero: float) -> tuple[Event, ...]:
    """Everything that happened, in order. What vanished together with PID 1 is its end, and no event of its own."""
    watched = exercise.watcher.events if exercise.watcher else []
    end = exercise.ended.time if exercise.ended else float("inf")
    kept = [e for e in watched if not (e.kind is EventKind.NOT_LISTENING and e.time >= end)]
    found = [replace(e, time=round(e.time - zero, 6)) for e in (*kept, *exercise.events)]
    found += exercise.watcher.end_events(zero, exercise.ended) if exercise.watcher else []
    notices = exercise.instance.notices if exercise.instance is not None else ()
    found += [Event(round(told.time - zero, 6), EventKind.ENGINE, told.what) for told in notices]
    found += [Event(round(t - zero, 6), EventKind.OUTPUT_ENDED, stream) for stream, t in exercise.book.ended.items()]
    if exercise.ended is not None:
        moment = round(exercise.ended.time - zero, 6)
        found.append(Event(moment, EventKind.EXITED, str(exercise.ended.code), exercise.ended.error))
        if exercise.ended.oom_kills:
            found.append(Event(moment, EventKind.OOM, str(exercise.ended.oom_kills)))
    return tuple(sorted([Event(0.0, EventKind.STARTED), *found], key=lambda event: event.time))


def _since(moment: float | None, zero: float) -> float | None:
    return None if moment is None else round(moment - zero, 6)


def moved(exchange: Exchange, zero: float) -> Exchange:
    """An exchange with its times counted from `zero`."""
    return replace(
        exchange,
        begun=round(exchange.begun - zero, 6),
        sent=_since(exchange.sent, zero),
        first_byte=_since(exchange.first_byte, zero),
        ended=_since(exchange.ended, zero),
    )


def relative(connection: Connection, zero: float) -> Connection:
    """A connection with its times counted from `zero`."""
    return replace(
        connection,
        begun=round(connection.begun - zero, 6),
        opened=_since(connection.opened, zero),
        closed=_since(connection.closed, zero),
        announced=_since(connection.announced, zero),
        exchanges=tuple(moved(one, zero) for one in connection.exchanges),
    )
