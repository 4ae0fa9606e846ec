"""What can be asked over the control socket: one table of routes. Translates requests; the supervisor does the work.

    GET  /v1/instances                 all instances, as `ps` shows them
    GET  /v1/instances/NAME            one, as `inspect` shows it (also by service, or the beginning of its id)
    GET  /v1/events?since=S&until=S    the kept events since then, and those to come (without `until`), a line each
    GET  /v1/stats                     what each instance uses now
    GET  /v1/metrics                   the same for Prometheus
    POST /v1/up                        {"fleet": …, "names": […], "wait": …, …}
    POST /v1/{stop,down,restart}       {"names": […], "timeout": SECONDS}; restart: also "rolling": true
    POST /v1/{start,pause,unpause}     {"names": […]}
         down also                    "remove_orphans": true, "volumes": true
    POST /v1/kill                      {"names": […], "signal": NUMBER}
    POST /v1/shutdown                  end the supervisor; what runs goes on

Each POST but `shutdown` answers with the steps of the work, a JSON object a line; what failed is a last line with
`error`, `hint` and `kind`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any

from seatrial.model import codec
from seatrial.model.deployment import Fleet
from seatrial.model.errors import InputError
from seatrial.project import metrics
from seatrial.project.control import Answer, Request
from seatrial.project.progress import Progress
from seatrial.project.replica import Replica
from seatrial.project.rows import document, row
from seatrial.project.supervisor import Supervisor
from seatrial.project.wishes import UpOptions


class Api:
    """Answers the requests of one project. `shutdown` is set when somebody asks for the supervisor's end."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.shutdown = asyncio.Event()
        self._open = 0
        self._answered = asyncio.Event()
        self._supervisor = supervisor
        self._works: Mapping[str, Callable[[Mapping[str, Any]], Progress]] = {
            "up": self._up,
            "stop": lambda values: supervisor.stop(_names(values), _timeout(values)),
            "down": lambda values: supervisor.down(
                _names(values),
                _timeout(values),
                remove_orphans=bool(values.get("remove_orphans")),
                volumes=bool(values.get("volumes")),
            ),
            "start": lambda values: supervisor.start(_names(values)),
            "restart": lambda values: (supervisor.rolling if values.get("rolling") else supervisor.restart)(
                _names(values), _timeout(values)
            ),
            "pause": lambda values: supervisor.pause(_names(values)),
            "unpause": lambda values: supervisor.unpause(_names(values)),
            "kill": lambda values: supervisor.kill(_names(values), _whole(values, "signal", 9)),
        }

    @property
    def is_asked(self) -> bool:
        """Whether an answer is under way."""
        return self._open > 0

    async def wait_answered(self) -> None:
        """Wait for the next beginning or end of an answer."""
        await self._answered.wait()

    def _count(self, change: int) -> None:
        self._open += change
        self._answered.set()
        self._answered = asyncio.Event()

    async def __call__(self, request: Request) -> Answer:
        """Answer one request; a stream counts as open until its last line is sent."""
        self._count(1)
        try:
            answer = await self._answer(request)
        finally:
            self._count(-1)
        return answer if answer.lines is None else Answer(lines=self._counted(answer.lines))

    async def _counted(self, lines: Progress) -> Progress:
        self._count(1)
        try:
            async for line in lines:
                yield line
        finally:
            self._count(-1)

    async def _answer(self, request: Request) -> Answer:
        match request.method, request.parts:
            case "GET", ("instances",):
                return Answer([row(each, self._supervisor.fleet.name) for each in self._instances()])
            case "GET", ("instances", name):
                return Answer([document(each, self._supervisor.fleet.name) for each in self._named(name)])
            case "GET", ("events",):
                return Answer(lines=self._events(request.values))
            case "GET", ("stats",):
                return Answer([metrics.usage(each) for each in self._instances()])
            case "GET", ("metrics",):
                return Answer(text=metrics.prometheus(self._supervisor.fleet.name, self._instances()))
            case "POST", ("shutdown",):
                self.shutdown.set()
                return Answer({})
            case "POST", (work,) if work in self._works:
                return Answer(lines=self._works[work](request.values))
            case _:
                message = f"there is no {request.method} /v1/{'/'.join(request.parts)}"
                return Answer({"error": message, "hint": "", "kind": "input"}, status=HTTPStatus.NOT_FOUND)

    def _instances(self) -> list[Replica]:
        order = {each.name: number for number, each in enumerate(self._supervisor.fleet.deployments)}
        replicas = self._supervisor.replicas.values()
        return sorted(replicas, key=lambda each: (order.get(each.deployment.name, len(order)), each.berth.number))

    def _named(self, name: str) -> list[Replica]:
        found = [
            each
            for each in self._instances()
            if name in (each.name, each.deployment.name) or (len(name) >= 4 and each.berth.identity.startswith(name))
        ]
        if not found:
            raise InputError(f"no such instance: {name}", hint="seatrial ps -a")
        return found

    async def _events(self, values: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        events = self._supervisor.events
        since = _number(values, "since")
        if (until := _number(values, "until")) is not None:
            for event in events.since(since or 0.0):
                if event["timeNano"] <= until * 1e9:
                    yield event
            return
        async for event in events.follow(since):
            yield event

    def _up(self, values: Mapping[str, Any]) -> Progress:
        try:
            fleet = codec.decode(Fleet, values.get("fleet"))
        except codec.WrongError as error:
            raise InputError(f"the project can't be read: {error}") from None
        options = UpOptions(
            names=tuple(_names(values)),
            with_dependencies=not values.get("no_deps"),
            force_recreate=bool(values.get("force_recreate")),
            anew_deps=bool(values.get("always_recreate_deps")),
            no_recreate=bool(values.get("no_recreate")),
            remove_orphans=bool(values.get("remove_orphans")),
            wait=bool(values.get("wait")),
            wait_limit=_number(values, "wait_timeout") or 0.0,
            start=not values.get("no_start"),
        )
        return self._supervisor.up(fleet, options)


def _names(values: Mapping[str, Any]) -> list[str]:
    names = values.get("names") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("names must be a list of services")
    return names


def _timeout(values: Mapping[str, Any]) -> float | None:
    return _number(values, "timeout")


def _number(values: Mapping[str, Any], name: str) -> float | None:
    said = values.get(name)
    if said is None or said == "":
        return None
    try:
        return float(said)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number") from None


def _whole(values: Mapping[str, Any], name: str, default: int) -> int:
    number = _number(values, name)
    if number is not None and not 0 < number < 65:
        raise InputError(f"{name} must be between 1 and 64")
    return default if number is None else int(number)
