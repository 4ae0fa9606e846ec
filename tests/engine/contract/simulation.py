"""A world in which an instance lives without processes: virtual time, and programs that do what a table says.

The driver of the pure machine, as small as it can be: it carries commands out, and reports what the program does.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.commands import Command, Happening
from seatrial.engine.contract.health import Result
from seatrial.engine.contract.instance import Terms
from seatrial.engine.contract.machine import create, step, wake_at


@dataclass(frozen=True)
class Behaviour:
    """What one run of a program does: it ends after `lasts` seconds (None: never) with `code`; a signal that it handles
    ends it after some seconds with a code. Others don't: PID 1 gets no signal that it has no handler for."""

    lasts: float | None = None
    code: int = 0
    handles: Mapping[int, tuple[float, int]] = field(default_factory=dict)
    fails_to_start: int = 0
    oom_kills: int = 0
    probes: Sequence[int] = (0,)


@dataclass
class World:
    """One instance, its program (the last behaviour is repeated), and all that was seen."""

    terms: Terms
    behaviours: Sequence[Behaviour] = (Behaviour(),)
    now: float = 1000.0
    starts: list[float] = field(default_factory=list)
    deaths: list[float] = field(default_factory=list)
    emitted: list[tuple[float, str, Mapping[str, str]]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    probed: int = 0

    def __post_init__(self) -> None:
        self._order = itertools.count()
        self._pending: list[tuple[float, int, Happening]] = []
        self.instance, commands = create(self.terms)
        self._carry_out(commands)

    def wish(self, wish: Happening) -> None:
        """Ask for something now, and see what follows at once."""
        self._take(wish)
        self.settle()

    def settle(self) -> None:
        """Let happen what happens at this moment."""
        while self._pending and self._pending[0][0] <= self.now:
            self._take(heapq.heappop(self._pending)[2])

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while True:
            wake = wake_at(self.instance)
            times = [moment for moment in (wake, self._pending[0][0] if self._pending else None) if moment is not None]
            if not times or min(times) > end:
                break
            self.now = max(self.now, min(times))
            self.settle()
            wake = wake_at(self.instance)
            if wake is not None and wake <= self.now:
                self._take(c.Tick())
            self.settle()
        self.now = end

    def wait_for(self, action: str, times: int) -> None:
        """Let time pass until there were so many events of an action."""
        deadline = self.now + 1000
        while self.actions.count(action) < times:
            wake = wake_at(self.instance)
            due = [moment for moment in (wake, self._pending[0][0] if self._pending else None) if moment is not None]
            assert due and min(due) <= deadline, f"{action} never comes for the {times}. time: {self.actions}"
            self.wait(max(0.0, min(due) - self.now))

    def wait_until_done(self) -> None:
        """Let time pass until what was asked for is done."""
        while self.instance.stopping or self.instance.is_starting:
            wake = wake_at(self.instance)
            due = [moment for moment in (wake, self._pending[0][0] if self._pending else None) if moment is not None]
            self.wait(max(0.0, min(due) - self.now))

    @property
    def actions(self) -> list[str]:
        """The actions of all events."""
        return [action for _, action, _ in self.emitted]

    @property
    def plain_actions(self) -> list[str]:
        """The actions without those of the probes' commands."""
        return [action for action in self.actions if not action.startswith("exec_")]

    def _take(self, happening: Happening) -> None:
        self.instance, commands = step(self.instance, happening, self.now)
        self._carry_out(commands)

    def _later(self, seconds: float, happening: Happening) -> None:
        heapq.heappush(self._pending, (self.now + seconds, next(self._order), happening))

    def _carry_out(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            assert command.cause, command
            self.commands.append(command)
            match command:
                case c.Emit():
                    self.emitted.append((self.now, command.action, command.attributes))
                case c.Start():
                    self._start(command.run)
                case c.Signal():
                    self._signal(command)
                case c.Kill():
                    self._end(0.0, command.run, 137)
                case c.Probe():
                    self._probe(command)
                case c.Remove():
                    self._later(0.0, c.RemovalDone())

    def _behaviour(self, run: int) -> Behaviour:
        return self.behaviours[min(run, len(self.behaviours)) - 1]

    def _start(self, run: int) -> None:
        behaviour = self._behaviour(run)
        if behaviour.fails_to_start:
            self._later(0.0, c.StartFailed(run, behaviour.fails_to_start, "no such file"))
            return
        self.starts.append(self.now)
        self.probed = 0
        self._later(0.0, c.Started(run))
        if behaviour.lasts is not None:
            self._end(behaviour.lasts, run, behaviour.code)

    def _signal(self, command: c.Signal) -> None:
        handled = self._behaviour(command.run).handles.get(command.number)
        if handled is not None:
            self._end(handled[0], command.run, handled[1])

    def _end(self, seconds: float, run: int, code: int) -> None:
        self._later(seconds, c.Exited(run, code, self._behaviour(run).oom_kills))

    def _probe(self, command: c.Probe) -> None:
        codes = self._behaviour(command.run).probes
        code = codes[min(self.probed, len(codes) - 1)]
        self.probed += 1
        self._later(0.0, c.Probed(command.run, command.number, Result(self.now, self.now, code, "")))
