"""The stop of a service, as a table: what happens next, and what to do about it. Rules first, table second, code last.

Pure: no clock, no thread, no signal. Time comes in with each event, and `wake` says when the machine wants to be asked
again; the drivers (`aio.py`, `threads.py`) do what the commands say and decide nothing.

1. The phases follow one another and none comes twice: serving, lag, closing, requests, workers, hooks, logs, ended.
2. The stop begins with the first signal, when the program asks for it, or with an uncaught exception.
3. In the lag readiness is already false and everything is still served: a load balancer needs that time to notice.
4. A second signal ends the lag; it cuts nothing short that is being served. A third goes to the logs and ends.
5. Requests and workers have until the deadline less the reserve; the reserve belongs to the hooks. What is open then is
   named, jobs in hand are given back, and the exit code is 124.
6. At the deadline hooks are given up as well. The logs have `FLUSH` seconds whatever happened before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

FLUSH = 0.5
"""Seconds that flushing the logs may take, at most."""
DEADLINE = 8.0
"""Seconds for the whole stop where nothing else is said: below the 10 s after which engines send SIGKILL."""
CODE_FAILED = 1
CODE_LATE = 124
"""What timeout(1) exits with: something did not end in its time."""


class Phase(Enum):
    """Where the stop is."""

    SERVING = "serving"
    LAG = "lag"
    CLOSING = "closing"
    REQUESTS = "requests"
    WORKERS = "workers"
    HOOKS = "hooks"
    LOGS = "logs"
    ENDED = "ended"


class Event(Enum):
    """What can happen: from outside, from the driver's work, from the clock."""

    SIGNAL = "signal"
    SECOND_SIGNAL = "second signal"
    THIRD_SIGNAL = "third signal"
    STOP = "asked to stop"
    FAILURE = "uncaught exception"

    CLOSED = "listeners closed"
    QUIET = "no request open"
    IDLE = "no worker busy"
    HOOK_FAILED = "hook failed"
    HOOKED = "hooks done"
    FLUSHED = "logs flushed"

    LAG_OVER = "lag over"
    LATE = "only the reserve left"
    OVERDUE = "deadline passed"
    FLUSH_OVER = "logs took too long"


class Command(Enum):
    """What the driver has to do."""

    UNREADY = "readiness fails, close is announced"
    CLOSE = "stop accepting"
    FINISH_REQUESTS = "wait for open requests"
    FINISH_WORKERS = "wait for workers"
    NAME_OPEN = "log what is still open"
    GIVE_BACK = "give back the jobs in hand"
    RUN_HOOKS = "run the hooks"
    FLUSH = "flush the logs"
    EXIT = "exit"


class Stay(Enum):
    """The event does not change the phase."""

    NOTED = "noted"
    """It counts for the exit code."""
    IGNORED = "ignored"
    """It comes too late to matter."""
    IMPOSSIBLE = "impossible"
    """The driver reports only what it was told to do: this is an error in the driver."""


class ImpossibleEventError(RuntimeError):
    """A driver reported something that cannot have happened: please report it."""


P, E, NOTED, IGNORED, IMPOSSIBLE = Phase, Event, Stay.NOTED, Stay.IGNORED, Stay.IMPOSSIBLE
_WORK = (E.CLOSED, E.QUIET, E.IDLE, E.HOOK_FAILED, E.HOOKED, E.FLUSHED)
"""The driver's reports, in the order of the phases."""
_DRAINING: dict[Event, Phase | Stay] = {
    E.SIGNAL: NOTED,
    E.SECOND_SIGNAL: NOTED,
    E.THIRD_SIGNAL: P.LOGS,
    E.STOP: IGNORED,
    E.FAILURE: NOTED,
}
_TIMERS: dict[Event, Phase | Stay] = {
    E.LAG_OVER: IGNORED,
    E.LATE: P.HOOKS,
    E.OVERDUE: P.LOGS,
    E.FLUSH_OVER: IMPOSSIBLE,
}


def _reports(*, past: int) -> dict[Event, Phase | Stay]:
    """The first `past` reports belong to phases that are over; the rest are of phases to come."""
    return {event: IGNORED if number < past else IMPOSSIBLE for number, event in enumerate(_WORK)}


TABLE: Mapping[Phase, Mapping[Event, Phase | Stay]] = MappingProxyType(
    {
        P.SERVING: {
            E.SIGNAL: P.LAG, E.SECOND_SIGNAL: IMPOSSIBLE, E.THIRD_SIGNAL: IMPOSSIBLE, E.STOP: P.LAG, E.FAILURE: P.LAG,
            **_reports(past=0), **dict.fromkeys(_TIMERS, IMPOSSIBLE),
        },
        P.LAG: {
            **_DRAINING, E.SECOND_SIGNAL: P.CLOSING, **_reports(past=0),
            **_TIMERS, E.LAG_OVER: P.CLOSING, E.LATE: IMPOSSIBLE, E.OVERDUE: IMPOSSIBLE,
        },
        P.CLOSING: {**_DRAINING, **_reports(past=0), E.CLOSED: P.REQUESTS, **_TIMERS},
        P.REQUESTS: {**_DRAINING, **_reports(past=1), E.QUIET: P.WORKERS, **_TIMERS},
        P.WORKERS: {**_DRAINING, **_reports(past=2), E.IDLE: P.HOOKS, **_TIMERS},
        P.HOOKS: {**_DRAINING, **_reports(past=3), E.HOOK_FAILED: NOTED, E.HOOKED: P.LOGS, **_TIMERS, E.LATE: IGNORED},
        P.LOGS: {
            **_DRAINING, E.THIRD_SIGNAL: P.ENDED, **_reports(past=5), E.FLUSHED: P.ENDED,
            **_TIMERS, E.LATE: IGNORED, E.OVERDUE: IGNORED, E.FLUSH_OVER: P.ENDED,
        },
        P.ENDED: dict.fromkeys(E, IGNORED),
    }
)  # fmt: skip

