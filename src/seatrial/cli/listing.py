"""`seatrial list`: the catalogue as a table. Plain text, so that it starts at once and needs no extra."""

from __future__ import annotations

import argparse
from itertools import groupby

from seatrial.cli import codes
from seatrial.cli.streams import emit
from seatrial.model.catalogue import REQUIREMENTS


def run(arguments: argparse.Namespace) -> int:
    """Print the catalogue by group."""
    shown = [each for each in REQUIREMENTS if each.drilled or not arguments.drilled]
    width = max(len(each.name) for each in shown)
    lines = []
    for group, members in groupby(shown, key=lambda each: each.group):
        lines.append(group)
        for each in members:
            mark = "*" if each.drilled else " "
            lines.append(f"  {mark} {each.name:<{width}}  {each.sides:<5}  {each.title}")
        lines.append("")
    lines.append("* proved by `seatrial drill`; S read from files, D proved by running, F with a fix")
    emit("\n".join(lines) + "\n")
    return codes.GOOD
