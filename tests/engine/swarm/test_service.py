"""A service of a Swarm that is played: what is refused, what exactly is asked for, and when it is over."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from seatrial.engine.distributed import UpdateOrder
from seatrial.engine.swarm.service import SwarmService
from seatrial.model.errors import InputError, UnsupportedError
from tests.requirements import missing_module, require

HOST_PORT = {"Protocol": "tcp", "PublishedPort": 8080, "PublishMode": "host"}
SERVICE = {
    "ID": "s1",
    "Version": {"Index": 7},
    "Spec": {
        "Name": "api",
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "api:1@sha256:0",
                "StopGracePeriod": 20_000_000_000,
                "StopSignal": "SIGQUIT",
                "Env": ["PORT=80", "API_TOKEN=a=token", "EMPTY"],
            },
            "ForceUpdate": 2,
        },
        "UpdateConfig": {"Parallelism": 3, "Delay": 5},
    },
    "Endpoint": {"Ports": [{"Protocol": "udp", "PublishedPort": 53}, HOST_PORT]},
    "UpdateStatus": {"State": "completed", "StartedAt": "before"},
}
TASK = {
    "ID": "t" * 25,
    "Slot": 1,
    "NodeID": "n1",
    "CreatedAt": "2026-11-21T20:00:00Z",
    "UpdatedAt": "2026-11-21T20:00:00Z",
    "DesiredState": "running",
    "Status": {"State": "running", "Timestamp": "2026-11-21T20:00:00Z"},
}


class Api:
    """The part of Docker's client that is used."""

    base_url = "http://manager.internal:2375"

    def __init__(self, service: dict[str, Any] | None = None, *, manages: bool = True) -> None:
        self.service = copy.deepcopy(service or SERVICE)
        self.task: dict[str, Any] = copy.deepcopy(TASK)
        self.manages = manages
        self.posted: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.is_closed = False

    def info(self) -> dict[str, Any]:
        swarm = {"ControlAvailable": self.manages, "LocalNodeState": "active" if self.manages else "inactive"}
        return {"Swarm": swarm, "KernelVersion": "6.1", "NCPU": 4, "SystemTime": "2026-11-21T20:00:00Z"}

    def inspect_service(self, name: str) -> dict[str, Any]:
        if name not in ("api", "s1"):
            from docker.errors import NotFound

            raise NotFound("no such service")
        return copy.deepcopy(self.service)

    def services(self) -> list[dict[str, Any]]:
        return [self.service]

    def nodes(self) -> list[dict[str, Any]]:
        return [{"ID": "n1", "Description": {"Hostname": "host-1"}}]

    def tasks(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        assert filters == {"service": "s1"}
        return [copy.deepcopy(self.task)]

    def events(self, *, decode: bool, filters: dict[str, Any]) -> Any:
        assert decode and filters["label"] == ["com.docker.swarm.service.id=s1"]
        return (event for event in ())

    def _url(self, pattern: str, *words: str) -> str:
        return pattern.format(*words)

    def _post_json(self, url: str, data: dict[str, Any], params: dict[str, Any]) -> None:
        assert url == "/services/s1/update"
        self.posted.append((data, params))
        self.service["Spec"] = data

    def _raise_for_status(self, answer: None) -> None:
        """Whatever is asked for is done."""

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def _needs_dockers_client() -> None:
    require(missing_module("docker"))


def played(name: str, order: UpdateOrder | None, client: Any) -> SwarmService:
    """The service, by a client that has no more than is used."""
    return SwarmService(name, order, client)


def refused(api: Api, name: str = "api") -> str:
    async def enter() -> None:
        async with played(name, None, api):
            raise AssertionError("it was let in")

    with pytest.raises((InputError, UnsupportedError)) as told:
        asyncio.run(enter())
    assert api.is_closed
    return f"{told.value.message} / {told.value.hint}"


def test_what_can_not_be_updated_is_refused() -> None:
    assert "no manager of a Swarm (it is inactive)" in refused(Api(manages=False))
    assert refused(Api(), "web") == "there is no service 'web' on this Swarm / there are: api"
    updating = {**SERVICE, "UpdateStatus": {"State": "updating"}}
    assert "service api is being updated" in refused(Api(updating))


def test_a_service_is_described_by_its_specification() -> None:
    async def describe() -> None:
        async with played("s1", None, Api()) as service:
            told = service.described()
            assert (told.name, told.argv, told.grace, told.stop_signal) == ("api", ("api:1",), 20.0, "SIGQUIT")
            assert (told.address, told.secrets) == ("manager.internal:8080", ("a=token",))
            assert service.steps == ("rolling update (stop-first)",)
            assert (service.left, service.replicas()[0].node) == ("", "host-1")

    asyncio.run(describe())


def test_an_update_changes_the_counter_and_the_order_which_is_put_back() -> None:
    api = Api()

    async def update() -> None:
        async with played("api", UpdateOrder.START_FIRST, api) as service:
            await service.perform(service.steps[0])
            assert service.settled() is None, "the state is that of the update before"
            assert "its update order is start-first now" in service.left
            api.task |= {"DesiredState": "shutdown", "Status": {**TASK["Status"], "State": "running"}}
            api.service["UpdateStatus"] = {"State": "completed", "StartedAt": "now"}
            await _until(lambda: bool(service.replicas()[0].told))
            assert service.settled() is None, "the old task has not ended"
            api.task["Status"]["State"] = "shutdown"
            await _until(lambda: service.settled() == "")

    asyncio.run(update())
    (asked, version), (put_back, _) = api.posted
    assert version == {"version": 7}
    assert asked["TaskTemplate"]["ForceUpdate"] == 3
    assert asked["UpdateConfig"] == {"Parallelism": 3, "Delay": 5, "Order": "start-first"}
    assert put_back == {**asked, "UpdateConfig": {"Parallelism": 3, "Delay": 5}}


def test_an_update_that_the_engine_gives_up_says_why() -> None:
    api = Api()

    async def update() -> str | None:
        async with played("api", None, api) as service:
            await service.perform(service.steps[0])
            api.service["UpdateStatus"] = {"State": "paused", "StartedAt": "now", "Message": "update paused: task x"}
            await _until(lambda: service.settled() is not None)
            return service.settled()

    assert asyncio.run(update()) == "the update is paused: update paused: task x"
    assert len(api.posted) == 1, "the order was its own"


async def _until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
