"""What a test needs of the machine: where it is missing the test is skipped with the reason, and fails where CI is set.

A test that is skipped silently proves nothing, so the machine that decides may skip none of them for a missing part.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from typing import NoReturn

import pytest

BUSY = 1.5
"""Processes that want to run, for each processor, on a machine that has too much to do."""


def require(problem: str) -> None:
    """Skip a test for what is missing; where CI is set a missing component is a failure. "" is no problem."""
    if problem and os.environ.get("CI"):
        pytest.fail(f"needed here, and missing: {problem}", pytrace=False)
    if problem:
        pytest.skip(problem)


def is_too_busy() -> bool:
    """Whether so much waits for the processors that a server under test may itself behave as it does nowhere else."""
    return os.getloadavg()[0] > BUSY * len(os.sched_getaffinity(0))


def too_busy(why: str) -> NoReturn:
    """Skip what a machine is too busy to measure, however often it is tried; where CI is set that is a failure, too."""
    require(f"a machine that is less busy: {why}")
    raise AssertionError("one of both was raised")


def missing_program(name: str) -> str:
    """Why a program of the host can't be run, or ""."""
    return "" if shutil.which(name) else f"{name} is not installed"


def missing_module(name: str) -> str:
    """Why a module of Python can't be imported, or ""."""
    return "" if find_spec(name) else f"{name} is not installed"
