"""What the commands on a project share: which project is meant, its supervisor, and how steps are shown."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from seatrial.cli.streams import complain
from seatrial.model.deployment import Fleet
from seatrial.model.errors import NothingFoundError
from seatrial.model.finding import Finding, Severity
from seatrial.project.client import BrokenOffError, Client
from seatrial.project.events import KEPT
from seatrial.project.layout import Layout, layout_of
from seatrial.project.running import known_fleet

PATIENCE = 30.0
"""Seconds for a supervisor that holds the project, and answers nobody, to answer or to end."""


class NeverUpError(NothingFoundError):
    """Nothing is known of the project."""

    def __init__(self, project: str) -> None:
        super().__init__(f"the project {project} was never brought up", hint="seatrial up -d")
        self.project = project


def fleet_of(arguments: argparse.Namespace) -> Fleet:
    """The project as its files say it now."""
    from seatrial.files.join.fleet import read_fleet

    return read_fleet(
        Path(arguments.project_directory),
        environment=os.environ,
        compose_files=[Path(file) for file in arguments.file],
        profiles=arguments.profile,
        name=arguments.project_name,
        named=getattr(arguments, "services", ()),
    )


def project_name(arguments: argparse.Namespace) -> str:
    """The project's name, from the arguments or from its files, whatever else is wrong with these."""
    if arguments.project_name:
        return str(arguments.project_name)
    from seatrial.files.join.fleet import read_name

    return read_name(
        Path(arguments.project_directory),
        environment=os.environ,
        compose_files=[Path(file) for file in arguments.file],
    )


def known(arguments: argparse.Namespace) -> tuple[Fleet, Layout]:
    """The project as it was last brought up. Raises NeverUpError if it never was."""
    name = project_name(arguments)
    layout = layout_of(name, os.environ)
    if not layout.fleet.exists():
        raise NeverUpError(name)
    return known_fleet(layout, name), layout


def ask(fleet: Fleet, layout: Layout) -> Client:
    """The supervisor's client; a supervisor is started where none lives, now or later, and finds again what runs. One
    that is about to end, or has just begun, is waited for."""

    def revive() -> None:
        deadline = time.monotonic() + PATIENCE
        while not client.is_answered() and time.monotonic() < deadline:
            if layout.is_supervised():
                time.sleep(0.02)
                continue
            from seatrial.project import daemon

            daemon.start(fleet.name, layout, os.environ)

    client = Client(layout.socket, revive)
    revive()
    return client


def followed(client: Client, **query: str) -> Iterator[Mapping[str, Any]]:
    """The events as they happen. When the supervisor dies they go on with the next one, which knows those that were
    kept: none is left out, none comes twice."""
    begun = f"{time.time():.9f}"
    seen: deque[int] = deque(maxlen=2 * KEPT)  # not the time of the last one: clocks are set back
    while True:
        try:
            for event in client.follow("events", **query):
                if event["timeNano"] not in seen:
                    seen.append(event["timeNano"])
                    yield event
            return
        except BrokenOffError:
            query.setdefault("since", begun)


def show_steps(steps: Iterable[Mapping[str, Any]]) -> None:
    """Print the steps of some work to stderr, a line each."""
    for step in steps:
        if step["status"] == "Warning":
            complain(f"warning: {step['text']}")
            continue
        text = f": {step['text']}" if step["text"] else ""
        kind = "Service" if step["status"] == "Limits" else "Container"
        print(f" {kind} {step['what']}  {step['status']}{text}", file=sys.stderr, flush=True)


def show_warnings(findings: Iterable[Finding]) -> None:
    """Print what is probably not meant, or has no effect here, to stderr, a line each."""
    for finding in findings:
        if finding.severity is Severity.WARNING:
            complain(f"warning: {finding.place}: {finding.message}")


def name_before_lines(row: Mapping[str, Any]) -> str:
    """How logs and `top` call an instance: as compose, without the name of the project that all of them share."""
    return str(row["Name"]).removeprefix(f"{row['Project']}-")
