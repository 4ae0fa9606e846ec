"""`seatrial up`: brings a project up, and stays to show its logs unless it is told not to.

The supervisor is a process of its own, so that a closed terminal ends nothing. Ctrl-C (or SIGTERM) once stops all
services in order, twice kills them.
"""

from __future__ import annotations

import argparse
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from seatrial.cli import codes
from seatrial.cli.project_client import ask, fleet_of, followed, show_steps, show_warnings
from seatrial.cli.streams import complain
from seatrial.cli.up_logs import Logs
from seatrial.cli.watching import Watching
from seatrial.model.deployment import Fleet
from seatrial.model.errors import InputError
from seatrial.project import selection
from seatrial.project.client import Client
from seatrial.project.layout import Layout, layout_of

_OVER = ("exited", "dead", "created")
_MOVES = ("start", "die", "stop", "destroy")


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM came: as Ctrl-C, but for the exit code."""


def _terminate(_number: int, _frame: object) -> None:
    raise _TerminatedError


def run(arguments: argparse.Namespace) -> int:
    """Bring it up; the exit code is 0, or what --exit-code-from says."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # what our caller ignores stays ignored
        signal.signal(signal.SIGTERM, _terminate)
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.force_recreate and arguments.no_recreate:
        raise InputError("--force-recreate and --no-recreate contradict each other", hint="leave one of them out")
    if arguments.always_recreate_deps and arguments.no_recreate:
        raise InputError("--always-recreate-deps and --no-recreate contradict each other", hint="leave one of them out")
    if arguments.watch and (arguments.detach or arguments.wait):
        raise InputError("--watch stays in the terminal", hint="leave -d and --wait out")
    fleet = selection.scaled(fleet_of(arguments), _numbers(arguments.scale))
    show_warnings(fleet.findings)
    deployments = tuple(replace(each, network=arguments.network) for each in fleet.deployments)
    fleet = replace(fleet, deployments=deployments, docker_quirks=arguments.docker_quirks)
    chosen = selection.select(fleet, arguments.services, with_dependencies=not arguments.no_deps)
    if arguments.exit_code_from and fleet.deployment(arguments.exit_code_from) is None:
        raise InputError(f"--exit-code-from: no such service: {arguments.exit_code_from}")
    arguments.began = time.time_ns()
    layout = layout_of(fleet.name, os.environ)
    client = ask(fleet, layout)
    try:
        show_steps(client.post("up", values=_request(fleet, arguments)))
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt, client, arguments)
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
        "always_recreate_deps": arguments.always_recreate_deps,
        "no_recreate": arguments.no_recreate,
        "remove_orphans": arguments.remove_orphans,
        "wait": arguments.wait,
        "wait_timeout": arguments.wait_timeout,
        "no_start": arguments.no_start,
    }


def _stay(client: Client, layout: Layout, services: Sequence[str], fleet: Fleet, arguments: argparse.Namespace) -> int:
    """Show logs until all have ended, one ended that ends all, `d` was pressed, or Ctrl-C."""
    logs = Logs(layout, lambda service: _is_attached(service, fleet, arguments), arguments)
    logs.begin(_rows(client, services))
    watching = Watching(fleet, services, client, layout)
    if arguments.watch:
        watching.begin()
    ended: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()
    threading.Thread(target=_wait, args=(client, services, arguments, logs, watching, ended), daemon=True).start()
    try:
        with _menu(client, services, arguments, watching, ended):
            code = ended.get()
        if isinstance(code, Exception):
            raise code
        if arguments.exit_code_from or arguments.abort_on_container_exit or arguments.abort_on_container_failure:
            show_steps(client.post("stop", values={"names": list(services), "timeout": arguments.timeout}))
            code = next((row["ExitCode"] for row in _rows(client, [arguments.exit_code_from])), code)
    except KeyboardInterrupt as interrupt:
        code = _interrupted(interrupt, client, arguments, services)
    watching.end()
    logs.end()
    return code


def _rows(client: Client, services: Sequence[str]) -> list[dict[str, Any]]:
    return [row for row in client.get("instances") if row["Service"] in services]


def _menu(
    client: Client,
    services: Sequence[str],
    arguments: argparse.Namespace,
    watching: Watching,
    ended: queue.SimpleQueue[int | Exception],
) -> AbstractContextManager[Any]:
    from seatrial.cli.menu import Menu, is_possible

    if not (arguments.menu and is_possible()):
        return nullcontext()

    def view() -> None:
        from seatrial.report.instances import ps_table

        complain(ps_table(_rows(client, services), time.time()).rstrip())

    def detach() -> None:
        complain("Detached: the services go on")
        ended.put(codes.GOOD)

    return Menu({"v": ("View", view), "w": ("Watch on/off", watching.toggle), "d": ("Detach", detach)})


def _is_attached(service: str, fleet: Fleet, arguments: argparse.Namespace) -> bool:
    if arguments.attach:
        return service in arguments.attach
    deployment = fleet.deployment(service)
    return service not in arguments.no_attach and (deployment is None or deployment.attach)


def _wait(
    client: Client,
    services: Sequence[str],
    arguments: argparse.Namespace,
    logs: Logs,
    watching: Watching,
    over: queue.SimpleQueue[int | Exception],
) -> None:
    """Tell the code once nothing runs any more, or one has ended that ends all; or what went wrong."""
    try:
        events = followed(client)
        while (code := _looked(client, services, arguments, logs, watching)) is None:
            while next(events)["Action"] not in _MOVES:
                pass
        over.put(code)
    except Exception as error:
        over.put(error)  # it is raised where the code is waited for


def _looked(
    client: Client, services: Sequence[str], arguments: argparse.Namespace, logs: Logs, watching: Watching
) -> int | None:
    """The code, if this is the end. What is made anew because files changed is no end."""
    with watching.acting:
        rows = _rows(client, services)
    logs.add(rows)
    ended = [row for row in rows if row["State"] == "exited" and not row["IsPending"]]
    failed = [row for row in ended if row["ExitCode"]]
    aborts = arguments.abort_on_container_exit or arguments.exit_code_from
    if (ended and aborts) or (failed and arguments.abort_on_container_failure):
        return _code(ended, failed, arguments)
    return codes.GOOD if all(row["State"] in _OVER and not row["IsPending"] for row in rows) else None


def _code(ended: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> int:
    wanted = [row for row in ended if row["Service"] == arguments.exit_code_from]
    deciding = (wanted or list(failed) or list(ended))[0]
    return int(deciding["ExitCode"])


def _interrupted(
    interrupt: KeyboardInterrupt, client: Client, arguments: argparse.Namespace, services: Sequence[str] = ()
) -> int:
    """Stop all; kill all at the second interrupt."""
    print("Gracefully stopping... (press Ctrl+C again to force)", file=sys.stderr, flush=True)
    names = list(services)
    try:
        show_steps(client.post("stop", values={"names": names, "timeout": arguments.timeout}))
    except KeyboardInterrupt:
        show_steps(client.post("kill", values={"names": names}))
    return codes.SIGNALLED + (signal.SIGTERM if isinstance(interrupt, _TerminatedError) else signal.SIGINT)
