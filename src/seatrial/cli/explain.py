"""`seatrial explain NAME`: the page of one requirement."""

from __future__ import annotations

import argparse
import shutil
import textwrap

from seatrial.cli import check_pages, codes
from seatrial.cli.arguments import unknown
from seatrial.cli.streams import emit
from seatrial.model.catalogue import REQUIREMENTS, Requirement, find
from seatrial.model.errors import InputError


def run(arguments: argparse.Namespace) -> int:
    """Print one page, or say what may have been meant."""
    if arguments.name == "syntax":
        emit("syntax: what keeps a file from being read as it was meant. No requirement: each message says all.\n")
        return codes.GOOD
    requirement = find(arguments.name)
    if requirement is None:
        message = unknown(arguments.name, [each.name for each in REQUIREMENTS])
        raise InputError(f"the requirement {message}", hint="seatrial list")
    width = min(shutil.get_terminal_size().columns, 100)
    emit("\n".join(_page(requirement, max(width, 30))) + "\n")
    return codes.GOOD


def _page(requirement: Requirement, width: int) -> list[str]:
    lines = [f"{requirement.name}: {requirement.title}", f"({requirement.group}; {requirement.sides})"]
    chapters = (("", requirement.asks), ("Proof", requirement.proof), ("What to do", requirement.advice))
    for heading, text in chapters:
        if text:
            lines += ["", *([heading] if heading else []), *textwrap.wrap(text, width)]
    pages = check_pages.lines(requirement.name, width)
    if not requirement.drilled and not pages:
        lines += ["", "This version does not judge it."]
    return lines + pages
