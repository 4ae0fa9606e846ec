"""Exit codes by the contract."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from seatrial.engine.contract import exit_codes


@pytest.mark.parametrize(
    ("status", "expected"), [(0, (0, 0)), (3 << 8, (3, 0)), (255 << 8, (255, 0)), (9, (137, 9)), (15, (143, 15))]
)
def test_wait_status_becomes_code_and_signal(status: int, expected: tuple[int, int]) -> None:
    assert exit_codes.of_wait_status(status) == expected
    code = os.waitstatus_to_exitcode(status)
    assert expected[0] == (code if code >= 0 else 128 - code)


def test_core_dump_flag_is_no_part_of_the_code() -> None:
    assert exit_codes.of_wait_status(signal.SIGSEGV | 0x80) == (139, 11)


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
