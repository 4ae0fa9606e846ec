"""`seatrial run`: one service in the foreground, by the engine's contract; the exit code is the service's own."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from typing import Any

from seatrial.cli.choice import environment_of, service_of
from seatrial.cli.streams import complain
from seatrial.model.deployment import Deployment, Restarting
from seatrial.model.errors import InputError
from seatrial.model.place import Sourced
from seatrial.model.service import Limits, Service, signal_number


def run(arguments: argparse.Namespace) -> int:
    """Run it, and give its exit code."""
    from seatrial.project import foreground

    service, _, _ = service_of(arguments)
    service = _with_options(service, arguments)
    policy = arguments.restart or (service.restart.value if service.restart and not arguments.service_command else "no")
    deployment = Deployment(service, restarting=Restarting(policy), on_unhealthy=arguments.on_unhealthy or "")

    def say(text: str) -> None:
        if not arguments.quiet:
            complain(f"seatrial: {text}")

    def fail(text: str) -> None:
        complain(f"error: {text}")

    environment = dict(environment_of(arguments))
    quirks = arguments.docker_quirks
    return asyncio.run(foreground.run(deployment, arguments.network, environment, say, fail, docker_quirks=quirks))


def _with_options(service: Service, arguments: argparse.Namespace) -> Service:
    """The service with what the command line says over it."""
    changes: dict[str, Any] = {"limits": _limits(service.limits, arguments)}
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
