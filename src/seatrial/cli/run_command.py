"""`seatrial run`: one service in the foreground, by the engine's contract; the exit code is the service's own."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from typing import Any

from seatrial.cli.choice import environment_of, service_of
from seatrial.cli.entering import wants_terminal
from seatrial.cli.streams import complain
from seatrial.model.deployment import Deployment, Restarting
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.service import Limits, Service, signal_number


def run(arguments: argparse.Namespace) -> int:
    """Run it, and give its exit code."""
    from seatrial.project import foreground
    from seatrial.project.wishes import refuse_limits

    service = service_of(arguments).service
    service = _with_options(service, arguments)
    has_terminal = wants_terminal(asked=arguments.tty, refused=arguments.no_tty or not service.tty)
    end = "\r" if has_terminal else ""  # a terminal in raw mode does as it is told
    policy = arguments.restart or (service.restart.value if service.restart and not arguments.service_command else "no")
    deployment = Deployment(service, restarting=Restarting(policy), on_unhealthy=arguments.on_unhealthy or "")

    refuse_limits(deployment)

    def say(text: str) -> None:
        if not arguments.quiet:
            complain(f"seatrial: {text}{end}")

    def fail(text: str) -> None:
        complain(f"error: {text}{end}")

    around = foreground.Surroundings(
        arguments.network,
        environment_of(arguments),
        has_terminal,
        arguments.interactive or service.stdin_open,
        docker_quirks=arguments.docker_quirks,
    )
    return asyncio.run(foreground.run(deployment, around, say, fail))


def _with_options(service: Service, arguments: argparse.Namespace) -> Service:
    """The service with what the command line says over it."""
    changes: dict[str, Any] = {"limits": _limits(service.limits, arguments)}
    if arguments.tty:
        changes["tty"] = True
    if arguments.init:
        changes["init"] = Sourced(True)
    if arguments.user:
        changes["user"] = Sourced(arguments.user)
    if arguments.read_only:
        changes["read_only"] = Sourced(True)
    if arguments.stop_signal:
        try:
            signal_number(arguments.stop_signal)
        except ValueError as error:
            raise InputError(f"--stop-signal: {error}") from None
        changes["stop_signal"] = Sourced(arguments.stop_signal)
    if arguments.stop_timeout is not None:
        changes["stop_grace"] = Sourced(arguments.stop_timeout)
    return replace(service, **changes)


def _limits(limits: Limits, arguments: argparse.Namespace) -> Limits:
    from seatrial.files.units import parse_bytes

    changes: dict[str, Any] = {}
    if arguments.memory:
        try:
            changes["memory"] = Sourced(parse_bytes(arguments.memory))
        except ValueError as error:
            raise InputError(f"--memory: {error}", hint="--memory 512m") from None
    if arguments.cpus is not None:
        changes["cpus"] = Sourced(arguments.cpus)
    if arguments.pids_limit is not None:
        changes["pids"] = Sourced(arguments.pids_limit)
    return replace(limits, **changes)