ENTRY: Mapping[Phase, tuple[Command, ...]] = MappingProxyType(
    {
        P.SERVING: (),
        P.LAG: (Command.UNREADY,),
        P.CLOSING: (Command.CLOSE,),
        P.REQUESTS: (Command.FINISH_REQUESTS,),
        P.WORKERS: (Command.FINISH_WORKERS,),
        P.HOOKS: (Command.RUN_HOOKS,),
        P.LOGS: (Command.FLUSH,),
        P.ENDED: (Command.EXIT,),
    }
)
_CUT = (Command.NAME_OPEN, Command.GIVE_BACK)
_CUT_BY = (E.LATE, E.OVERDUE, E.THIRD_SIGNAL)
"""Events that end a phase before its work is done."""


class Plan(NamedTuple):
    """How long the stop may take, in seconds from its beginning. `reserve` is the end of it, kept for the hooks."""

    lag: float = 0.0
    deadline: float = DEADLINE
    reserve: float = 0.0

    def checked(self) -> Plan:
        """Itself. Raises ValueError if it is no plan: negative times, or a lag that leaves no time."""
        if not (self.lag >= 0 and self.reserve >= 0 and 0 < self.deadline < math.inf):  # nor NaN
            raise ValueError(f"a stop can't have negative or endless times: {self}")
        if self.lag + self.reserve >= self.deadline:
            raise ValueError(
                f"a lag of {self.lag:g} s and {self.reserve:g} s for the hooks leave no time in a deadline of "
                f"{self.deadline:g} s\nhint: raise the engine's grace period (SEATRIAL_GRACE), or lower the lag"
            )
        return self


class State(NamedTuple):
    """All that the machine remembers. `began` is when the stop began, `flushing` when the logs did."""

    phase: Phase = Phase.SERVING
    began: float = 0.0
    flushing: float = 0.0
    signals: int = 0
    signal: int = 0
    failed: bool = False
    late: bool = False
    hook_failed: bool = False
    forced: bool = False

    @property
    def code(self) -> int:
        """The exit code: 128+n when a third signal ended it, 1 for a failure, 124 when time ran out, else 0."""
        if self.forced:
            return 128 + self.signal
        if self.failed:
            return CODE_FAILED
        if self.late:
            return CODE_LATE
        return CODE_FAILED if self.hook_failed else 0


_SIGNALS = (E.SIGNAL, E.SECOND_SIGNAL, E.THIRD_SIGNAL)


def step(state: State, event: Event, now: float, number: int = 0) -> tuple[State, tuple[Command, ...]]:
    """The state after an event, and what to do. A signal is reported as SIGNAL with its number, and counted here."""
    if event is E.SIGNAL:
        state = state._replace(signals=state.signals + 1, signal=number)
        event = _SIGNALS[min(state.signals, 3) - 1]
    move = TABLE[state.phase][event]
    if move is IMPOSSIBLE:
        raise ImpossibleEventError(f"{event.value} while {state.phase.value}")
    if move is IGNORED:
        return state, ()
    state = _noted(state, event)
    if not isinstance(move, Phase):
        return state, ()
    if state.phase is P.SERVING:
        state = state._replace(began=now)
    if move is P.LOGS:
        state = state._replace(flushing=now)
    cut = _CUT if event in _CUT_BY and move is not P.ENDED else ()
    return state._replace(phase=move), cut + ENTRY[move]


def _noted(state: State, event: Event) -> State:
    """The state with what an event means for the exit code."""
    if event is E.FAILURE:
        return state._replace(failed=True)
    if event is E.HOOK_FAILED:
        return state._replace(hook_failed=True)
    if event in (E.LATE, E.OVERDUE):
        return state._replace(late=True)
    return state._replace(forced=True) if event is E.THIRD_SIGNAL else state


def timers(state: State, plan: Plan) -> tuple[tuple[float, Event], ...]:
    """When the clock has something to say in this phase, the soonest first."""
    if state.phase in (P.SERVING, P.ENDED):
        return ()
    if state.phase is P.LOGS:
        return ((state.flushing + FLUSH, E.FLUSH_OVER),)
    if state.phase is P.LAG:
        return ((state.began + plan.lag, E.LAG_OVER),)
    overdue = (state.began + plan.deadline, E.OVERDUE)
    late = (state.began + plan.deadline - plan.reserve, E.LATE)
    return (overdue,) if state.phase is P.HOOKS or not plan.reserve else (late, overdue)


class Machine:
    """The state, and its plan. Not thread-safe: one driver, one thread."""

    __slots__ = ("plan", "state")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan.checked()
        self.state = State()

    def receive(self, event: Event, now: float, number: int = 0) -> tuple[Command, ...]:
        """Take an event; what to do, in this order."""
        self.state, commands = step(self.state, event, now, number)
        return commands

    def tick(self, now: float) -> tuple[Command, ...]:
        """Take the events that the clock owes until now."""
        commands: tuple[Command, ...] = ()
        while (due := timers(self.state, self.plan)) and due[0][0] <= now:
            commands += self.receive(due[0][1], now)
        return commands

    def wake(self) -> float | None:
        """When to call `tick` next, if ever."""
        due = timers(self.state, self.plan)
        return due[0][0] if due else None
