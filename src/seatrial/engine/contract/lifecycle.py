"""The states of a container and how they follow one another. Pure: one table, and a test that proves it total.

Rules (contract, chapter 1): *created* has never run; *restarting* is between two runs and waits for its turn; *paused*
runs but is frozen; *exited* may be started again; *dead* could not be removed; nothing follows *removed*.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """The state strings of the engine; `REMOVED` is the absence of one."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"
    REMOVING = "removing"
    DEAD = "dead"
    REMOVED = "removed"


class Happening(Enum):
    """What moves a container from one state to another."""

    START = "start"
    START_FAILS = "start fails"
    EXIT = "exit"
    EXIT_TO_RESTART = "exit, and the restart policy says again"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    STOP = "stop is asked for"
    REMOVE = "remove"
    REMOVED = "removal is done"
    REMOVE_FAILS = "removal fails"


_S, _H = State, Happening
MOVES: dict[State, dict[Happening, State]] = {
    _S.CREATED: {_H.START: _S.RUNNING, _H.START_FAILS: _S.CREATED, _H.STOP: _S.CREATED, _H.REMOVE: _S.REMOVING},
    _S.RUNNING: {
        _H.EXIT: _S.EXITED,
        _H.EXIT_TO_RESTART: _S.RESTARTING,
        _H.PAUSE: _S.PAUSED,
        _H.STOP: _S.RUNNING,
    },
    _S.PAUSED: {_H.UNPAUSE: _S.RUNNING, _H.STOP: _S.RUNNING, _H.EXIT: _S.EXITED, _H.EXIT_TO_RESTART: _S.RESTARTING},
    _S.RESTARTING: {_H.START: _S.RUNNING, _H.START_FAILS: _S.EXITED, _H.STOP: _S.EXITED},
    _S.EXITED: {_H.START: _S.RUNNING, _H.START_FAILS: _S.EXITED, _H.STOP: _S.EXITED, _H.REMOVE: _S.REMOVING},
    _S.REMOVING: {_H.REMOVED: _S.REMOVED, _H.REMOVE_FAILS: _S.DEAD},
    _S.DEAD: {_H.REMOVE: _S.REMOVING},
    _S.REMOVED: {},
}
"""What isn't listed is an error of whoever asks for it."""


class ImpossibleMoveError(ValueError):
    """A happening that can't be in this state."""


def after(state: State, happening: Happening) -> State:
    """The state that follows. ImpossibleMoveError if none does."""
    try:
        return MOVES[state][happening]
    except KeyError:
        raise ImpossibleMoveError(f"a container that is {state.value} can't {happening.value}") from None
