"""What the end of a process is as a container's exit code. Pure."""

from __future__ import annotations

import errno
import signal

NOT_EXECUTABLE = 126
NOT_FOUND = 127
START_FAILED = 128
KILLED = 128 + signal.SIGKILL
SIGNALLED = 128


def of_execute_error(number: int) -> int:
    """The code of a command that could not be executed: 127 if it isn't there, 126 if it can't be run, else 128."""
    if number in (errno.ENOENT, errno.ENOTDIR):
        return NOT_FOUND
    if number in (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOEXEC):
        return NOT_EXECUTABLE
    return START_FAILED


def explain(code: int, *, oom_kills: int = 0) -> str:
    """An exit code in words, for people."""
    if code == KILLED and oom_kills:
        return "killed: out of memory"
    if SIGNALLED < code <= SIGNALLED + 64:
        return f"killed by signal {code - SIGNALLED}"
    return {
        0: "ended in good order",
        NOT_EXECUTABLE: "the command can't be executed",
        NOT_FOUND: "the command was not found",
        START_FAILED: "the command could not be started",
    }.get(code, f"ended with code {code}")
