"""The arguments of `seatrial check`: apart from the command, so that the help of others doesn't import the rules."""

from __future__ import annotations

import argparse

USAGE = "seatrial check [PATH…] [options]"
SUMMARY = "read the files of services and report what will fail in production"
FORMATS = ("text", "json", "sarif", "github", "junit", "markdown")
LEVELS = ("error", "warning", "info", "never")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="*", help="directories, Dockerfiles, compose files (default: here)")
    add("--format", choices=FORMATS, default="text", help="what to print (default: text)")
    add("--output", metavar="FILE", help="write it to a file")
    add("--fail-on", choices=LEVELS, help="what makes the exit code 1 (default: warning)")
    add("--select", metavar="NAMES", action="append", default=[], help="these requirements alone, separated by commas")
    add("--ignore", metavar="NAMES", action="append", default=[], help="all but these")
    add("--baseline", metavar="FILE", help="do not tell what this file knows")
    add("--write-baseline", metavar="FILE", help="write a baseline of what is found now, and end with 0")
    add(
        "--audit",
        metavar="NAMES",
        nargs="?",
        const="",
        help="also ask npm, pip-audit, trivy, grype and hadolint, where installed, or those that are named",
    )
    add("--config", metavar="FILE", help="seatrial.toml or pyproject.toml (default: found here or above)")
    add("--no-cache", action="store_true", help="look at everything anew, and keep nothing for the next run")
    add("--cache-dir", metavar="DIRECTORY", help="where answers are kept (default: ~/.cache/seatrial/check)")
    add("--no-color", action="store_true", help="no colours (also: NO_COLOR=1)")
