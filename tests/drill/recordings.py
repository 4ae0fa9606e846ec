"""Hand-built recordings for table tests: a stop that is right in every way, and small changes of it.

Times: the service starts at 0, is ready at 0.5, gets its signal at 2.0 and ends at 3.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from seatrial.model.recording import (
    Event,
    EventKind,
    Exit,
    Health,
    LogLine,
    Machine,
    Probe,
    ProcessSeen,
    Readiness,
    Recording,
    Run,
    Scenario,
    Skipped,
    Subject,
    Usage,
)
from seatrial.model.service import Image, Layer
from seatrial.model.traffic import Asked, Connection, Exchange, Outcome, Population, Target

SIGNAL = 2.0
END = 3.0
KILL = 12.0
TERM = 15

O, P, K = Outcome, Population, EventKind  # noqa: E741 - one letter for a column of a table

SUBJECT = Subject(
    name="api", argv=("node", "server.js"), argv_place="Dockerfile:9:1", stop_signal="SIGTERM", grace=10.0
)
MACHINE = Machine("native", "6.1", 2, False, ("memory: cgroup1",), ("the files of this host",))
TARGET = Target("ipv4", "127.0.0.1", 3000, "/health", "health check", "/slow", "--slow-path", 1.2)
PID_ONE = ProcessSeen(1, 0, ("node", "server.js"), 0.0, END, END, handles=(2, TERM))


def exchange(
    outcome: Outcome,
    sent: float,
    ended: float | None,
    *,
    path: str = "/health",
    status: int | None = None,
    reused: bool = False,
    first_byte: float | None = None,
    mark: str = "",
    detail: str = "",
) -> Exchange:
    """A request that was sent just before `sent`; a whole answer has status 200 and its first byte at its end."""
    whole = outcome in (O.COMPLETE, O.COMPLETE_CLOSE)
    return Exchange(
        path=path,
        outcome=outcome,
        begun=sent - 0.001,
        sent=None if outcome is O.REFUSED else sent,
        first_byte=first_byte if first_byte is not None else (ended if whole else None),
        ended=ended,
        status=status if status is not None else (200 if whole else None),
        reused=reused,
        detail=detail,
        mark=mark,
    )


def connection(population: Population, number: int, *exchanges: Exchange, **changes: Any) -> Connection:
    """A connection around its exchanges, which ends as the last of them did."""
    begun = exchanges[0].begun if exchanges else changes.get("opened", 1.0)
    values: dict[str, Any] = {
        "opened": begun + 0.0005,
        "closed": exchanges[-1].ended if exchanges else None,
        "ending": exchanges[-1].outcome if exchanges else O.IDLE_OPEN,
    }
    return Connection(population, number, begun, exchanges=exchanges, **{**values, **changes})


def idle(number: int = 0, closed: float = SIGNAL + 0.01, ending: Outcome = O.IDLE_FIN) -> Connection:
    """A connection that served one request long before the signal."""
    return connection(P.IDLE, number, exchange(O.COMPLETE, 1.0, 1.01), closed=closed, ending=ending)


def slow(outcome: Outcome = O.COMPLETE_CLOSE, ended: float = END - 0.1, number: int = 0, **changes: Any) -> Connection:
    """A slow request that was in flight at the signal."""
    return connection(P.IN_FLIGHT, number, exchange(outcome, SIGNAL - 0.2, ended, path="/slow", **changes))


def half(outcome: Outcome = O.COMPLETE_CLOSE, ended: float = SIGNAL + 0.3) -> Connection:
    """A request whose last bytes were sent after the signal."""
    one = replace(exchange(outcome, SIGNAL + 0.001, ended), begun=SIGNAL - 0.3)
    return connection(P.HELD, 0, one)


def new(begun: float, outcome: Outcome, took: float = 0.004, **changes: Any) -> Connection:
    """A new connection with one request."""
    return connection(P.OPEN_LOOP, int(begun * 1000), exchange(outcome, begun + 0.001, begun + took, **changes))


def news(outcome: Outcome, begin: float, end: float, step: float = 0.02) -> list[Connection]:
    """New connections at a steady rate."""
    return [new(begin + step * index, outcome) for index in range(round((end - begin) / step))]


def busy(*exchanges: Exchange, number: int = 0) -> Connection:
    """A keep-alive client that went on sending."""
    return connection(P.KEEP_ALIVE, number, exchange(O.COMPLETE, 1.5, 1.51), *exchanges)


GOOD_LOAD = (
    *(idle(number) for number in range(5)),
    *(slow(number=number) for number in range(3)),
    busy(exchange(O.COMPLETE_CLOSE, SIGNAL + 0.02, SIGNAL + 0.03, reused=True)),
    *news(O.COMPLETE, 1.5, SIGNAL),
    *news(O.REFUSED, SIGNAL + 0.01, END),
)
EVENTS = (
    Event(0.0, K.STARTED),
    Event(0.4, K.LISTENING, "127.0.0.1:3000"),
    Event(0.5, K.READY, "HTTP"),
    Event(SIGNAL, K.SIGNAL, "SIGTERM"),
    Event(SIGNAL + 0.05, K.NOT_LISTENING, "127.0.0.1:3000"),
    Event(END, K.EXITED, "0"),
    Event(END, K.OUTPUT_ENDED, "stdout"),
)
LOG = (LogLine(0.4, "stdout", "listening"), LogLine(SIGNAL + 0.01, "stdout", "stopping"), LogLine(END, "stdout", "bye"))

STOP = Run(
    scenario=Scenario.STOP,
    started_at="2026-01-02T03:04:05.678+00:00",
    readiness=Readiness(True, 0.5, "HTTP", 60.0, "answered 200"),
    target=TARGET,
    signal="SIGTERM",
    grace=10.0,
    signalled=SIGNAL,
    exit=Exit(END, 0),
    events=EVENTS,
    connections=GOOD_LOAD,
    processes=(PID_ONE,),
    log=LOG,
    rate=50.0,
)


def recording(*runs: Run, **subject: Any) -> Recording:
    """A recording of these runs."""
    return Recording("seatrial 0", "2026-01-02T03:04:05+00:00", replace(SUBJECT, **subject), MACHINE, runs)


def changed(
    run: Run = STOP, /, *, without: Iterable[Population] = (), plus: Iterable[Connection] = (), **changes: Any
) -> Run:
    """The run with populations taken away, connections added, and fields changed."""
    gone = set(without)
    kept = tuple(one for one in changes.pop("connections", run.connections) if one.population not in gone)
    return replace(run, connections=(*kept, *plus), **changes)


def ignored(**changes: Any) -> Run:
    """PID 1 without a handler: it serves on through the whole grace period, then SIGKILL."""
    values: dict[str, Any] = {
        "exit": Exit(KILL + 0.02, 137, 9, killed=True),
        "events": (*EVENTS[:4], Event(KILL, K.SIGNAL, "SIGKILL"), Event(KILL + 0.02, K.EXITED, "137")),
        "processes": (replace(PID_ONE, handles=(), ended=KILL + 0.02),),
        "connections": (
            *(idle(number, KILL + 0.02) for number in range(5)),
            *(slow(O.COMPLETE, number=number) for number in range(3)),
            busy(*(exchange(O.COMPLETE, SIGNAL + 0.5 * n, SIGNAL + 0.5 * n + 0.01, reused=True) for n in range(1, 18))),
            *news(O.COMPLETE, 1.5, KILL - 0.01),
            new(KILL - 0.005, O.NOT_SERVED, 0.03),
            new(KILL + 0.005, O.REFUSED),
        ),
    }
    return replace(STOP, **{**values, **changes})


def default_action(**changes: Any) -> Run:
    """Under an init a program without a handler dies at once, with all that is in flight."""
    end = SIGNAL + 0.005
    values: dict[str, Any] = {
        "exit": Exit(end, 143),
        "events": (*EVENTS[:4], Event(end, K.EXITED, "143")),
        "processes": (
            ProcessSeen(1, 0, ("tini", "--", "node", "server.js"), 0.0, end, end),
            ProcessSeen(7, 1, ("node", "server.js"), 0.01, end, end, signal=TERM),
        ),
        "connections": (
            *(idle(number, end) for number in range(5)),
            *(slow(O.FIN, end, number=number) for number in range(3)),
            busy(exchange(O.FIN, SIGNAL - 0.001, end, reused=True)),
            *news(O.COMPLETE, 1.5, SIGNAL),
            new(SIGNAL - 0.002, O.RST, 0.006),
        ),
    }
    return replace(STOP, **{**values, **changes})


def orphan(kind: EventKind | None, detail: str = "") -> Run:
    """The run in which an orphan was made."""
    made = (Event(1.0, kind, "orphan", detail, 12),) if kind else ()
    why = "" if kind else "no shell to make an orphan with"
    return replace(
        STOP, scenario=Scenario.ORPHAN, signalled=None, exit=None, connections=(), events=made, disturbed=why
    )


def second(**changes: Any) -> Run:
    """A second signal during the drain."""
    return replace(STOP, scenario=Scenario.SECOND_SIGNAL, **{"second_signalled": SIGNAL + 0.25, **changes})


def slow_clients(**changes: Any) -> Run:
    """Two clients that never sent anything, two that send a byte a second."""
    clients = (
        *(connection(P.NEVER_USED, n, opened=1.0, closed=SIGNAL + 0.2, ending=O.IDLE_FIN) for n in range(2)),
        *(connection(P.SLOW_SENDER, n, opened=1.0, closed=END, ending=O.RST) for n in range(2)),
    )
    return replace(STOP, scenario=Scenario.SLOW_CLIENTS, **{"connections": clients, **changes})


def interrupt(**changes: Any) -> Run:
    """SIGINT instead of the stop signal."""
    return replace(STOP, scenario=Scenario.INTERRUPT, **{"signal": "SIGINT", **changes})


HEALTH = Health(10.0, 2.0, 3, 0.0)


def probe(situation: str, code: int | None, begun: float = 1.0, took: float = 0.1, said: str = "") -> Probe:
    """One run of the health check in a situation."""
    return Probe(situation, begun, begun + took, code, 2.0, said)


def act(scenario: Scenario, **changes: Any) -> Run:
    """The run of an act, in which nothing was asked to stop."""
    values: dict[str, Any] = {"exit": None, "events": EVENTS[:3], "connections": (), "log": LOG[:1], **changes}
    return replace(STOP, scenario=scenario, signal="", signalled=None, rate=0.0, **values)


def freeze(*probes: Probe, **changes: Any) -> Run:
    """A frozen service, with the probes of its health check: three that fail where none are given."""
    asked = probes or tuple(probe("frozen", None, 1.0 + 0.25 * n, 2.0) for n in range(3))
    frozen = (*EVENTS[:3], Event(1.0, K.FROZEN, "2"))
    return act(Scenario.FREEZE, **{"probes": asked, "events": frozen, **changes})


def stand_in(*probes: Probe, **changes: Any) -> Run:
    """The health check without the service: it fails where none are given."""
    return act(Scenario.STAND_IN, **{"probes": probes or (probe("refused", 7), probe("error", 22)), **changes})


def killed(pid: int, time: float = 1.0, what: str = "program") -> Event:
    """SIGKILL to a process."""
    return Event(time, K.KILLED, what, "node server.js", pid)


def crash(code: int | None = 137, *more: Event, **changes: Any) -> Run:
    """The program was killed, and PID 1 ended with this code (None: it runs on)."""
    ended = None if code is None else Exit(1.01, code)
    return act(Scenario.CRASH, **{"exit": ended, "events": (*EVENTS[:3], *more, killed(1)), **changes})


def recovery(back: float | None = 2.0, **changes: Any) -> Run:
    """The program was killed at 1.0 and ready again at `back`."""
    again = (Event(back, K.READY, "HTTP"),) if back is not None else ()
    return act(Scenario.RECOVERY, **{"events": (*EVENTS[:3], killed(3), *again), **changes})


def raised(scenario: Scenario, code: int | None = 1, said: str = "Error: raised by a drill", **changes: Any) -> Run:
    """An error was raised at 1.0; the program ended with this code after it wrote this."""
    ended = None if code is None else Exit(1.05, code)
    log = (LOG[0], *((LogLine(1.02, "stderr", said),) if said else ()))
    return act(
        scenario, **{"exit": ended, "log": log, "events": (*EVENTS[:3], Event(1.0, K.RAISED, "", pid=1)), **changes}
    )


def taken(code: int | None = 1, said: str = "Error: listen EADDRINUSE", **changes: Any) -> Run:
    """Its port was taken at 0.4; it ended with this code at 0.7."""
    ended = None if code is None else Exit(0.7, code)
    log = (LogLine(0.6, "stderr", said),) if said else ()
    return act(Scenario.PORT_TAKEN, **{"exit": ended, "log": log, "events": EVENTS[:2], **changes})


def unset(code: int | None = 1, said: str = "DB_URL is not set", ready: bool = False, **changes: Any) -> Run:
    """It was started without its settings, and ended with this code."""
    ended = None if code is None else Exit(0.3, code)
    log = (LogLine(0.2, "stderr", said),) if said else ()
    state = Readiness(ready, 0.5 if ready else None, "HTTP" if ready else "", 10.0, "")
    return act(Scenario.NO_SETTINGS, **{"exit": ended, "log": log, "readiness": state, **changes})


MIB = 1 << 20
JSON_LINE = '{"level":"info","time":1,"message":"request","id":"%s"}'


def load(log: Iterable[str] | None = None, requests: int = 20, memory: int = 50, **changes: Any) -> Run:
    """Requests from 1.0 on, each with a line that has its id where no other log is given; memory in MiB."""
    marks = [f"{number:032x}" for number in range(requests)]
    told = [JSON_LINE % mark for mark in marks] if log is None else list(log)
    values = {
        "exit": Exit(3.0, 137, killed=True),
        "rate": 40.0,
        "log": tuple(LogLine(1.5, "stdout", text) for text in told),
        "connections": tuple(new(1.0 + 0.02 * n, O.COMPLETE, mark=mark) for n, mark in enumerate(marks)),
        "usage": (Usage(1.0, memory * MIB // 2, 20, 2, 10, 18), Usage(1.2, memory * MIB, 22, 2, 12, 20)),
        "nofile": (1024, 4096),
    }
    return replace(STOP, scenario=Scenario.LOAD, signal="", signalled=None, events=EVENTS[:3], **{**values, **changes})


def at_limit(limit: int = 80, took: float = 0.004, scenario: Scenario = Scenario.MEMORY, **changes: Any) -> Run:
    """The same requests at a proposed limit in MiB, each answered within this time."""
    answers = tuple(new(1.0 + 0.02 * n, O.COMPLETE, took) for n in range(20))
    return replace(load(), scenario=scenario, usage=(), memory=limit * MIB, **{"connections": answers, **changes})


def confined(scenario: Scenario, *said: str, **changes: Any) -> Run:
    """The run with fewer rights, in which it wrote this and answered."""
    log = tuple(LogLine(1.5, "stderr", text) for text in said)
    return replace(load(), scenario=scenario, usage=(), **{"exit": None, "log": log, **changes})


def asked(
    purpose: str, situation: str, said: int | Outcome, begun: float, dependency: str = "", took: float = 0.005
) -> Asked:
    """One answer of a health path: a status, or what came instead."""
    path = "/ready" if purpose == "readiness" else "/health"
    if isinstance(said, Outcome):
        return Asked(purpose, situation, exchange(said, begun, begun + took, path=path), dependency)
    return Asked(purpose, situation, exchange(O.COMPLETE, begun, begun + took, path=path, status=said), dependency)


STOPPING = (
    *(asked("readiness", "stopping", 200, SIGNAL - 0.2 + 0.05 * n) for n in range(4)),
    *(asked("readiness", "stopping", 503, SIGNAL + 0.02 + 0.05 * n) for n in range(20)),
)
"""Readiness at a stop that says so first."""
LISTENING_ON = replace(
    STOP,
    asked=STOPPING,
    connections=(
        *(one for one in GOOD_LOAD if one.population is not P.OPEN_LOOP),
        *news(O.COMPLETE, 1.5, SIGNAL),
        *news(O.COMPLETE_CLOSE, SIGNAL, SIGNAL + 0.98),
    ),
    events=tuple(replace(one, time=SIGNAL + 0.98) if one.kind is K.NOT_LISTENING else one for one in EVENTS),
)
"""The same stop, whose listener is open for as long as a balancer needs to notice."""
CACHE = "cache:6379"


def dependency(deep: bool = True, shallow: bool = True, **changes: Any) -> Run:
    """A dependency was cut at 1, restored at 2, slow at 3, restored at 4; `shallow` liveness and `deep` readiness."""
    told = []
    for begun, situation, wrong in (
        (0.6, "well", 0),
        (1.1, "cut", 1),
        (2.1, "restored", 0),
        (3.1, "slow", 1),
        (4.1, "restored", 0),
    ):
        name = CACHE if situation != "well" else ""
        told += [
            asked("readiness", situation, 503 if wrong and deep else 200, begun, name),
            asked("liveness", situation, 503 if wrong and not shallow else 200, begun, name),
        ]
    steps = (Event(at, K.DEPENDENCY, CACHE, what) for at, what in ((1.0, "cut"), (2.0, "restored"), (3.0, "slow")))
    return act(Scenario.DEPENDENCY, **{"asked": tuple(told), "events": (*EVENTS[:3], *steps), **changes})


def overtime(took: float = 5.0, killed: bool = False, **changes: Any) -> Run:
    """A request whose body never came whole, until the program gave it up."""
    end = SIGNAL + took
    open_one = connection(P.UNFINISHED, 0, exchange(O.FIN, 1.0, end))
    ended = Exit(end, 137, 9, killed=True) if killed else Exit(end, 1)
    return replace(STOP, scenario=Scenario.OVERTIME, **{"connections": (open_one,), "exit": ended, **changes})


def other_init(code: int = 0, cut: bool = False, **changes: Any) -> Run:
    """The same stop the other way round."""
    load = slow(O.FIN, SIGNAL + 0.005) if cut else slow()
    values = {"connections": (load,), "exit": Exit(END, code), **changes}
    return replace(STOP, scenario=Scenario.OTHER_INIT, **values)


def rollout(*more: Connection, switched: float = SIGNAL - 0.01, **changes: Any) -> Run:
    """It was replaced just before the signal, and nothing was lost but what is given."""
    steps = (Event(1.0, K.REPLACED, "new ready"), Event(switched, K.REPLACED, "switched"))
    load = (*(slow(number=n) for n in range(3)), *news(O.COMPLETE, 1.5, END + 0.5), *more)
    return replace(STOP, scenario=Scenario.ROLLOUT, **{"connections": load, "events": (*EVENTS, *steps), **changes})


def work(*words: str, before: tuple[str, ...] = ("given", "taken"), **changes: Any) -> Run:
    """A job was in hand at the signal; afterwards these words were said of it."""
    told = [Event(1.0 + 0.1 * n, K.WORK, word) for n, word in enumerate(before)]
    told += [Event(END + 0.1 * n, K.WORK, word) for n, word in enumerate(words)]
    return replace(STOP, scenario=Scenario.WORK, **{"connections": (), "events": (*EVENTS, *told), **changes})


def all_good(**subject: Any) -> Recording:
    """A trial in which everything is right."""
    stops = (LISTENING_ON, second(), slow_clients(), interrupt(), orphan(K.REAPED, "reaped at once"))
    errors = (raised(Scenario.EXCEPTION), raised(Scenario.REJECTION))
    asked = (*EVENTS[:2], Event(0.45, K.PROBE, "exit code 0"), *freeze().events[2:])
    acts = (
        freeze(events=asked),
        stand_in(),
        crash(),
        recovery(),
        *errors,
        taken(),
        unset(),
        load(),
        confined(Scenario.READ_ONLY),
    )
    acts = (*acts, at_limit())
    healthy = Readiness(True, 0.5, "health check", 60.0, "exit code 0")
    acts = tuple(replace(run, readiness=healthy) if run.scenario is Scenario.LOAD else run for run in acts)
    acts = (*acts, dependency(), overtime(), other_init(), rollout(), work("done"))
    said = {"health": HEALTH, "restart": "always", "composed": True, "memory": 128 * MIB, "pids": 128}
    said |= {"liveness": "/health", "readiness": "/ready"}
    said |= {"healthcheck": ("CMD", "curl", "-f", "http://127.0.0.1:3000/health")}
    said |= {"image": Image("api:1", 120_000_000, (Layer(80_000_000, "RUN npm ci --omit=dev"),))}
    user = replace(PID_ONE, user=1000)
    stops = (replace(stops[0], processes=(user,)), *stops[1:])
    whole = recording(*stops, *acts, **{**said, **subject})
    skipped = (Skipped(Scenario.NON_ROOT, "it runs as user 1000 already"),)
    return replace(whole, skipped=skipped, machine=replace(MACHINE, enforcement=("memory 128 MiB: cgroup1",)))
