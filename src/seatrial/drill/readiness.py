"""Waiting until a service is ready: by its own health check, else by what listens and answers.

The health check runs by the contract inside the instance, only more often than its interval says, because a drill does
not wait half a minute for the first look. A service that ends, or never becomes ready, is a result and no exception.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from seatrial.drill.options import Candidates, DrillOptions
from seatrial.drill.watch import Watcher, where
from seatrial.engine.contract import health
from seatrial.engine.interface import ExecResult, Instance, Listener
from seatrial.load.remote import Load
from seatrial.model.recording import WORKER, Event, EventKind, Readiness
from seatrial.model.served import SERVER_ERROR
from seatrial.model.service import Healthcheck, Service
from seatrial.model.traffic import COMPLETE, Exchange, Outcome, Target

PAUSE = 0.02
FIRST_PROBE = 0.5
"""A health check is first run when something listens, and after this time at the latest."""
PROBE_PAUSE = 0.25
PROBE_TIMEOUT = 30.0
"""Docker's default for a health check without a timeout."""
WORKER_AFTER = 5.0
"""A service that shows no sign of serving is taken for a worker if nothing has listened for this long."""
WORKER_WITH_ROUTES = 15.0
"""The same where its sources have routes: they may be those of a server in the same folder."""
CALM = 0.5
"""Seconds without a running thread after which a worker's start is over; one that is never calm is ready at
`WORKER_LATEST`."""
WORKER_LATEST = 30.0
SETTLED = 0.5
"""Another port than the declared one is taken if it has been listening alone for this long."""
REQUEST_TIMEOUT = 2.0
_FRAME = re.compile(r'^\s+(?:at |File ")', re.MULTILINE)
"""A line of a traceback of Python's or of node's, and the error itself, which has one to itself."""
_RAISED = re.compile(r"^(?:[\w.]*(?:Error|Exception)\b).*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the wait needs. `is_over` says that PID 1 ended; `begun` is when its command began, from
    which `limit` counts, in seconds. `well`: it answers without a server's error as a rule, so that one is no sign of
    readiness."""

    service: Service
    instance: Instance
    watcher: Watcher
    load: Load
    limit: float
    options: DrillOptions
    is_over: Callable[[], bool]
    begun: float
    well: bool = False


def probe_argv(check: Healthcheck | None, shell: Sequence[str]) -> tuple[str, ...]:
    """The command of a health check by the contract (section 6); empty if there is none."""
    test = check.test.value if check is not None else ()
    if test[:1] == ("CMD",):
        return test[1:]
    if test[:1] == ("CMD-SHELL",) and len(test) > 1:
        return (*shell, test[1])
    return ()


def choose(found: Sequence[Listener], service: Service, port: int | None) -> tuple[Listener | None, bool]:
    """The listener to use, IPv4 first; and whether it is one that was asked for or declared."""
    wanted = [port] if port else [p.value.number for p in service.ports if p.value.protocol == "tcp"]
    variable = service.environment.get("PORT")
    if not wanted and variable is not None and variable.value.isascii() and variable.value.isdigit():
        wanted.append(int(variable.value))
    families = ["ipv4", "ipv6", "unix"]
    ranked = sorted(found, key=lambda one: (families.index(one.family), one.port, one.address))
    for number in wanted:
        for listener in ranked:
            if listener.port == number and listener.family != "unix":
                return listener, True
    if port:
        return None, False
    return (ranked[0] if ranked else None), not wanted


def target_of(listener: Listener, found: Sequence[Listener] = ()) -> Target:
    """Where load goes for a listener; `found` are all that listen."""
    same = [one for one in (listener, *found) if one.port == listener.port and one.family != "unix"]
    alone = bool(same) and not any(one.wildcard or not _is_loopback(one.address) for one in same)
    port, published = listener.reached or listener.port, bool(listener.reached)
    return Target(listener.family, listener.address, port, loopback_only=alone, published=published)


def _is_loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


async def wait_ready(waiting: Waiting) -> tuple[Readiness, Target | None]:
    """Wait until the service is ready, has ended, or the limit is over; the target is None where nothing listens."""
    argv = probe_argv(waiting.service.healthcheck, waiting.service.shell)
    deadline = waiting.begun + waiting.limit
    if argv:
        return await _by_probe(waiting, argv, deadline)
    return await _by_port(waiting, deadline)


def _ready(waiting: Waiting, by: str, detail: str = "", status: int = 0) -> Readiness:
    now = round(time.monotonic() - waiting.begun, 6)
    waiting.watcher.events.append(Event(now + waiting.begun, EventKind.READY, by, detail))
    return Readiness(True, now, by, waiting.limit, detail, status)


def _not_ready(waiting: Waiting, detail: str, status: int = 0) -> Readiness:
    return Readiness(False, None, "", waiting.limit, detail, status)


async def _by_probe(waiting: Waiting, argv: tuple[str, ...], deadline: float) -> tuple[Readiness, Target | None]:
    check = waiting.service.healthcheck
    own = check.timeout.value if check is not None else 0.0
    said = "the health check did not run"
    next_probe = waiting.begun + FIRST_PROBE
    while time.monotonic() < deadline and not waiting.is_over():
        waiting.watcher.look()
        if not waiting.watcher.listening and time.monotonic() < next_probe:
            await asyncio.sleep(PAUSE)
            continue
        left = max(0.1, deadline - time.monotonic())
        result = await waiting.instance.execute(argv, timeout=min(own or PROBE_TIMEOUT, left))
        said = _told(waiting, result)
        if result.code == 0:
            return await _with_target(
                waiting, f"{said} (run every {PROBE_PAUSE:g} s while starting, not by its interval)"
            )
        await asyncio.sleep(PROBE_PAUSE)
    return _not_ready(waiting, said), None


def _told(waiting: Waiting, result: ExecResult) -> str:
    """Record a probe, and say in a line what came of it."""
    output = _gist(waiting.watcher.clean(result.error or result.output))[:300]
    how = "timed out" if result.code is None else f"exit code {result.code}"
    said = f"health check: {how}" + (f": {output}" if output else "") + _missing_tool(result, waiting.service)
    waiting.watcher.events.append(Event(result.ended, EventKind.PROBE, how, output))
    return said


def _gist(text: str) -> str:
    """What a check said, in one line: of a traceback the error that it tells."""
    raised = _RAISED.findall(text) if _FRAME.search(text) else []
    return str(raised[-1]) if raised else text.strip().replace("\n", " | ")


def _missing_tool(result: ExecResult, service: Service) -> str:
    """A hint where the check's own program is missing here, which says nothing about the service."""
    missing = health.missing_program(result.code, f"{result.error}\n{result.output}")
    if not missing:
        return ""
    tool = missing.rpartition("/")[2]
    if service.measured is not None:
        return f" (hint: the image has no {tool}: check with a program that it has)"
    return f" (hint: the check runs with this machine's programs, and {tool} is not among them: install it here)"


async def _with_target(waiting: Waiting, said: str) -> tuple[Readiness, Target | None]:
    """The service says that it is ready; find where it listens. A worker listens nowhere."""
    waiting.watcher.look()
    listener, wanted = choose(waiting.watcher.listening, waiting.service, waiting.options.port)
    if listener is not None and not wanted:
        listener = await _speaking(waiting, listener)
    readiness = _ready(waiting, "health check", said)
    return readiness, (target_of(listener, waiting.watcher.listening) if listener is not None else None)


async def _speaking(waiting: Waiting, first: Listener) -> Listener:
    """Of several that nobody declared the one that speaks HTTP: a program may have a control socket besides."""
    others = [one for one in waiting.watcher.listening if one.family == first.family and one != first]
    for listener in (first, *others) if others else ():
        answer = await waiting.load.request(target_of(listener), "/", REQUEST_TIMEOUT)
        if answer.outcome in COMPLETE:
            return listener
    return first


def worker_after(waiting: Waiting) -> float:
    """After how many silent seconds the service is taken for a worker. Declared ports, a caller who names one or a
    request target, and an instance that did listen rule that out; routes in the sources, which may be a server's beside
    it, make it longer."""
    service, options = waiting.service, waiting.options
    named = options.port or options.names_targets() or options.has_listened
    if named or service.ports or "PORT" in service.environment:
        return float("inf")
    return WORKER_WITH_ROUTES if options.candidates != Candidates() else WORKER_AFTER


def _is_busy(instance: Instance) -> bool:
    return any(state.state == "R" for state in instance.processes())


async def _by_port(waiting: Waiting, deadline: float) -> tuple[Readiness, Target | None]:
    said, since, busy, status = "nothing listens", 0.0, time.monotonic(), 0
    patience = worker_after(waiting)
    mute: set[Listener] = set()
    while time.monotonic() < deadline and not waiting.is_over():
        waiting.watcher.look()
        if not waiting.watcher.listening and time.monotonic() - waiting.begun >= patience - CALM:
            now, age = time.monotonic(), time.monotonic() - waiting.begun
            busy = now if _is_busy(waiting.instance) else busy
            if age >= max(WORKER_LATEST, patience) or (age >= patience and now - busy >= CALM):
                return _ready(waiting, WORKER, f"it declares no port, and nothing listened for {age:.0f} s"), None
        listener, wanted = choose(waiting.watcher.listening, waiting.service, waiting.options.port)
        if listener is not None and not wanted and listener in mute:
            listener = await _speaking(waiting, listener)
        now = time.monotonic()
        since = (since or now) if listener is not None else 0.0
        if listener is None or (not wanted and now - since < SETTLED):
            said = _other_port(waiting) or said
            await asyncio.sleep(PAUSE)
            continue
        target = target_of(listener, waiting.watcher.listening)
        answer = await waiting.load.request(target, "/", min(REQUEST_TIMEOUT, max(0.1, deadline - now)))
        if answer.outcome is Outcome.MALFORMED:
            target = replace(target, http1=False, http2=True)
            answer = await waiting.load.request(target, "/", REQUEST_TIMEOUT)
            if answer.outcome not in COMPLETE:
                return _ready(waiting, "port", f"{where(listener)} listens and does not speak HTTP/1.1"), None
        status = answer.status or 0
        if answer.outcome in COMPLETE:
            said = f"{where(listener)} answered {status}" + (" over HTTP/2" if not target.http1 else "")
            if not waiting.well or status < SERVER_ERROR:
                return _ready(waiting, "HTTP", said, status), target
        else:
            said = _unanswered(listener, answer)
            mute.add(listener)
        await asyncio.sleep(PAUSE * 2)
    return _not_ready(waiting, said, status), None


def _other_port(waiting: Waiting) -> str:
    others = ", ".join(where(listener) for listener in waiting.watcher.listening)
    if waiting.options.port and others:
        return f"port {waiting.options.port} does not listen, but {others} does"
    return ""


def _unanswered(listener: Listener, answer: Exchange) -> str:
    return f"{where(listener)} listens, but GET / ended: {answer.outcome.value}" + (
        f" ({answer.detail})" if answer.detail else ""
    )
