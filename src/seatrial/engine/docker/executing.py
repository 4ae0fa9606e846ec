"""Runs a command inside a container by the engine's own "exec": health checks and probes.

At the timeout its whole process tree is killed, which the engine itself does not do (moby#43737).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seatrial.engine.contract import exit_codes
from seatrial.engine.docker import seeing
from seatrial.engine.docker.client import run_inside, said
from seatrial.engine.interface import ExecResult
from seatrial.engine.native.execution import OUTPUT_LIMIT, kill_tree

if TYPE_CHECKING:
    from docker import APIClient

_REFUSED = "OCI runtime exec failed"
"""How the output begins where the command itself could not be executed."""


def execute(api: APIClient, container: str, argv: Sequence[str], timeout: float, user: str) -> ExecResult:
    """Run it to its end, or to the timeout. Blocks."""
    from docker.errors import APIError, DockerException

    begun = time.monotonic()
    try:
        made = api.exec_create(container, list(argv), user=user)["Id"]
        output, is_late = _output(api, made, begun + timeout)
        told = api.exec_inspect(made)
    except APIError as error:
        now = time.monotonic()
        gone = error.status_code in (404, 409)
        code = None if gone else exit_codes.NOT_EXECUTABLE
        return ExecResult(code, "", begun, now, "the instance has ended" if gone else said(error))
    except (DockerException, OSError) as error:
        return ExecResult(None, "", begun, time.monotonic(), said(error))
    ended = time.monotonic()
    if is_late:
        _kill(container, int(told.get("Pid") or 0))
        return ExecResult(None, _text(output), begun, ended)
    code = told.get("ExitCode")
    if code in (exit_codes.NOT_EXECUTABLE, exit_codes.NOT_FOUND) and _text(output).startswith(_REFUSED):
        return ExecResult(code, "", begun, ended, _text(output).strip())
    if code is None:
        return ExecResult(None, _text(output), begun, ended, "the engine does not say how it ended")
    return ExecResult(int(code), _text(output), begun, ended)


def _output(api: APIClient, made: str, deadline: float) -> tuple[bytes, bool]:
    """What it wrote, and whether it was still running at the deadline."""
    output = bytearray()
    stream = run_inside(api, made)
    try:
        for _, data in stream.frames(deadline):
            output += data[: OUTPUT_LIMIT - len(output)]
    except TimeoutError:
        return bytes(output), True
    finally:
        stream.close()
    return bytes(output), False


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")


def _kill(container: str, told: int) -> None:
    """SIGKILL to it and all that came from it, where it can be seen from here and root may."""
    pid = seeing.host_pid(container, told) if told else 0
    if pid and os.geteuid() == 0:
        with contextlib.suppress(OSError):
            kill_tree(pid, "")
            os.kill(pid, 9)
