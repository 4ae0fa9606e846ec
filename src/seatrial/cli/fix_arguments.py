"""The arguments of `seatrial fix`: apart from the command, so that the help of others doesn't import the rules."""

from __future__ import annotations

import argparse

USAGE = "seatrial fix [PATH…] [options]"
SUMMARY = "show what would meet the requirements as a diff, or write it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="*", help="directories, Dockerfiles, compose files (default: here)")
    add("--write", action="store_true", help="change the files, instead of showing the difference")
    add("--unsafe", action="store_true", help="also what may change more than the requirement asks")
    add("--select", metavar="NAMES", action="append", default=[], help="these requirements alone, separated by commas")
    add("--ignore", metavar="NAMES", action="append", default=[], help="all but these")
    add("--from", dest="recording", metavar="FILE", help="what this recording of a drill measured, and nothing else")
    add("--config", metavar="FILE", help="seatrial.toml or pyproject.toml (default: found here or above)")
