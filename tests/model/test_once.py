"""A value that is made when it is first asked for."""

from __future__ import annotations

from seatrial.model.once import once


def test_a_value_is_made_at_the_first_question_and_kept() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    value = once(make)
    assert not made
    assert value() is value() is made[0] and len(made) == 1


def test_nothing_is_a_value_too() -> None:
    made: list[None] = []
    value = once(lambda: made.append(None))
    assert value() is None and value() is None and len(made) == 1


def test_what_fails_is_tried_again() -> None:
    answers = iter((0, 1))
    value = once(lambda: 1 // next(answers))
    try:
        value()
    except ZeroDivisionError:
        assert value() == 1
    else:
        raise AssertionError
