"""The states of a container."""

from __future__ import annotations

import itertools

import pytest

from seatrial.engine.contract.lifecycle import MOVES, Happening, ImpossibleMoveError, State, after


def test_every_state_is_listed_and_every_pair_is_a_move_or_impossible() -> None:
    assert set(MOVES) == set(State)
    for state, happening in itertools.product(State, Happening):
        if happening in MOVES[state]:
            assert after(state, happening) is MOVES[state][happening]
        else:
            with pytest.raises(ImpossibleMoveError, match=state.value):
                after(state, happening)


def test_every_state_but_the_first_can_be_reached() -> None:
    assert {state for moves in MOVES.values() for state in moves.values()} == set(State)


def test_stop_during_the_wait_for_a_restart_ends_it() -> None:
    assert after(State.RESTARTING, Happening.STOP) is State.EXITED
