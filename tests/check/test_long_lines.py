"""A command of thousands of commands costs what their number costs, also when each of them is told and mended.

What is counted are calls of functions, not seconds: on a machine that has much else to do their number is the same.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from seatrial.cli.arguments import dispatch

from .conftest import write


@pytest.mark.parametrize("part", ["npm ci && ", "npm install && ", "$A"])
def test_it_is_checked_and_mended_in_what_its_length_takes(part: str, tmp_path: Path) -> None:
    _calls(tmp_path / "first", part, 1)  # what is imported and compiled once
    few, many = (_calls(tmp_path / str(number), part, number) for number in (100, 300))
    assert many < 4 * few, "where each part costs what those before it cost, it takes nine times as much"


def _calls(directory: Path, part: str, number: int) -> int:
    line = part * number
    path = str(write(directory, {"Dockerfile": f"FROM node:22-slim\nRUN {line}true\nCMD {line}true\n"}))
    write(directory, {"package.json": "{}"})
    count = 0

    def called(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        dispatch(["check", "--no-cache", "--fail-on", "never", path])
        dispatch(["fix", "--unsafe", path])
    finally:
        sys.setprofile(before)
    return count
