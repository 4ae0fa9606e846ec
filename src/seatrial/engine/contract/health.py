"""When an instance is probed, and what its health is after each result. Pure: time is an argument, a driver probes.

Rules (contract, chapter 6; moby: daemon/health.go)
* One probe at a time. The first comes one interval after the start, each other one interval after the end of the last;
  while the status is still *starting* and the start period isn't over, the start interval is the one that counts.
* Code 0 is healthy, every other one (2 as well), a timeout and a probe that can't be started are failures.
* Failures that began in the start period don't count while the status is *starting*; `retries` in a row are
  *unhealthy*; one success is *healthy*.
* An event is due when the status changes by a result, and only then.
* A start makes the status *starting* and the streak 0, and keeps the results. An end and a pause close the monitor,
  which leaves *unhealthy* behind as Docker does; while paused there are no probes.
* The last five results are kept, each with at most 4096 bytes of output and "..." where there was more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from urllib.parse import urlsplit

from seatrial.model.place import Sourced
from seatrial.model.service import Healthcheck, Service

INTERVAL = 30.0
TIMEOUT = 30.0
START_INTERVAL = 5.0
RETRIES = 3
KEPT = 5
OUTPUT_LIMIT = 4096
LEAST = 0.001
"""Seconds: Docker refuses shorter times."""
FAILED_TO_RUN = -1
"""The exit code in the log of a probe that ended by its timeout, or could not be started."""


_NOT_FOUND = re.compile(
    r"([\w./+-]+): (?:command |applet )?(?:not found|No such file or directory|Permission denied)"
    r"|exec: \"?([\w./+-]+)\"?: (?:executable file not found|permission denied|stat |no such file)"
)


class Status(Enum):
    """The words of the engine."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class Kind(Enum):
    """How a probe is made."""

    EXECUTE = "run a command inside"
    HTTP = "ask by HTTP"
    TCP = "connect"


class Happening(Enum):
    """What moves the status."""

    START = "start"
    SUCCESS = "success"
    FAILURE = "failure"
    LAST_FAILURE = "failure number `retries`"
    CLOSE = "end or pause"


_S, _H = Status, Happening
_COMMON = {_H.SUCCESS: _S.HEALTHY, _H.LAST_FAILURE: _S.UNHEALTHY, _H.CLOSE: _S.UNHEALTHY, _H.START: _S.STARTING}
MOVES: Mapping[Status, Mapping[Happening, Status]] = {
    _S.NONE: dict.fromkeys(Happening, _S.NONE),
    _S.STARTING: {**_COMMON, _H.FAILURE: _S.STARTING},
    _S.HEALTHY: {**_COMMON, _H.FAILURE: _S.HEALTHY},
    _S.UNHEALTHY: {**_COMMON, _H.FAILURE: _S.UNHEALTHY},
}
"""Total: every status lists every happening. Without a check the status is *none* for ever."""


@dataclass(frozen=True, slots=True)
class Check:
    """How an instance is probed. `argv` is the command, or (URL,) or (host, port) by `kind`. Seconds."""

    kind: Kind
    argv: tuple[str, ...]
    interval: float = INTERVAL
    timeout: float = TIMEOUT
    start_period: float = 0.0
    start_interval: float = START_INTERVAL
    retries: int = RETRIES


@dataclass(frozen=True, slots=True)
class Result:
    """What a probe found. `code` is -1 where it had no end of its own; times are monotonic seconds."""

    begun: float
    ended: float
    code: int
    output: str = ""


def missing_program(code: int | None, output: str) -> str:
    """The program that a probe could not run, by the words of the shell or the engine; "" if it ran."""
    found = _NOT_FOUND.search(output)
    if found is None or (code not in (126, 127) and "not found" not in found.group()):
        return ""
    return found.group(1) or found.group(2)


