"""The arguments of `seatrial logs`: those of `docker logs` and `docker compose logs`. Pure; the clock is an
argument."""

from __future__ import annotations

import argparse

from seatrial.engine.logs.files import Report
from seatrial.engine.logs.moments import Now, parse_moment
from seatrial.engine.logs.reading import Window
from seatrial.engine.logs.rendering import Style
from seatrial.engine.logs.showing import ShowOptions

USAGE = "seatrial logs [SERVICE…] [options]"
SUMMARY = "show what services have written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add = parser.add_argument
    add("services", metavar="SERVICE", nargs="*", help="these alone (default: all of the project)")
    add("-f", "--follow", action="store_true", help="go on until the services have ended")
    add(
        "--since",
        metavar="TIME",
        default="",
        help="from a time on: 2026-01-02T15:04:05Z, 2026-01-02, 42m, seconds since 1970",
    )
    add("--until", metavar="TIME", default="", help="up to a time")
    add("-n", "--tail", metavar="N", default="all", help="the last lines of each service (default: all)")
    add("-t", "--timestamps", action="store_true", help="the time before each line")
    add("--details", action="store_true", help="the attributes (log options labels, env, tag) before each line")
    add("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")
    add("--no-log-prefix", action="store_true", help="no names before the lines; stderr goes to stderr")
    add("--docker-quirks", action="store_true", help="lines in parts of 16 KiB, as Docker prints and counts them")


def show_options(arguments: argparse.Namespace, report: Report, now: Now, *, single: bool, color: bool) -> ShowOptions:
    """The options that the arguments ask for. `single`: one instance was named, so it is shown as `docker logs` does,
    without names, each stream on its own. InputError for times that can't be read."""
    window = Window(
        parse_moment(arguments.since, now, "--since") if arguments.since else None,
        parse_moment(arguments.until, now, "--until") if arguments.until else None,
        parse_tail(arguments.tail),
    )
    prefix = not single and not arguments.no_log_prefix
    style = Style(arguments.timestamps, arguments.details, prefix, color and prefix and not arguments.no_color)
    return ShowOptions(window, style, arguments.follow, arguments.docker_quirks, report)


def parse_tail(text: str) -> int | None:
    """A number of lines; None for all. As in Docker, whatever is no number from 0 on means all."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number >= 0 else None
