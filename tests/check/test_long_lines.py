"""A command of thousands of commands costs what their number costs, also when each of them is told and mended."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from seatrial.cli.arguments import dispatch

from .conftest import write


@pytest.mark.parametrize("part", ["npm ci && ", "npm install && ", "$A"])
def test_it_is_checked_and_mended_in_the_time_that_its_length_takes(part: str, tmp_path: Path) -> None:
    line = part * 1_500
    files = {"Dockerfile": f"FROM node:22-slim\nRUN {line}true\nCMD {line}true\n", "package.json": "{}"}
    begun = time.monotonic()
    for command in (["check", "--no-cache", "--fail-on", "never"], ["fix", "--unsafe"]):
        dispatch([*command, str(write(tmp_path / "shop", files))])
    assert time.monotonic() - begun < 15, "where each part costs what those before it cost, it takes far longer"
