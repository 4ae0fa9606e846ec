"""Ends instances: stops them in reverse order of their dependencies, and removes what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.lifecycle import State
from seatrial.project import hooks, selection
from seatrial.project.crew import Crew
from seatrial.project.progress import Step, Tell, side_by_side
from seatrial.project.replica import Replica
from seatrial.project.wishes import ProjectError


class Ending:
    """Ends instances of one project."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    async def in_reverse(self, chosen: Sequence[Replica], end: Callable[[Replica], Any]) -> None:
        """End instances, each service after those that depend on it."""
        deployments = list({replica.deployment.name: replica.deployment for replica in chosen}.values())
        before = selection.dependents(deployments)
        over = {deployment.name: asyncio.Event() for deployment in deployments}

        async def end_service(name: str) -> None:
            for dependent in before[name]:
                await over[dependent].wait()
            try:
                await side_by_side([end(each) for each in chosen if each.deployment.name == name])
            finally:
                over[name].set()

        await side_by_side([end_service(name) for name in over])

    async def stop_one(self, replica: Replica, grace: float | None, by: str, tell: Tell) -> None:
        """Stop one by the contract, after its hooks; nothing where it neither runs nor is about to."""
        if not replica.machine.is_running and not replica.is_pending:
            return
        tell(Step(replica.name, "Stopping"))
        if replica.machine.is_running:
            await hooks.run_inside(replica, replica.deployment.hooks.pre_stop, "pre_stop")
        replica.tell(c.StopAsked(by=by, grace=grace))
        await replica.settle()
        tell(Step(replica.name, "Stopped"))

    async def remove_all(self, replicas: Sequence[Replica], tell: Tell) -> None:
        """Stop and remove instances that others take the place of."""

        async def remove(replica: Replica) -> None:
            await self.stop_one(replica, None, "recreate", tell)
            await self.remove_one(replica, tell)

        await self.in_reverse(replicas, remove)

    async def remove_one(self, replica: Replica, tell: Tell) -> None:
        """Remove one that has ended, with its log. Raises ProjectError."""
        tell(Step(replica.name, "Removing"))
        await self._crew.shipping.finish(replica)
        refusal = replica.tell(c.RemoveAsked(by="remove"))
        if refusal is not None and replica.machine.state not in (State.REMOVING, State.REMOVED):  # somebody else does
            raise ProjectError(f"{replica.name}: {refusal.cause}")
        await replica.until(lambda: replica.machine.state in (State.REMOVED, State.DEAD))
        if replica.machine.state is State.DEAD:
            raise ProjectError(f"{replica.name} can't be removed: {replica.machine.error}")
        await replica.close()
        self._crew.drop(replica)
        tell(Step(replica.name, "Removed"))
