"""A rolling restart: each instance is replaced by a new one that is ready before the old one is asked to end.

    1. a new instance is started beside the old one, with what the files say now
    2. it is ready: healthy where there is a check, and listening itself on its ports
    3. the relay, where there is one, sends new connections to the new one alone
    4. the old one is stopped by the contract: it drains
    5. its log goes on in the new one's

If the new one doesn't come up, it is removed, and the old one goes on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from seatrial.engine.contract.health import Status
from seatrial.model.errors import SeatrialError
from seatrial.project import logfiles
from seatrial.project.crew import Crew
from seatrial.project.ending import Ending
from seatrial.project.moorings import listens, own_ports, wait_accepted, wait_listening, wait_taking
from seatrial.project.ports import Way, reach, tcp_ports
from seatrial.project.progress import Step, Tell
from seatrial.project.replica import Replica
from seatrial.project.starting import Starting
from seatrial.project.wishes import ProjectError

LIMIT = 120.0
"""Seconds that a new instance has to be ready."""
_MIGRATES = Path("/proc/sys/net/ipv4/tcp_migrate_req")


class Rolling:
    """Replaces running instances of one project."""

    def __init__(self, crew: Crew, starting: Starting, ending: Ending) -> None:
        self._crew = crew
        self._starting = starting
        self._ending = ending

    async def replace(self, old: Replica, grace: float | None, tell: Tell) -> None:
        """Replace one. Raises what went wrong; the old one goes on then, unless it had to end already."""
        deployment = self._crew.fleet.deployment(old.deployment.name) or old.deployment
        taken = {replica.berth.number for replica in self._crew.of_service(deployment.name)}
        new = self._crew.new(deployment, next(number for number in range(1, len(taken) + 2) if number not in taken))
        tell(Step(new.name, "Created"))
        try:
            await self._starting.start_one(new, "rolling restart", tell)
            if why := await wait_ready(new):
                raise ProjectError(f"{new.name} did not come up beside {old.name}: {why}", hint=hint_for(new))
        except SeatrialError:
            await self._ending.remove_all([new], tell)
            raise
        tell(Step(new.name, "Healthy" if new.machine.terms.check else "Listening"))
        if warning := warning_for(new):
            tell(Step(new.name, "Warning", warning))
        await self._crew.moorings.retire(old, self._crew.replicas.values())
        if reach(deployment).way is Way.FRONT:
            await wait_accepted(old)
        await self._ending.stop_one(old, grace, "rolling restart", tell)
        most = self._crew.harbour.log_files(deployment, new.berth)
        try:
            await asyncio.to_thread(logfiles.inherit, old.berth.log, new.berth.log, most)
        except OSError as error:
            tell(Step(new.name, "Warning", f"the log of {old.name} is lost: {error.strerror}"))
        await self._ending.remove_one(old, tell)


async def wait_ready(replica: Replica) -> str:
    """Wait until a new instance is ready; gives why it never will be, or ""."""
    first = replica.machine.run
    try:
        async with asyncio.timeout(LIMIT):
            if reach(replica.deployment).way is Way.INHERITED:
                await wait_taking(replica)
            if numbers := own_ports(replica):
                await wait_listening(replica, numbers)
            while not (why := _why_not(replica, first)) and not _is_ready(replica):
                await replica.next_turn()
    except TimeoutError:
        return f"it was not ready within {LIMIT:g} s"
    return why


def _is_ready(replica: Replica) -> bool:
    return replica.is_healthy() and listens(replica, own_ports(replica))


def _why_not(replica: Replica, first: int) -> str:
    machine = replica.machine
    if machine.run != first or not machine.is_running:
        return f"it ended with code {machine.exit_code}"
    if machine.monitor.status is Status.UNHEALTHY:
        return "it is unhealthy"
    return ""


def hint_for(replica: Replica) -> str:
    """What to do where two instances can't listen at once."""
    if tcp_ports(replica.deployment) and reach(replica.deployment).way is Way.DIRECT:
        return (
            "two instances can listen on one port where the program sets SO_REUSEPORT, or takes its sockets from "
            "seatrial (x-seatrial: {shared_port: inherited}), or behind the relay (shared_port: front)"
        )
    return ""


def warning_for(replica: Replica) -> str:
    """What may be lost all the same; "" where nothing is."""
    if reach(replica.deployment).way is not Way.DIRECT or not tcp_ports(replica.deployment):
        return ""
    try:
        migrates = _MIGRATES.read_text(encoding="ascii").strip() != "0"
    except OSError:
        migrates = False
    if migrates:
        return ""
    return (
        "connections that the old instance has not accepted yet are reset when it closes its socket: "
        "sysctl -w net.ipv4.tcp_migrate_req=1, or x-seatrial: {shared_port: inherited}"
    )
