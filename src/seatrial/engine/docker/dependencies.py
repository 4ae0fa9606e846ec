"""Starts what a service depends on: containers of their own, on the trial's network, in the order that compose has.

Conditions are compose's: started, healthy by the engine's own word, completed with exit code 0.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from seatrial.engine.docker.client import said
from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.service import Dependency, Service

if TYPE_CHECKING:
    from seatrial.engine.docker.client import Calls

HEALTHY_WITHIN = 120.0
LOOK = 0.1


def order(service: Service, others: Iterable[Service]) -> tuple[Service, ...]:
    """All that it depends on, each after what it depends on itself. InputError where a name is unknown or in a circle;
    one that is not required and not there is passed over."""
    known = {other.name: other for other in others}
    done: dict[str, Service] = {}

    def visit(one: Service, above: tuple[str, ...]) -> None:
        for sourced in one.depends_on:
            name = sourced.value.service
            if name in above:
                raise InputError(f"services depend on each other: {' → '.join((*above, name))}", place=sourced.place)
            if name in done:
                continue
            if name not in known:
                if sourced.value.required:
                    raise InputError(f"{one.name} depends on {name}, which is no service here", place=sourced.place)
                continue
            visit(known[name], (*above, name))
            done[name] = known[name]

    visit(service, (service.name,))
    return tuple(done.values())


async def start(
    services: Sequence[Service], wanted: Sequence[Service], calls: Calls, create: Callable[[Service], Awaitable[str]]
) -> Mapping[str, str]:
    """Start them one after the other; each waits for the conditions of its own dependencies, and at the end those of
    `wanted` are waited for. Gives their containers by name."""
    from docker.errors import DockerException

    running: dict[str, str] = {}
    for service in services:
        await _wait(service, running, calls)
        container = await create(service)
        try:
            await calls(partial(calls.api.start, container))
        except DockerException as error:
            raise UnsupportedError(f"dependency {service.name} could not be started: {said(error)}") from error
        running[service.name] = container
    for service in wanted:
        await _wait(service, running, calls)
    return running


async def _wait(service: Service, running: Mapping[str, str], calls: Calls) -> None:
    for sourced in service.depends_on:
        if sourced.value.service in running:
            await _wait_for(sourced.value, running[sourced.value.service], calls)


async def _wait_for(dependency: Dependency, container: str, calls: Calls) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN
    while True:
        state = (await calls(lambda: calls.api.inspect_container(container)))["State"]
        problem = await _problem(dependency, state, container, calls)
        if problem == "":
            return
        if problem is not None and dependency.required:
            raise InputError(f"dependency {dependency.service} {problem}")
        if problem is not None:
            return
        if time.monotonic() > deadline:
            raise InputError(
                f"dependency {dependency.service} was not {dependency.condition} in {HEALTHY_WITHIN:.0f} s"
            )
        await asyncio.sleep(LOOK)


async def _problem(dependency: Dependency, state: Mapping[str, Any], container: str, calls: Calls) -> str | None:
    """ "" where the condition holds, None where it may yet hold, else what is wrong."""
    is_over = state["Status"] in ("exited", "dead")
    if dependency.condition == "service_completed_successfully":
        if not is_over:
            return None
        return "" if state["ExitCode"] == 0 else await _ended(state, container, calls)
    if dependency.condition != "service_healthy":
        return ""
    if is_over:
        return await _ended(state, container, calls)
    health = state.get("Health")
    if not health:
        return "has no health check, and service_healthy is asked of it"
    if health["Status"] == "unhealthy":
        last = ((health.get("Log") or [{}])[-1].get("Output") or "").strip()
        return f"is unhealthy: {last}"
    return "" if health["Status"] == "healthy" else None


async def _ended(state: Mapping[str, Any], container: str, calls: Calls) -> str:
    words = await calls(lambda: calls.api.logs(container, tail=5))
    text = bytes(words).decode("utf-8", "replace").strip().replace("\n", " | ")
    return f"ended with exit code {state['ExitCode']}" + (f": {text}" if text else "")
