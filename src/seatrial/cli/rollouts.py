"""`seatrial drill --engine swarm|kubernetes SERVICE`: a service that runs there already is replaced under load."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType

from seatrial.cli.running import Interrupted
from seatrial.cli.running import run as run_async
from seatrial.cli.subject import TOOL
from seatrial.drill.options import Progress
from seatrial.drill.rollouts.rollout import LIMIT, RATE, RolloutOptions, rollout
from seatrial.engine.distributed import Distributed, UpdateOrder
from seatrial.model.errors import InputError
from seatrial.model.recording import Recording


def _swarm(arguments: argparse.Namespace) -> Distributed:
    _refuse(arguments, "namespace", "context")
    from seatrial.engine.swarm import SwarmService

    order = UpdateOrder(arguments.update_order) if arguments.update_order else None
    return SwarmService(arguments.project, order)


def _kubernetes(arguments: argparse.Namespace) -> Distributed:
    _refuse(arguments, "update_order")
    from seatrial.engine.kubernetes import Workload

    return Workload(arguments.project, arguments.namespace, arguments.context)


ENGINES: Mapping[str, Callable[[argparse.Namespace], Distributed]] = MappingProxyType(
    {"swarm": _swarm, "kubernetes": _kubernetes}
)
_EXAMPLES = {
    "swarm": "seatrial drill --engine swarm api",
    "kubernetes": "seatrial drill --engine kubernetes deployment/api",
}


def _refuse(arguments: argparse.Namespace, *names: str) -> None:
    for name in names:
        if getattr(arguments, name) is not None:
            shown = f"--{name.replace('_', '-')}"
            raise InputError(f"{shown} does not apply to --engine {arguments.engine}", hint="leave one of them out")


def run_rollout(arguments: argparse.Namespace, show: Callable[[Progress], None]) -> Recording:
    """The whole rollout. Raises Interrupted with what is left behind."""
    if arguments.project is None:
        raise InputError("which service is to be replaced is not said", hint=_EXAMPLES[arguments.engine])
    service = ENGINES[arguments.engine](arguments)
    options = RolloutOptions(
        url=arguments.url or "",
        rate=arguments.rate or RATE,
        quick_path=arguments.quick_path or "",
        slow_path=arguments.slow_path or "",
        stream_path=arguments.stream_path or "",
        limit=arguments.ready_timeout or LIMIT,
        tool=TOOL,
    )
    try:
        return run_async(rollout(service, options, show))
    except Interrupted as stop:
        stop.left = service.left or stop.left
        raise
