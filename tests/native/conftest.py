"""Builds the static programs once; skips with the reason where that can't be, and fails instead when CI is set."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.requirements import require

from .native_programs import ROOT, RUNNER, Starter, can_make_namespaces


@pytest.fixture(scope="session")
def native_build() -> Path:
    """The folder with the built programs."""
    if not (shutil.which("cc") and shutil.which("make")):
        require("needs a C compiler and make. hint: apt install gcc make")
    made = subprocess.run(["make", "-s", "-C", str(ROOT / "native")], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    chosen = os.environ.get("SEATRIAL_NATIVE_BUILD")
    return (ROOT / chosen).resolve() if chosen else ROOT / "native" / "build"


@pytest.fixture(scope="session")
def program(native_build: Path) -> Callable[[str], Path]:
    """The path of a built program by its name."""
    return lambda name: native_build / name


@pytest.fixture(scope="session")
def speaker(tmp_path_factory: pytest.TempPathFactory, native_build: Path) -> Path:
    """The child that speaks; see speaker.c."""
    target = tmp_path_factory.mktemp("speaker") / "speaker"
    subprocess.run(["cc", "-O1", "-o", str(target), str(Path(__file__).parent / "speaker.c")], check=True)
    return target


@pytest.fixture
def start(native_build: Path, speaker: Path) -> Iterator[Starter]:
    """Starts a program, plainly or as PID 1: start("-g", start.speaker, as_pid_1=True)."""
    starter = Starter(native_build, speaker)
    yield starter
    for program in starter.started:
        program.end()


@pytest.fixture(params=["plain", pytest.param("PID 1", marks=pytest.mark.slow)])
def as_pid_1(request: pytest.FixtureRequest) -> bool:
    """Both ways of running an init."""
    if request.param == "plain":
        return False
    if RUNNER or not can_make_namespaces():
        require("PID namespaces can't be made here. hint: run as root") if not RUNNER else pytest.skip(
            "not under an emulator"
        )
    return True


@pytest.fixture
def needs_pid_1() -> None:
    if RUNNER:
        pytest.skip("not under an emulator")
    if not can_make_namespaces():
        require("PID namespaces can't be made here. hint: run as root")
