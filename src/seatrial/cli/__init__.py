"""The command line: arguments, printing, exit codes. Everything else is imported when a command needs it."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command of `sys.argv` and give the exit code, or end with it right here."""
    # Importing makes no garbage to look for; `dispatch` goes on looking when the command is there.
    gc.disable()
    from seatrial.cli.front import run

    code = run(sys.argv[1:])
    _leave(code)
    return code


def _leave(code: int) -> None:
    """End here, where nobody minds: to take everything apart, as Python does, is a tenth of a short run."""
    if "threading" in sys.modules:
        return  # a thread may want to be waited for
    import atexit
    import os

    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # Python says what is to be said of it
    os._exit(code)
