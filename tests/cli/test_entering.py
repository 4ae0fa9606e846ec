"""What `exec` and `run` decide before they run anything: whether there is a terminal, and the command."""

from __future__ import annotations

import os

import pytest

from seatrial.cli.entering import wants_terminal, with_surroundings
from seatrial.model.errors import InputError


@pytest.mark.parametrize(
    ("terminals", "asked", "refused", "expected"),
    [
        ({0, 1}, False, False, True),
        ({0, 1}, True, False, True),
        ({0, 1}, False, True, False),
        ({0}, False, False, False),
        ({0}, True, False, True),
        ({1}, False, False, False),
        (set(), False, False, False),
    ],
)
def test_a_terminal_is_made_where_ours_is_one(
    monkeypatch: pytest.MonkeyPatch, terminals: set[int], asked: bool, refused: bool, expected: bool
) -> None:
    monkeypatch.setattr(os, "isatty", terminals.__contains__)
    assert wants_terminal(asked=asked, refused=refused) is expected


def test_none_can_be_had_where_nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", {1, 2}.__contains__)
    with pytest.raises(InputError, match="the input device is not a TTY"):
        wants_terminal(asked=True, refused=False)
    with pytest.raises(InputError, match="contradict"):
        wants_terminal(asked=True, refused=True)


def test_directory_and_variables_come_before_the_command() -> None:
    assert with_surroundings(["ls"], "", []) == ["ls"]
    assert with_surroundings(["ls"], "/tmp", ["A=b"]) == ["env", "-C", "/tmp", "A=b", "ls"]
    with pytest.raises(InputError, match="has no value"):
        with_surroundings(["ls"], "", ["A"])