@dataclass(frozen=True, slots=True)
class Monitor:
    """The health of one instance. `due` is when the next probe is; `probe` the number of the one that runs, or 0."""

    check: Check | None = None
    status: Status = Status.NONE
    streak: int = 0
    log: tuple[Result, ...] = ()
    started: float = 0.0
    due: float | None = None
    probe: int = 0
    probes: int = 0

    def start(self, now: float) -> Monitor:
        """The monitor of a run that has just begun."""
        if self.check is None:
            return self
        fresh = replace(self, status=Status.STARTING, streak=0, started=now, probe=0)
        return replace(fresh, due=now + fresh._interval(now))

    def close(self) -> Monitor:
        """The monitor of an instance that has ended, or is paused."""
        return replace(self, status=MOVES[self.status][Happening.CLOSE], due=None, probe=0)

    def resume(self, now: float) -> Monitor:
        """The monitor of an instance that goes on after a pause."""
        return replace(self, due=now + self._interval(now)) if self.check else self

    def begin(self) -> Monitor:
        """The monitor with a probe running: `probe` is its number."""
        return replace(self, due=None, probe=self.probes + 1, probes=self.probes + 1)

    def take(self, result: Result, now: float) -> Monitor:
        """The monitor after a result; the next probe is one interval from now."""
        assert self.check is not None
        kept = (*self.log, replace(result, output=cut(result.output)))[-KEPT:]
        after = replace(self, log=kept, probe=0)
        if result.code == 0:
            after = replace(after, streak=0, status=MOVES[self.status][Happening.SUCCESS])
        elif not self._is_excused(result):
            streak = self.streak + 1
            move = Happening.LAST_FAILURE if streak >= self.check.retries else Happening.FAILURE
            after = replace(after, streak=streak, status=MOVES[self.status][move])
        return replace(after, due=now + after._interval(now))

    @property
    def has_failed(self) -> bool:
        """Whether as many probes in a row failed as make it unhealthy."""
        return self.check is not None and self.streak >= self.check.retries

    def _is_excused(self, result: Result) -> bool:
        assert self.check is not None
        return self.status is Status.STARTING and result.begun - self.started < self.check.start_period

    def _interval(self, now: float) -> float:
        assert self.check is not None
        is_early = now - self.started < self.check.start_period
        return self.check.start_interval if is_early and self.status is Status.STARTING else self.check.interval


def cut(output: str) -> str:
    """The output as it is kept: its first 4096 bytes of UTF-8, and "..." where there was more."""
    raw = output.encode(errors="replace")
    return output if len(raw) <= OUTPUT_LIMIT else raw[:OUTPUT_LIMIT].decode(errors="ignore") + "..."


def timed_out(check: Check, begun: float, ended: float, output: str) -> Result:
    """The result of a probe that was killed at its timeout, in Docker's words."""
    return Result(begun, ended, FAILED_TO_RUN, f"Health check exceeded timeout ({duration(check.timeout)}): {output}")


def duration(seconds: float) -> str:
    """Seconds as Go prints a duration: "1s", "1m30s", "500ms"."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "")
    return f"{parts}{rest:g}s"


def of_service(service: Service, probe: str = "") -> Check | None:
    """The check of a service; None where it has none or it is switched off.

    `probe` is the URL of `x-seatrial: probe`: with it no command is run, and the times are those of the health check.
    ValueError where the check can't be carried out as it is written.
    """
    said = service.healthcheck
    if probe:
        kind, argv = _address(probe)
        said = said or Healthcheck(Sourced(()))
    elif said is None or said.is_disabled or not said.test.value:
        return None
    else:
        kind, argv = _means(said.test.value, service.shell)
    _refuse_bad_times(service.name, said)
    return Check(  # where 0 is written, or nothing, Docker's default holds
        kind,
        argv,
        interval=said.interval.value or INTERVAL,
        timeout=said.timeout.value or TIMEOUT,
        start_period=said.start_period.value,
        start_interval=said.start_interval.value or START_INTERVAL,
        retries=said.retries.value or RETRIES,
    )


def _refuse_bad_times(name: str, said: Healthcheck) -> None:
    times = {
        "interval": said.interval.value,
        "timeout": said.timeout.value,
        "start period": said.start_period.value,
        "start interval": said.start_interval.value,
    }
    for what, seconds in times.items():
        if seconds < 0 or 0 < seconds < LEAST:
            raise ValueError(f"service {name}: the {what} of the health check must be 0 or at least 1 ms")
    if said.retries.value < 0:
        raise ValueError(f"service {name}: the retries of the health check can't be negative")


def _means(test: tuple[str, ...], shell: tuple[str, ...]) -> tuple[Kind, tuple[str, ...]]:
    """How a `test` is carried out."""
    word, rest = test[0], test[1:]
    if word == "CMD-SHELL" and rest:
        return Kind.EXECUTE, (*shell, *rest)
    if word == "CMD" and rest:
        return Kind.EXECUTE, rest
    raise ValueError(f"the test {list(test)} of a health check must begin with CMD, CMD-SHELL or NONE, and say more")


def _address(probe: str) -> tuple[Kind, tuple[str, ...]]:
    """How a URL is probed: ("http://…",) or (host, port)."""
    parts = urlsplit(probe)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme == "http" and parts.hostname:
        return Kind.HTTP, (probe,)
    if parts.scheme == "tcp" and parts.hostname and port:
        return Kind.TCP, (parts.hostname, str(port))
    raise ValueError(f"the probe {probe!r} must be http://HOST[:PORT]/PATH or tcp://HOST:PORT")
