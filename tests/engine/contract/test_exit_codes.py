"""Exit codes by the contract."""

from __future__ import annotations

import errno

import pytest

from seatrial.engine.contract import exit_codes


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOENT, 127), (errno.EACCES, 126), (errno.EISDIR, 126), (errno.ENOEXEC, 126), (errno.ENOMEM, 128)],
)
def test_command_that_could_not_be_executed(number: int, code: int) -> None:
    assert exit_codes.of_execute_error(number) == code


def test_codes_are_explained() -> None:
    assert exit_codes.explain(137, oom_kills=1) == "killed: out of memory"
    assert exit_codes.explain(137) == "killed by signal 9"
    assert exit_codes.explain(0) == "ended in good order"
    assert exit_codes.explain(7) == "ended with code 7"
