"""Runs an auditor and hears it out: the only place here that starts a program.

Never raises for what a program does: not there, too slow, killed, another exit code, garbage. Its own words go nowhere
but through `Tool.read`, for they may hold addresses with credentials in them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seatrial.audit.interface import GarbledError, Said, Tool
from seatrial.model.values import dataclass

MAX_OUTPUT = 64 * 1024 * 1024
MAX_FILES = 500


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a run in a directory: what was said, or why nothing was. `is_absent` says that there is no such
    program."""

    tool: str
    directory: Path
    said: Said = Said()
    failure: str = ""
    is_absent: bool = False


def run(tool: Tool, directory: Path, files: Sequence[str] = (), *, seconds: float = 120.0) -> Heard:
    """Run it there; `files` are what `tool.files` puts behind its arguments."""
    program = shutil.which(tool.program)
    if program is None:
        return Heard(tool.name, directory, failure="is not installed", is_absent=True)
    argv = [program, *tool.arguments, *(files[:MAX_FILES] if tool.files else ())]
    # A file takes any amount of output without anybody reading on the way.
    with tempfile.TemporaryFile() as output:
        try:
            code = _run(argv, directory, output.fileno(), seconds)
        except OSError as error:
            return Heard(tool.name, directory, failure=f"cannot be run: {error.strerror}")
        if code is None:
            return Heard(tool.name, directory, failure=f"was ended after {seconds:g} s")
        output.seek(0)
        data = output.read(MAX_OUTPUT + 1)
    if len(data) > MAX_OUTPUT:
        return Heard(tool.name, directory, failure="wrote more than anybody reads")
    return _heard(tool, directory, code, data)


def _heard(tool: Tool, directory: Path, code: int, data: bytes) -> Heard:
    ended = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
    if not data.strip():
        # Some say nothing where there is nothing to look at.
        return Heard(tool.name, directory, failure=f"{ended} and wrote nothing")
    try:
        said = tool.read(data.decode("utf-8", "replace"))
    except GarbledError as error:
        return Heard(tool.name, directory, failure=f"{ended}: {error.message}")
    trouble = "" if code in tool.good_codes else ended
    return Heard(tool.name, directory, said, failure=trouble)


def _run(argv: Sequence[str], directory: Path, output: int, seconds: float) -> int | None:
    """The exit code, None if it took too long. All that it started ends with it."""
    process = subprocess.Popen(
        argv,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NO_COLOR": "1", "NO_UPDATE_NOTIFIER": "1", "npm_config_update_notifier": "false"},
        start_new_session=True,
    )
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
