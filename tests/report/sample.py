"""Two recordings made by hand: a good stop and a terrible one, with verdicts and findings as a trial has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.model.finding import Finding, Severity
from seatrial.model.place import Place
from seatrial.model.recording import (
    Event,
    EventKind,
    Exit,
    LogLine,
    Machine,
    ProcessSeen,
    Readiness,
    Recording,
    Run,
    Scenario,
    Subject,
)
from seatrial.model.traffic import Connection, Exchange, Outcome, Population, Target
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report.trial import Trial, prepare

SIGNAL = 1.0
"""When the signal is sent in the samples."""
TARGET = Target("ipv4", "127.0.0.1", 3000, "/", "default", "/slow", "found in src/server.js:21", 1.5)
MACHINE = Machine(
    "native",
    "6.12.0",
    4,
    rootless=False,
    enforcement=("memory 512 MiB: cgroup2", "ulimit nofile 65536"),
    approximations=("the base image node:22-slim is not used: the programs of this machine are",),
)
READY = Readiness(True, 0.4, "health check", 30.0)


def request(begun: float, ended: float, outcome: Outcome = Outcome.COMPLETE, path: str = "/") -> Exchange:
    """One request."""
    status = 200 if outcome in (Outcome.COMPLETE, Outcome.COMPLETE_CLOSE) else None
    sent = None if outcome is Outcome.REFUSED else begun + 0.001
    return Exchange(path, outcome, begun, sent, ended - 0.001 if status else None, ended, status, body_bytes=12)


def connection(population: Population, number: int, ending: Outcome, *exchanges: Exchange, closed: float) -> Connection:
    """One connection with its requests."""
    begun = exchanges[0].begun if exchanges else SIGNAL - 0.4
    opened = None if ending is Outcome.REFUSED else begun + 0.0005
    return Connection(population, number, begun, opened, closed, ending, exchanges)


def open_loop(until: float, rate: float, after: Outcome, begins: float = SIGNAL) -> Iterator[Connection]:
    """New connections at a fixed rate: answered before `begins`, `after` from then on."""
    for number in range(int((until - 0.6) * rate)):
        begun = 0.6 + number / rate
        outcome = Outcome.COMPLETE if begun < begins else after
        done = begun + (0.01 if outcome is Outcome.COMPLETE else 0.0005)
        ending = Outcome.IDLE_FIN if outcome is Outcome.COMPLETE else outcome
        yield connection(Population.OPEN_LOOP, number, ending, request(begun, done, outcome), closed=done)


def busy(number: int, until: float, last: Outcome) -> Connection:
    """A keep-alive client that sends a request every 20 ms."""
    moments = [0.6 + step * 0.02 for step in range(int((until - 0.6) / 0.02))]
    done = [replace(request(begun, begun + 0.005), reused=begun > 0.6) for begun in moments[:-1]]
    final = replace(request(moments[-1], moments[-1] + 0.005, last), reused=True)
    return connection(Population.KEEP_ALIVE, number, Outcome.IDLE_FIN, *done, final, closed=final.ended or until)


def good_run() -> Run:
    """The program finishes what is in flight, announces the close, refuses what comes late, and exits with 0."""
    stop = SIGNAL + 1.25
    slow = [request(SIGNAL - 0.3, SIGNAL + 1.2, Outcome.COMPLETE_CLOSE, "/slow") for _ in range(3)]
    connections = [
        *(connection(Population.IDLE, n, Outcome.IDLE_FIN, request(0.6, 0.61), closed=SIGNAL + 0.01) for n in range(5)),
        *(connection(Population.NEVER_USED, n, Outcome.IDLE_FIN, closed=SIGNAL + 0.2) for n in range(2)),
        *(
            connection(Population.IN_FLIGHT, n, Outcome.IDLE_FIN, exchange, closed=stop - 0.04)
            for n, exchange in enumerate(slow)
        ),
        *(busy(n, SIGNAL + 0.02, Outcome.COMPLETE_CLOSE) for n in range(3)),
        *open_loop(stop, 50, Outcome.REFUSED, SIGNAL + 0.01),
    ]
    events = (
        Event(0.0, EventKind.STARTED),
        Event(0.3, EventKind.LISTENING, "0.0.0.0:3000"),
        Event(0.35, EventKind.PROBE, "0", "ok"),
        Event(0.4, EventKind.READY, "health check"),
        Event(0.6, EventKind.LOAD, "begun"),
        Event(0.95, EventKind.LOAD, "aimed"),
        Event(SIGNAL, EventKind.SIGNAL, "SIGTERM"),
        Event(SIGNAL + 0.008, EventKind.NOT_LISTENING, "0.0.0.0:3000"),
        Event(stop, EventKind.EXITED, "0"),
        Event(stop + 0.01, EventKind.OUTPUT_ENDED),
    )
    log = (
        LogLine(0.31, "stdout", '{"level":"info","msg":"listening on 3000"}'),
        LogLine(SIGNAL + 0.002, "stdout", '{"level":"info","msg":"SIGTERM: draining 3 requests"}'),
        LogLine(stop - 0.01, "stdout", '{"level":"info","msg":"closed the database, bye"}'),
    )
    processes = (
        ProcessSeen(1, 0, ("node", "src/server.js"), 0.0, stop, stop, handles=(2, 15), user=1000),
        ProcessSeen(8, 1, ("node", "src/worker.js"), 0.2, stop - 0.05, stop - 0.05, handles=(15,), user=1000),
    )
    return Run(
        Scenario.STOP,
        "2026-01-02T03:04:05Z",
        READY,
        TARGET,
        "SIGTERM",
        10.0,
        SIGNAL,
        Exit(stop, 0),
        events=events,
        connections=tuple(connections),
        processes=processes,
        log=log,
        rate=50.0,
        load_lag=0.002,
    )


def terrible_run(rate: float = 50.0) -> Run:
    """npm as PID 1: the program dies at once with requests in flight, the listener resets, npm hangs until SIGKILL."""
    end = SIGNAL + 10.0
    cut = [request(SIGNAL - 0.3, SIGNAL + 0.02, Outcome.FIN, "/slow") for _ in range(3)]
    streams = [request(SIGNAL - 0.35, SIGNAL + 0.02, Outcome.TRUNCATED, "/events")]
    connections = [
        *(connection(Population.IDLE, n, Outcome.IDLE_RST, request(0.6, 0.61), closed=SIGNAL + 0.02) for n in range(5)),
        *(connection(Population.NEVER_USED, n, Outcome.IDLE_OPEN, closed=end) for n in range(2)),
        *(
            connection(Population.IN_FLIGHT, n, Outcome.FIN, exchange, closed=SIGNAL + 0.02)
            for n, exchange in enumerate(cut)
        ),
        connection(Population.STREAM, 0, Outcome.TRUNCATED, *streams, closed=SIGNAL + 0.02),
        *(busy(n, SIGNAL + 0.5, Outcome.RST) for n in range(3)),
        *open_loop(SIGNAL + 4, rate, Outcome.RST),
        *(
            replace(each, number=each.number + 10_000)
            for each in open_loop(end, rate, Outcome.NOT_SERVED)
            if each.begun > SIGNAL + 4
        ),
        connection(Population.SLOW_SENDER, 0, Outcome.TIMED_OUT, request(0.7, end, Outcome.TIMED_OUT), closed=end),
    ]
    events = (
        Event(0.0, EventKind.STARTED),
        Event(0.3, EventKind.LISTENING, "0.0.0.0:3000"),
        Event(0.4, EventKind.READY, "port"),
        Event(0.6, EventKind.LOAD, "begun"),
        Event(SIGNAL, EventKind.SIGNAL, "SIGTERM"),
        Event(SIGNAL + 0.02, EventKind.PROCESS_ENDED, "node server.js", pid=19),
        Event(end, EventKind.SIGNAL, "SIGKILL"),
        Event(end + 0.01, EventKind.EXITED, "137"),
    )
    log = (
        LogLine(0.2, "stdout", "> api@1.0.0 start"),
        LogLine(0.3, "stdout", "listening, password=hunter2hunter2"),
        LogLine(0.31, "stderr", "\x1b]0;owned\x07\x1b[31mred <script>alert(1)</script>\x1b[0m"),
        *(LogLine(0.6 + n * 0.01, "stdout", f"GET / 200 {n}") for n in range(400)),
    )
    processes = (
        ProcessSeen(1, 0, ("npm", "start"), 0.0, end, end + 0.01, handles=(2, 15)),
        ProcessSeen(18, 1, ("sh", "-c", "node server.js"), 0.15, SIGNAL + 0.01, SIGNAL + 0.01),
        ProcessSeen(19, 18, ("node", "server.js"), 0.17, end, None, killed_with_namespace=True),
    )
    return Run(
        Scenario.STOP,
        "2026-01-02T03:04:05Z",
        replace(READY, by="port"),
        replace(TARGET, slow_path="", slow_by="", slow_seconds=0.0),
        "SIGTERM",
        10.0,
        SIGNAL,
        Exit(end + 0.01, 137, 9, killed=True),
        events=events,
        connections=tuple(connections),
        processes=processes,
        log=log,
        log_truncated=12,
        rate=rate,
        load_lag=0.004,
    )


def never_ready_run() -> Run:
    """The service that crashed at its start."""
    return Run(
        Scenario.INTERRUPT,
        "2026-01-02T03:04:30Z",
        Readiness(False, None, "", 30.0, "connection refused"),
        None,
        "SIGINT",
        10.0,
        None,
        Exit(0.2, 1),
        events=(Event(0.0, EventKind.STARTED), Event(0.2, EventKind.EXITED, "1")),
        processes=(ProcessSeen(1, 0, ("npm", "start"), 0.0, 0.2, 0.2),),
        log=(LogLine(0.19, "stderr", "Error: Cannot find module './server.js'"),),
    )


GOOD = Recording(
    "seatrial 0.1.0",
    "2026-01-02T03:04:06Z",
    Subject("api", ("node", "src/server.js"), "Dockerfile:12:1", user="node", stop_signal="SIGTERM"),
    MACHINE,
    (good_run(),),
)
TERRIBLE = Recording(
    "seatrial 0.1.0",
    "2026-01-02T03:04:06Z",
    Subject(
        "api",
        ("npm", "start", "--token", "hunter2"),
        "Dockerfile:9:1",
        final_argv=("node", "server.js"),
        final_place="package.json:6:14",
        stop_signal="SIGTERM",
    ),
    MACHINE,
    (terrible_run(), never_ready_run()),
)

GOOD_VERDICTS = (
    Verdict("handles-sigterm", Ruling.PASS, "PID 1 has a handler for SIGTERM", ("SigCgt of PID 1 has SIGTERM",)),
    Verdict("stops-in-time", Ruling.PASS, "1.25 s of 10 s", figures={"stop_seconds": 1.25, "grace_seconds": 10.0}),
    Verdict("exit-code-clean", Ruling.PASS, "exit code 0", figures={"exit_code": 0}),
    Verdict("in-flight-finish", Ruling.PASS, "3 of 3 requests in flight were answered", ("+1.200 s: 200, 12 bytes",)),
)
TERRIBLE_VERDICTS = (
    Verdict(
        "handles-sigterm",
        Ruling.FAIL,
        "npm start is PID 1; node server.js never got SIGTERM",
        ("PID 1 `npm start` handles SIGTERM", "+0.010 s: `sh -c node server.js` ended", "+10.010 s: exit 137"),
        'write the command as CMD ["node", "server.js"] (Dockerfile:9:1)',
        figures={"stop_seconds": 10.01},
    ),
    Verdict(
        "stops-in-time",
        Ruling.FAIL,
        "SIGKILL was needed after 10 s",
        ("+10.000 s: SIGKILL",),
        "see handles-sigterm",
        cause="handles-sigterm",
    ),
    Verdict("exit-code-clean", Ruling.FAIL, "exit code 137 (128 + SIGKILL)", cause="stops-in-time"),
    Verdict(
        "in-flight-finish",
        Ruling.FAIL,
        "3 of 3 requests in flight were cut",
        ("GET /slow: closed without an answer (FIN) +0.020 s",),
        "close the listener, wait for open requests, then exit",
        figures={"lost": 3, "in_flight": 3},
    ),
    Verdict("init-reaps-orphans", Ruling.NOT_PROVED, "the orphan drill was not run"),
    Verdict("logs-flushed", Ruling.PASS, "403 lines, the last one complete"),
)
FINDINGS = (
    Finding(
        "syntax",
        Severity.WARNING,
        "unknown instruction MAINTAINR",
        Place("Dockerfile", 3, 1),
        "MAINTAINER is deprecated, too: use LABEL org.opencontainers.image.authors",
    ),
    Finding("syntax", Severity.ERROR, "services.api.port is not a key: ports?", Place("compose.yaml", 7, 5)),
)


def good() -> Trial:
    """The good stop, ready to be printed."""
    return prepare(GOOD, GOOD_VERDICTS)


def terrible() -> Trial:
    """The terrible stop, ready to be printed."""
    return prepare(TERRIBLE, TERRIBLE_VERDICTS, FINDINGS, secrets=("hunter2hunter2",))
