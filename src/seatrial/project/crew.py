"""The instances of one project: which there are, what happens to them, and what is left of them when we go.

It starts and stops nothing (`starting`, `ending`); it finds what an earlier supervisor kept running, makes the drivers
of instances, and passes on what they tell: events, the relay's list, the words for people.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seatrial.model.deployment import Deployment, Fleet
from seatrial.model.errors import SeatrialError
from seatrial.project import memory, selection
from seatrial.project.events import Events
from seatrial.project.interface import Berth, Harbour
from seatrial.project.layout import Layout, read_json
from seatrial.project.moorings import Moorings
from seatrial.project.network import Network, write_hosts
from seatrial.project.progress import note, side_by_side
from seatrial.project.replica import REPORT, Replica, StateError
from seatrial.project.shipping import Shipping
from seatrial.project.wishes import deployment_in

_MOVES = frozenset({"start", "die", "stop", "destroy"})
"""The events after which the relay has to know anew where the instances are."""


class Crew:
    """The instances of one project, in `replicas` by name. `fleet` is what the files say."""

    def __init__(self, fleet: Fleet, layout: Layout, harbour: Harbour, events: Events) -> None:
        self.fleet = fleet
        self.layout = layout
        self.events = events
        self.harbour = harbour
        self.moorings = Moorings(layout.relay)
        self.shipping = Shipping()
        self.network = Network(layout.directory)
        self.replicas: dict[str, Replica] = {}
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def of_service(self, name: str) -> list[Replica]:
        """The instances of a service, by number."""
        found = [replica for replica in self.replicas.values() if replica.deployment.name == name]
        return sorted(found, key=lambda replica: replica.berth.number)

    def chosen(self, names: Sequence[str]) -> list[Replica]:
        """The instances of these services (all without names). Raises InputError for a name that isn't there."""
        known = {deployment.name for deployment in selection.select(self.fleet, names, with_dependencies=False)}
        return [replica for replica in self.replicas.values() if replica.deployment.name in known]

    async def adopt(self) -> None:
        """Find again what an earlier supervisor kept running. What can't be understood any more is ended and removed:
        nobody could ever stop it otherwise."""
        for directory in self.layout.instances():
            saved = memory.read(read_json(directory / "state.json"))
            deployment = deployment_in(directory)
            try:
                if saved is None or deployment is None:
                    raise StateError(f"the state of {directory.name} can't be read")
                known = saved[0]
                self._add(deployment, known.name, known.number, known.identity)
            except SeatrialError as error:
                note(f"{error.message}: what is left of it is removed")
                await self._discard(directory)
        await side_by_side([replica.adopt() for replica in self.replicas.values()])
        for replica in self.replicas.values():
            self.moorings.adopt(replica)
            try:
                self.shipping.begin(replica)
            except SeatrialError as error:
                replica.report(f"its log goes nowhere: {error.message}")
        self._follow()

    async def _discard(self, directory: Path) -> None:
        berth = Berth("", directory.name, 0, directory)
        found = await self.harbour.find(berth)
        if found.instance is not None:
            await found.instance.close()
        try:
            await self.harbour.remove(berth)
        except OSError as error:
            note(f"{directory}: {error.strerror}")

    def is_idle(self) -> bool:
        """Whether nothing runs and nothing is about to."""
        return not any(each.machine.is_running or each.is_pending for each in self.replicas.values())

    async def wait_changed(self) -> None:
        """Wait for the next turn of any instance."""
        await self._changed.wait()

    async def close(self) -> None:
        """Let go of all instances; what runs goes on."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self.is_idle():
            await self.moorings.follow(())
        self.moorings.let_go()
        await self.shipping.close()
        await asyncio.gather(*(replica.close() for replica in self.replicas.values()), return_exceptions=True)

    def new(self, deployment: Deployment, number: int) -> Replica:
        """A new instance of a service, which is not started."""
        name = selection.instance_name(self.fleet, deployment, number)
        replica = self._add(deployment, name, number, secrets.token_hex(32))
        replica.create()
        return replica

    def drop(self, replica: Replica) -> None:
        """It was removed; nothing where somebody else said so already."""
        if self.replicas.get(replica.name) is replica:
            del self.replicas[replica.name]
            self.moorings.forget(replica)

    def _add(self, deployment: Deployment, name: str, number: int, identity: str) -> Replica:
        berth = Berth(identity, name, number, self.layout.instance(name), hosts=self._hosts(deployment))
        replica = Replica(
            deployment,
            berth,
            self.harbour,
            self._emit,
            moor=self._moor,
            docker_quirks=self.fleet.docker_quirks,
        )
        self.replicas[name] = replica
        return replica

    async def _moor(self, deployment: Deployment, berth: Berth) -> Berth:
        return self.join(deployment, await self.moorings.moor(deployment, berth))

    def join(self, deployment: Deployment, berth: Berth) -> Berth:
        """The berth with its place in the project's own network, where there is to be one."""
        if deployment.network != "own":
            return berth
        address = self.network.address(deployment.name, berth.number)
        path = berth.directory / "hosts"
        self._write_hosts(path, deployment, berth)
        return replace(berth, own_network=True, hosts_file=path, plug=lambda pid: self.network.plug(address, pid))

    def _write_hosts(self, path: Path, deployment: Deployment, berth: Berth) -> None:
        """Itself by its host name, then all that run by their services' names and their own."""
        running = [each for each in self._on_own_network() if each.name != berth.name]
        places = [(deployment.name, berth), *((each.deployment.name, each.berth) for each in running)]
        names = [(self.network.address(deployment.name, berth.number), deployment.service.hostname or berth.short)]
        for service, place in places:
            address = self.network.address(service, place.number)
            names += [(address, name) for name in dict.fromkeys((service, place.name))]
        write_hosts(path, names, deployment.hosts)

    def _on_own_network(self) -> list[Replica]:
        return [each for each in self.replicas.values() if each.deployment.network == "own" and each.machine.is_running]

    def _hosts(self, deployment: Deployment) -> Mapping[str, str]:
        """Services find each other by name: all of them use the machine's own network."""
        return {**{each.name: "127.0.0.1" for each in self.fleet.deployments}, **deployment.hosts}

    def _emit(self, replica: Replica, action: str, attributes: dict[str, str]) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if action in _MOVES:
            self._follow()
        if action == REPORT:
            note(f"{replica.name}: {attributes['message']}")
            return
        service = replica.deployment.service
        labels = {
            **replica.deployment.labels,
            "com.docker.compose.project": self.fleet.name,
            "com.docker.compose.service": replica.deployment.name,
            "com.docker.compose.container-number": str(replica.berth.number),
        }
        image = service.image.value if service.image else f"{self.fleet.name}-{replica.deployment.name}"
        self.events.emit(action, replica.berth.identity, {**labels, **attributes, "image": image, "name": replica.name})

    def _follow(self) -> None:
        """Let the relay and the others know, soon: what happens meanwhile is known to them, too."""

        async def follow() -> None:
            await asyncio.sleep(0)
            self._following = None
            await self.moorings.follow(self.replicas.values())
            for replica in self._on_own_network():
                self._write_hosts(replica.berth.directory / "hosts", replica.deployment, replica.berth)

        if self._following is None:
            self._following = asyncio.create_task(follow())
