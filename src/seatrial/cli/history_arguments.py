"""The arguments of `seatrial history`."""

from __future__ import annotations

import argparse

USAGE = "seatrial history [NAME] [options]"
SUMMARY = "list past verdicts by commit"
DEFAULT = "-"
"""What `seatrial drill --history` without a file stands for: the file in the state directory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="the rulings of this requirement alone")
    add("--file", metavar="FILE", help="the history (default: that of the state directory, this project's trials)")
    add("--all", action="store_true", help="the trials of all projects")
    add("--service", metavar="NAME", help="those of this service")
    add("-n", "--limit", metavar="N", type=_count, default=20, help="how many at most (default: 20; 0: all)")
    add("--json", action="store_true", help="as JSON, with all verdicts")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
