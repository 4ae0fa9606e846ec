"""Writing to stdout and stderr, whatever they are connected to. Imports next to nothing, for a quick start."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class OutputError(Exception):
    """Standard output can't be written; `reason` is the system's word (a BrokenPipeError: nobody reads any more)."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def emit(text: str) -> None:
    """Write to stdout at once. Raises OutputError."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(error) from error


def complain(line: str) -> None:
    """A line on stderr; if even that is gone there is nobody to tell."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def prepare_streams() -> None:
    """Streams that are closed swallow what they get, and no character is an error (`LC_ALL=C`)."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 — for the process's life
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def silence(stream: TextIO) -> None:
    """Send the rest of a stream nowhere (Python flushes it once more at exit)."""
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        return
