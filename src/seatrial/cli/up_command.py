"""`seatrial up`: brings a project up, and stays to show its logs unless it is told not to.

The supervisor is a process of its own, so that a closed terminal ends nothing. Ctrl-C once stops all services in order,
twice kills them.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from seatrial.cli import codes
from seatrial.cli.project_client import ask, fleet_of, show_steps
from seatrial.cli.streams import complain
from seatrial.model.deployment import Fleet
from seatrial.model.errors import InputError
from seatrial.project import selection
from seatrial.project.client import Client
from seatrial.project.layout import Layout, layout_of

_OVER = ("exited", "dead", "created")


def run(arguments: argparse.Namespace) -> int:
    """Bring it up; the exit code is 0, or what --exit-code-from says."""
    if arguments.force_recreate and arguments.no_recreate:
        raise InputError("--force-recreate and --no-recreate contradict each other", hint="leave one of them out")
    if arguments.watch and (arguments.detach or arguments.wait):
        raise InputError("--watch stays in the terminal", hint="leave -d and --wait out")
    fleet = selection.scaled(fleet_of(arguments), _numbers(arguments.scale))
    fleet = replace(fleet, docker_quirks=arguments.docker_quirks)
    chosen = selection.select(fleet, arguments.services, with_dependencies=not arguments.no_deps)
    if arguments.exit_code_from and fleet.deployment(arguments.exit_code_from) is None:
        raise InputError(f"--exit-code-from: no such service: {arguments.exit_code_from}")
    arguments.began = time.time_ns()
    layout = layout_of(fleet.name, os.environ)
    client = ask(fleet, layout)
    try:
        show_steps(client.post("up", values=_request(fleet, arguments)))
    except KeyboardInterrupt:
        return _interrupted(client, arguments)
    if arguments.detach or arguments.wait or arguments.no_start:
        return codes.GOOD
    return _stay(client, layout, [each.name for each in chosen], fleet, arguments)


def _numbers(said: Sequence[str]) -> dict[str, int]:
    found = {}
    for text in said:
        name, equals, number = text.partition("=")
        if not equals or not (number.isascii() and number.isdigit()):
            raise InputError(f"--scale {text}: a service and a number are needed", hint="--scale web=3")
        found[name] = int(number)
    return found


def _request(fleet: Fleet, arguments: argparse.Namespace) -> dict[str, Any]:
    from seatrial.model.codec import encode

    return {
        "fleet": encode(fleet),
        "names": arguments.services,
        "no_deps": arguments.no_deps,
        "force_recreate": arguments.force_recreate,
        "no_recreate": arguments.no_recreate,
        "remove_orphans": arguments.remove_orphans,
        "wait": arguments.wait,
        "wait_timeout": arguments.wait_timeout,
        "no_start": arguments.no_start,
    }


def _stay(client: Client, layout: Layout, services: Sequence[str], fleet: Fleet, arguments: argparse.Namespace) -> int:
    """Show logs until all have ended, one ended that ends all, or Ctrl-C."""
    rows = [row for row in client.get("instances") if row["Service"] in services]
    over = threading.Event()
    shown = [row for row in rows if _is_attached(row["Service"], fleet, arguments)]
    printer = threading.Thread(target=_show_logs, args=(shown, layout, arguments, over), daemon=True)
    printer.start()
    if arguments.watch:
        from seatrial.cli.watching import watch

        threading.Thread(target=watch, args=(fleet, services, client, over), daemon=True).start()
    try:
        code = _wait(client, services, arguments)
        if arguments.exit_code_from or arguments.abort_on_container_exit or arguments.abort_on_container_failure:
            show_steps(client.post("stop", values={"names": list(services), "timeout": arguments.timeout}))
    except KeyboardInterrupt:
        code = _interrupted(client, arguments, services)
    over.set()
    printer.join(5.0)
    return code


def _is_attached(service: str, fleet: Fleet, arguments: argparse.Namespace) -> bool:
    if arguments.attach:
        return service in arguments.attach
    deployment = fleet.deployment(service)
    return service not in arguments.no_attach and (deployment is None or deployment.attach)


def _show_logs(
    rows: Sequence[dict[str, Any]], layout: Layout, arguments: argparse.Namespace, over: threading.Event
) -> None:
    """Print what these instances write from now on, each line with the name of its instance, until `over`."""
    from seatrial.engine.logs.interface import LogSource
    from seatrial.engine.logs.reading import Window
    from seatrial.engine.logs.rendering import Style
    from seatrial.engine.logs.showing import ShowOptions, render_logs

    sources = [LogSource(row["Name"], layout.log(row["Name"], row["ID"]), over.is_set) for row in rows]
    has_color = sys.stdout.isatty() and not (arguments.no_color or os.environ.get("NO_COLOR"))
    style = Style(arguments.timestamps, False, not arguments.no_log_prefix, has_color)

    def write(_stream: str, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    try:
        render_logs(sources, ShowOptions(Window(since=arguments.began), style, follow=True), write)
    except BrokenPipeError:
        over.set()  # the reader has seen enough; the services go on


def _wait(client: Client, services: Sequence[str], arguments: argparse.Namespace) -> int:
    """Until nothing runs any more, or one has ended that ends all."""
    aborts = arguments.abort_on_container_exit or arguments.exit_code_from
    events = client.follow("events")
    while True:
        rows = [row for row in client.get("instances") if row["Service"] in services]
        ended = [row for row in rows if row["State"] == "exited" and not row["IsPending"]]
        failed = [row for row in ended if row["ExitCode"]]
        if (ended and aborts) or (failed and arguments.abort_on_container_failure):
            return _code(ended, failed, arguments)
        if all(row["State"] in _OVER and not row["IsPending"] for row in rows):
            return codes.GOOD
        while next(events)["Action"] not in ("die", "stop", "destroy"):
            pass


def _code(ended: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> int:
    wanted = [row for row in ended if row["Service"] == arguments.exit_code_from]
    deciding = (wanted or list(failed) or list(ended))[0]
    complain(f"{deciding['Name']} exited with code {deciding['ExitCode']}")
    return int(deciding["ExitCode"])


def _interrupted(client: Client, arguments: argparse.Namespace, services: Sequence[str] = ()) -> int:
    """Stop all; kill all at the second Ctrl-C."""
    print("Gracefully stopping... (press Ctrl+C again to force)", file=sys.stderr, flush=True)
    names = list(services)
    try:
        show_steps(client.post("stop", values={"names": names, "timeout": arguments.timeout}))
    except KeyboardInterrupt:
        show_steps(client.post("kill", values={"names": names}))
    return codes.SIGNALLED + 2
