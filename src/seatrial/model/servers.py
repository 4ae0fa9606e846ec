"""How servers call the limit that they set to their own stop: for so long requests may go on after the signal. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.model.patterns import pattern

STOP_OPTION = {
    "gunicorn": "--graceful-timeout",
    "uvicorn": "--timeout-graceful-shutdown",
    "hypercorn": "--graceful-timeout",
    "granian": "--workers-kill-timeout",
}
STOP_DEFAULT = {"gunicorn": 30.0, "hypercorn": 3.0}
"""Seconds where nothing is said; the others wait without a limit then."""
_NUMBER = pattern(r"\d{1,6}(?:\.\d{1,3})?")


def option_seconds(argv: Sequence[str], option: str) -> float | None:
    """The seconds that a command says by this option; None where it says none, or something else."""
    for index, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == option:
            text = value if equals else argv[index + 1] if index + 1 < len(argv) else ""
            return float(text) if _NUMBER.fullmatch(text) else None
    return None
