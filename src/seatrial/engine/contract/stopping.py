"""How an instance is stopped: the stop signal to PID 1, the grace period, SIGKILL, and what if even that fails. Pure.

Rules (contract, chapter 3; moby: daemon/stop.go, kill.go)
* The stop signal goes to PID 1 alone, once, when the stop is asked for.
* After the grace period comes SIGKILL. A grace of 0 kills at once after the signal; a negative one waits for ever.
* Where the signal could not be sent, the grace is 2 s at most.
* After SIGKILL there are 10 s for the end to come. Then all that is left of the instance is killed, which has 2 s more;
  then the stop has failed.
* An end that comes by itself, at any moment, ends the stop.

Each state, event pair is in `TABLE`; a test proves it total. Time is an argument: a caller passes `now` with each event
and waits until `deadline`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

AFTER_FAILED_SIGNAL = 2.0
AFTER_KILL = 10.0
AFTER_KILL_ALL = 2.0


class State(Enum):
    """Where a stop stands."""

    RUNNING = "running"
    WAITING = "signalled, in its grace period"
    KILLED = "killed, the end not seen yet"
    KILLED_ALL = "all of it killed, the end not seen yet"
    ENDED = "ended"
    LOST = "it did not end after SIGKILL"


class Event(Enum):
    """What can happen to it."""

    STOP = "a stop is asked for"
    SIGNAL_FAILED = "the signal could not be sent"
    DEADLINE = "the deadline is over"
    KILL = "a kill is asked for"
    EXIT = "PID 1 has ended"


class Command(Enum):
    """What the driver has to do."""

    SEND_STOP_SIGNAL = "send the stop signal"
    SEND_KILL = "send SIGKILL"
    KILL_ALL = "send SIGKILL to all that is left of the instance"
    GIVE_UP = "report that it did not end"


@dataclass(frozen=True, slots=True)
class Move:
    """What follows an event: the next state, the commands, and which clock starts."""

    state: State
    commands: tuple[Command, ...] = ()
    clock: str = "same"
    """ "grace", "short" (a failed signal), "kill", "kill all", "none" or "same"."""


_S, _E, _C = State, Event, Command
_KILL = Move(_S.KILLED, (_C.SEND_KILL,), "kill")
TABLE: dict[State, dict[Event, Move]] = {
    _S.RUNNING: {
        _E.STOP: Move(_S.WAITING, (_C.SEND_STOP_SIGNAL,), "grace"),
        _E.SIGNAL_FAILED: Move(_S.RUNNING),
        _E.DEADLINE: Move(_S.RUNNING),
        _E.KILL: _KILL,
        _E.EXIT: Move(_S.ENDED, clock="none"),
    },
    _S.WAITING: {
        _E.STOP: Move(_S.WAITING),
        _E.SIGNAL_FAILED: Move(_S.WAITING, clock="short"),
        _E.DEADLINE: _KILL,
        _E.KILL: _KILL,
        _E.EXIT: Move(_S.ENDED, clock="none"),
    },
    _S.KILLED: {
        _E.STOP: Move(_S.KILLED),
        _E.SIGNAL_FAILED: Move(_S.KILLED),
        _E.DEADLINE: Move(_S.KILLED_ALL, (_C.KILL_ALL,), "kill all"),
        _E.KILL: Move(_S.KILLED),
        _E.EXIT: Move(_S.ENDED, clock="none"),
    },
    _S.KILLED_ALL: {
        _E.STOP: Move(_S.KILLED_ALL),
        _E.SIGNAL_FAILED: Move(_S.KILLED_ALL),
        _E.DEADLINE: Move(_S.LOST, (_C.GIVE_UP,), "none"),
        _E.KILL: Move(_S.KILLED_ALL),
        _E.EXIT: Move(_S.ENDED, clock="none"),
    },
    _S.ENDED: {event: Move(_S.ENDED) for event in _E},
    _S.LOST: {event: Move(_S.LOST) for event in _E} | {_E.EXIT: Move(_S.ENDED)},
}


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop at one moment. `deadline` is None where nothing is waited for; `killed`: SIGKILL was needed."""

    grace: float
    state: State = State.RUNNING
    deadline: float | None = None
    killed: bool = False

    def on(self, event: Event, now: float) -> tuple[Stop, tuple[Command, ...]]:
        """The stop after an event, and what to do now. A deadline that isn't over yet changes nothing."""
        if event is Event.DEADLINE and (self.deadline is None or now < self.deadline):
            return self, ()
        move = TABLE[self.state][event]
        after = replace(self, state=move.state, deadline=self._deadline(move.clock, now))
        if Command.SEND_KILL in move.commands:
            after = replace(after, killed=True)
        if move.clock == "grace" and self.grace == 0:
            killing, more = after.on(Event.DEADLINE, now)
            return killing, (*move.commands, *more)
        return after, move.commands

    def _deadline(self, clock: str, now: float) -> float | None:
        """When the clock that a move starts runs out."""
        if clock == "same":
            return self.deadline
        if clock == "grace":
            return None if self.grace < 0 else now + self.grace
        if clock == "short":
            soon = now + AFTER_FAILED_SIGNAL
            return soon if self.deadline is None else min(soon, self.deadline)
        after = {"kill": AFTER_KILL, "kill all": AFTER_KILL_ALL}.get(clock)
        return None if after is None else now + after

    def hurry(self, grace: float, now: float) -> Stop:
        """The stop with less patience: a later wish with a shorter grace period counts, a longer one doesn't."""
        if self.state is not State.WAITING or grace < 0:
            return self
        soon = now + grace
        return replace(self, deadline=soon if self.deadline is None else min(soon, self.deadline))


class Interrupted(Enum):
    """What a Ctrl-C asks for."""

    STOP = "stop all, in order, each with its grace period"
    KILL = "kill all at once"


def on_interrupt(times: int) -> Interrupted:
    """What the first, second … Ctrl-C in the foreground asks for (compose)."""
    return Interrupted.STOP if times <= 1 else Interrupted.KILL
