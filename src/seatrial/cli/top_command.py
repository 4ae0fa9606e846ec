"""`seatrial top`: a project in the terminal, once a second: states, health, restarts, what is used, the last lines."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seatrial.cli import codes
from seatrial.cli.project_client import ask, known, name_before_lines
from seatrial.cli.project_command import sampled
from seatrial.model.errors import InputError
from seatrial.project.layout import Layout
from seatrial.report.instances import human_bytes, status
from seatrial.report.redact import text
from seatrial.report.words import clean

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = ("INSTANCE", "STATUS", "RESTARTS", "CPU", "MEMORY", "PIDS", "LAST LINE")
_TAIL = 4096


def run(arguments: argparse.Namespace) -> int:
    """Show it until Ctrl-C; once where that was asked for, or where stdout is no terminal."""
    if arguments.interval <= 0:
        raise InputError("--interval must be above 0")
    fleet, layout = known(arguments)
    client = ask(fleet, layout)
    from rich.console import Console
    from rich.live import Live

    console = Console()
    samples = sampled(client, min(arguments.interval, 0.5) if arguments.once else arguments.interval)
    if arguments.once or not sys.stdout.isatty():
        console.print(table(client.get("instances"), next(samples), layout, time.time()))
        return codes.GOOD
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for used in samples:
                live.update(table(client.get("instances"), used, layout, time.time()), refresh=True)
    except KeyboardInterrupt:
        pass
    return codes.GOOD


def table(rows: Sequence[Mapping[str, Any]], used: Sequence[Mapping[str, Any]], layout: Layout, now: float) -> Table:
    """One picture."""
    from rich.table import Table
    from rich.text import Text

    figures = {row["ID"]: row for row in used}
    shown = Table(*_COLUMNS, expand=True, box=None, padding=(0, 1))
    for row in rows:
        own = figures.get(row["ID"], {})
        cpu, memory, pids = own.get("CPUPercent"), own.get("Memory"), own.get("PIDs")
        shown.add_row(
            name_before_lines(row),
            Text(status(row, now), _style(row)),
            str(row["RestartCount"]),
            "--" if cpu is None else f"{cpu:.0f} %",
            "--" if memory is None else human_bytes(memory),
            "--" if pids is None else str(pids),
            Text(last_line(layout, row), overflow="ellipsis", no_wrap=True),
        )
    return shown


def _style(row: Mapping[str, Any]) -> str:
    if row["State"] == "running":
        return {"unhealthy": "red", "starting": "yellow"}.get(row["Health"], "green")
    return "yellow" if row["State"] == "restarting" else "red" if row["ExitCode"] else "dim"


def last_line(layout: Layout, row: Mapping[str, Any]) -> str:
    """The last line that the instance wrote, without what looks like a secret."""
    import json

    try:
        with layout.log(row["Name"], row["ID"]).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            return clean(text(json.loads(line)["log"].rstrip("\n")))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # the beginning of a long record, or one that is being written
    return ""
