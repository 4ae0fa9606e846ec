"""`seatrial resume`: brings the projects of this user back after the machine was started. The restart policies decide
what runs again. Made to be called once at the boot."""

from __future__ import annotations

import argparse
import os

from seatrial.cli import codes
from seatrial.cli.streams import complain, emit
from seatrial.model.errors import SeatrialError
from seatrial.project import daemon
from seatrial.project.layout import known_projects, layout_of


def run(_arguments: argparse.Namespace) -> int:
    """A supervisor for each project that was brought up once; 4 where one of them did not come up."""
    code = codes.GOOD
    for name in known_projects(os.environ):
        layout = layout_of(name, os.environ)
        try:
            if not layout.is_supervised():
                daemon.start(name, layout, os.environ)
        except SeatrialError as error:
            complain(f"error: {name}: {error.message}")
            code = codes.UNSUPPORTED
        else:
            emit(f"{name}\n")
    return code
