"""What the commands on a project share: which project is meant, its supervisor, and how steps are shown."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seatrial.cli.streams import complain
from seatrial.model.deployment import Fleet
from seatrial.model.errors import NothingFoundError
from seatrial.project.client import Client
from seatrial.project.layout import Layout, layout_of
from seatrial.project.running import known_fleet


def fleet_of(arguments: argparse.Namespace) -> Fleet:
    """The project as its files say it now."""
    from seatrial.files.join.fleet import read_fleet

    return read_fleet(
        Path(arguments.project_directory),
        environment=os.environ,
        compose_files=[Path(file) for file in arguments.file],
        profiles=arguments.profile,
        name=arguments.project_name,
    )


def project_name(arguments: argparse.Namespace) -> str:
    """The project's name, from the arguments or from its files."""
    if arguments.project_name:
        return str(arguments.project_name)
    return fleet_of(arguments).name


def known(arguments: argparse.Namespace) -> tuple[Fleet, Layout]:
    """The project as it was last brought up. Raises NothingFoundError if it never was."""
    name = project_name(arguments)
    layout = layout_of(name, os.environ)
    if not layout.fleet.exists():
        raise NothingFoundError(f"the project {name} was never brought up", hint="seatrial up -d")
    return known_fleet(layout, name), layout


def ask(fleet: Fleet, layout: Layout) -> Client:
    """The supervisor's client; a supervisor is started where none lives, and finds again what runs."""
    if not layout.is_supervised():
        from seatrial.project import daemon

        daemon.start(fleet.name, layout, os.environ)
    return Client(layout.socket)


def show_steps(steps: Iterable[Mapping[str, Any]]) -> None:
    """Print the steps of some work to stderr, a line each."""
    for step in steps:
        if step["status"] == "Warning":
            complain(f"warning: {step['text']}")
            continue
        text = f": {step['text']}" if step["text"] else ""
        print(f" Container {step['what']}  {step['status']}{text}", file=sys.stderr, flush=True)
