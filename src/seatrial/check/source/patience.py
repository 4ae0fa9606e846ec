"""How long a program's own handler of the stop signal waits, by its source. Pure."""

from __future__ import annotations

from seatrial.check import source
from seatrial.model.documents import Unit
from seatrial.model.source import Program, Timer


def longest(unit: Unit) -> tuple[float, Timer, bool] | None:
    """The seconds after which the program ends itself, who says so, and whether that is certain."""
    program = source.program_of(unit)
    return _longest(unit, program, source.stop_signal(unit)) if program else None


def of_sigint(unit: Unit) -> tuple[float, Timer, bool] | None:
    """The same of SIGINT's handler, where it is the only one: the one that the stop signal has to get, too."""
    program = source.program_of(unit)
    if program is None or source.may_handle(program, source.stop_signal(unit)):
        return None
    return _longest(unit, program, "SIGINT")


def _longest(unit: Unit, program: Program, signal: str) -> tuple[float, Timer, bool] | None:
    found: list[tuple[float, Timer, bool]] = []
    environment = unit.service.environment
    for timer in _timers(program, signal):
        seconds = timer.seconds.resolved(environment)
        if seconds is not None and 0 < seconds < 86_400:
            found.append((seconds, timer, timer.seconds.is_certain(environment)))
    return max(found, key=lambda each: each[0], default=None)


def _timers(program: Program, signal: str) -> list[Timer]:
    return [
        timer
        for facts, handler in source.handlers_of(program, signal)
        for actions in source.done_by(program, facts.file, handler.actions)
        for timer in actions.timers
    ]


def delay(unit: Unit) -> float:
    """How long the handler goes on serving before it closes the server."""
    program = source.program_of(unit)
    if program is None:
        return 0.0
    longest_delay = 0.0
    for facts, handler in source.handlers_of(program, source.stop_signal(unit)):
        for actions in source.done_by(program, facts.file, handler.actions):
            for timer in actions.delays:
                longest_delay = max(longest_delay, timer.seconds.resolved(unit.service.environment) or 0.0)
    return longest_delay
