"""The command line: arguments, printing, exit codes. Everything else is imported when a command needs it."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command of `sys.argv` and give the exit code."""
    # Importing makes no garbage to look for; `dispatch` goes on looking when the command is there.
    gc.disable()
    from seatrial.cli.front import run

    code = run(sys.argv[1:])
    # At its end Python looks through everything for garbage once more, which takes a tenth of a short run.
    gc.freeze()
    return code
