"""The command line: arguments, printing, exit codes. Everything else is imported when a command needs it."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command of `sys.argv` and give the exit code."""
    from seatrial.cli.front import run

    return run(sys.argv[1:])
