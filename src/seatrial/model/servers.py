"""What is known of servers and their stop: on which signal it is graceful, and how they call the limit that they set to
it, for so long requests may go on after the signal. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seatrial.model.patterns import pattern

STOP_OPTION = {
    "gunicorn": "--graceful-timeout",
    "uvicorn": "--timeout-graceful-shutdown",
    "hypercorn": "--graceful-timeout",
    "granian": "--workers-kill-timeout",
}
STOP_DEFAULT = {"gunicorn": 30.0, "hypercorn": 3.0}
"""Seconds where nothing is said; the others wait without a limit then."""
GRACEFUL: Mapping[str, tuple[str, str]] = {
    "nginx": ("SIGQUIT", "ends at once, with the requests in flight"),
    "openresty": ("SIGQUIT", "ends at once, with the requests in flight"),
    "php-fpm": ("SIGQUIT", "ends at once, with the requests in flight"),
    "apache2": ("SIGWINCH", "ends at once, with the requests in flight"),
    "httpd": ("SIGWINCH", "ends at once, with the requests in flight"),
    "apachectl": ("SIGWINCH", "ends at once, with the requests in flight"),
    "apache2ctl": ("SIGWINCH", "ends at once, with the requests in flight"),
    "postgres": ("SIGINT", "waits until every client has gone"),
}
"""Programs whose graceful stop is another signal than SIGTERM: which, and what they do on SIGTERM."""
_NUMBER = pattern(r"\d{1,6}(?:\.\d{1,3})?")


def option_seconds(argv: Sequence[str], option: str) -> float | None:
    """The seconds that a command says by this option; None where it says none, or something else."""
    for index, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == option:
            text = value if equals else argv[index + 1] if index + 1 < len(argv) else ""
            return float(text) if _NUMBER.fullmatch(text) else None
    return None
