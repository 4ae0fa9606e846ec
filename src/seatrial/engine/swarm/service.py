"""A service of a Swarm: its update is asked for once, by the API of a manager, and watched until it is over.

Nothing of the service is changed but what an update needs: the counter that `docker service update --force` raises and,
where another order is wished, that order, which is put back when the update is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from seatrial.engine.distributed import Described, UpdateOrder
from seatrial.engine.docker.client import Calls, connect, post, said
from seatrial.engine.swarm.listening import Listening
from seatrial.engine.swarm.tasks import Seen, Tasks, wall
from seatrial.model.errors import InputError, UnsupportedError
from seatrial.model.recording import Machine, Replica
from seatrial.model.redaction import environment_secrets
from seatrial.model.service import DEFAULT_GRACE

if TYPE_CHECKING:
    from docker import APIClient

STEP = "rolling update"
PACE = 0.15
"""Seconds between two looks at the list of tasks."""
LOOK = 0.01
"""Seconds between two looks at the listeners of a task that was told to stop."""
AGAIN = 0.5
"""Seconds between two looks for the listeners of one that runs."""
SERVICE = "com.docker.swarm.service.id"
LOOPBACK = "127.0.0.1"
NANO = 1e9
FAILED = ("paused", "rollback_started", "rollback_paused", "rollback_completed")


class SwarmService:
    """One service of a Swarm, by its name or id. `order` None leaves the order of its own `update_config`."""

    def __init__(self, name: str, order: UpdateOrder | None = None, api: APIClient | None = None) -> None:
        self._name = name
        self._order = order
        self._api = api or connect()
        self._calls = Calls(self._api)
        self._is_here = self._api.base_url.startswith("http+docker://")
        self._info: Mapping[str, Any] = {}
        self._nodes: dict[str, str] = {}
        self._service: Mapping[str, Any] = {}
        self._before = ""
        self._is_asked = False
        self._own: Mapping[str, Any] | None = None
        self._tasks = Tasks("", DEFAULT_GRACE, 0.0, str)
        self._listening: dict[str, Listening] = {}
        self._events: Any = None
        self._watching: list[asyncio.Task[None]] = []

    @property
    def steps(self) -> tuple[str, ...]:
        """The one replacement that there is."""
        own = (self._service["Spec"].get("UpdateConfig") or {}).get("Order") or UpdateOrder.STOP_FIRST.value
        return (f"{STEP} ({self._order.value if self._order else own})",)

    @property
    def left(self) -> str:
        """What an end in the middle leaves behind, once an update was asked for."""
        if not self._is_asked:
            return ""
        order = f"; its update order is {self._order.value} now" if self._own is not None and self._order else ""
        return f"service {self._name} goes on with its update, see docker service ps {self._name}{order}"

    # --- finding it ---

    async def __aenter__(self) -> Self:
        try:
            await self._calls(self._find)
            await self._look()
        except BaseException:
            self._api.close()
            raise
        self._events = self._api.events(
            decode=True, filters={"type": "container", "label": [f"{SERVICE}={self._service['ID']}"]}
        )
        threading.Thread(target=self._hear, args=(asyncio.get_running_loop(),), daemon=True).start()
        self._watching = [asyncio.create_task(self._watch()), asyncio.create_task(self._watch_listeners())]
        return self

    def _find(self) -> None:
        from docker.errors import DockerException, NotFound

        try:
            self._info = self._api.info()
            self._check_manager()
            self._service = self._api.inspect_service(self._name)
            self._name = str(self._service["Spec"]["Name"])
            self._nodes = {one["ID"]: one["Description"]["Hostname"] for one in self._api.nodes()}
        except NotFound:
            names = ", ".join(sorted(one["Spec"]["Name"] for one in self._api.services())) or "none"
            raise InputError(f"there is no service {self._name!r} on this Swarm", hint=f"there are: {names}") from None
        except DockerException as error:
            raise UnsupportedError(f"the engine refused: {said(error)}", hint="docker service ls") from error
        if (self._service.get("UpdateStatus") or {}).get("State") in ("updating", "rollback_started"):
            raise InputError(f"service {self._name} is being updated", hint="wait until that is over")
        self._tasks = Tasks(self._name, self._grace(), self._offset(), lambda node: self._nodes.get(node, node[:12]))

    def _check_manager(self) -> None:
        swarm = self._info.get("Swarm") or {}
        if not swarm.get("ControlAvailable"):
            state = swarm.get("LocalNodeState") or "inactive"
            message = f"this engine is no manager of a Swarm (it is {state})"
            raise UnsupportedError(message, hint="name a manager: DOCKER_HOST=ssh://manager")

    def _offset(self) -> float:
        """From the engine's clock to our monotonic one."""
        if self._is_here:
            return time.monotonic() - time.time()
        begun = time.monotonic()
        told = wall(str(self._api.info().get("SystemTime", "")))
        return (begun + time.monotonic()) / 2 - (told or time.time())

    @property
    def _template(self) -> Mapping[str, Any]:
        return dict(self._service["Spec"]["TaskTemplate"].get("ContainerSpec") or {})

    def _grace(self) -> float:
        said_one = self._template.get("StopGracePeriod")
        return DEFAULT_GRACE if said_one is None else float(said_one) / NANO

    def described(self) -> Described:
        """What was found."""
        template = self._template
        argv = (*(template.get("Command") or ()), *(template.get("Args") or ()))
        return Described(
            name=self._name,
            machine=Machine("swarm", str(self._info.get("KernelVersion", "")), int(self._info.get("NCPU") or 1), False),
            argv=tuple(map(str, argv)) or (str(template.get("Image", "")).partition("@")[0],),
            grace=self._grace(),
            stop_signal=str(template.get("StopSignal") or "SIGTERM"),
            address=self._address(),
            secrets=tuple(environment_secrets({name: value for name, _, value in self._environment()})),
        )

    def _environment(self) -> Iterator[tuple[str, str, str]]:
        """Name, "=" and value. What a secret of the Swarm holds its managers tell nobody."""
        return (str(line).partition("=") for line in self._template.get("Env") or ())

    @property
    def _sees_processes(self) -> bool:
        return self._is_here and os.geteuid() == 0

    def _address(self) -> str:
        host = LOOPBACK if self._is_here else urlsplit(self._api.base_url).hostname or ""
        for port in (self._service.get("Endpoint") or {}).get("Ports") or ():
            if port.get("Protocol") == "tcp" and port.get("PublishedPort"):
                return f"{host}:{port['PublishedPort']}"
        return ""

    # --- updating it ---

    async def perform(self, step: str) -> None:
        """Ask for an update to what it is already. InputError where the engine refuses."""
        from docker.errors import DockerException

        assert step in self.steps
        await self._refresh()
        self._before = str((self._service.get("UpdateStatus") or {}).get("StartedAt", ""))
        spec = copy.deepcopy(dict(self._service["Spec"]))
        spec["TaskTemplate"]["ForceUpdate"] = int(spec["TaskTemplate"].get("ForceUpdate") or 0) + 1
        own = dict(spec.get("UpdateConfig") or {})
        if self._order is not None and own.get("Order") != self._order.value:
            spec["UpdateConfig"] = {"Parallelism": 1, **own, "Order": self._order.value}
            self._own = own
        self._is_asked = True
        try:
            await self._calls(lambda: self._update(spec))
        except DockerException as error:
            self._own, self._is_asked = None, False
            message = f"the engine refused to update service {self._name}: {said(error)}"
            raise InputError(message, hint=f"docker service update --force {self._name}") from error

    def _update(self, spec: Mapping[str, Any]) -> None:
        service = self._api.inspect_service(self._service["ID"])
        url = self._api._url("/services/{0}/update", service["ID"])
        answer = self._api._post_json(url, data=spec, params={"version": service["Version"]["Index"]})
        self._api._raise_for_status(answer)

    def settled(self) -> str | None:
        """Whether the update is over: by its own word, and all that were told to stop have."""
        status = self._service.get("UpdateStatus") or {}
        if str(status.get("StartedAt", "")) == self._before:
            return None
        if status.get("State") in FAILED:
            return f"the update is {status['State']}: {status.get('Message', '')}"
        told = [task for task in self._tasks.seen.values() if task.told is not None]
        if status.get("State") != "completed" or not all(task.is_over for task in told):
            return None
        return ""

    def replicas(self) -> tuple[Replica, ...]:
        """All tasks that were seen."""
        return self._tasks.replicas()

    # --- watching it ---

    async def _refresh(self) -> None:
        self._service = await self._calls(lambda: self._api.inspect_service(self._service["ID"]))

    async def _look(self) -> None:
        service = self._service["ID"]
        tasks = await self._calls(lambda: self._api.tasks(filters={"service": service}))
        self._tasks.listed(tasks, time.monotonic())

    async def _watch(self) -> None:
        """Look at the service and its tasks until cancelled. One look that fails is followed by another."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException

        while True:
            with contextlib.suppress(DockerException, RequestException):
                await self._look()
                await self._refresh()
            await asyncio.sleep(PACE)

    def _hear(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(Exception):  # however the connection ends, it is over
            for event in self._events:
                post(loop, self._tasks.heard, event)

    async def _watch_listeners(self) -> None:
        """See when listeners close, of the tasks that run here, until cancelled."""
        due: dict[str, float] = {}
        while self._sees_processes:
            now = time.monotonic()
            for task in tuple(self._tasks.seen.values()):
                if task.container and not task.is_over and task.closed is None:
                    self._watch_one(task, due, now)
            await asyncio.sleep(LOOK)

    def _watch_one(self, task: Seen, due: dict[str, float], now: float) -> None:
        known = self._listening.setdefault(task.container, Listening(task.container))
        if known.is_known and known.is_closed():
            task.closed = now
        if task.signalled is None and now >= due.get(task.container, 0.0):
            known.look()
            due[task.container] = now + AGAIN

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no more, and put the service's own order back after an update that is over."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        try:
            if error is None and self._own is not None and self.settled() == "":
                await self._put_back(self._own)
        finally:
            with contextlib.suppress(Exception):  # the connection may be gone
                self._events.close()
            await self._calls.settle()
            self._api.close()

    async def _put_back(self, own: Mapping[str, Any]) -> None:
        await self._refresh()
        spec = copy.deepcopy(dict(self._service["Spec"]))
        spec["UpdateConfig"] = own or None
        await self._calls(lambda: self._update(spec))
