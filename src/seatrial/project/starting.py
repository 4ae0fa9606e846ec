"""Brings services to what the files say, and starts them in the order of their dependencies."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from seatrial.engine.contract import commands as c
from seatrial.model.deployment import Deployment
from seatrial.model.service import Dependency
from seatrial.project import hooks, memory, selection
from seatrial.project.crew import Crew
from seatrial.project.ending import Ending
from seatrial.project.moorings import refuse_taken
from seatrial.project.progress import Step, Tell, side_by_side
from seatrial.project.replica import Replica
from seatrial.project.waiting import COMPLETED, Seen, Verdict, is_up, judge
from seatrial.project.wishes import ProjectError, UpOptions, in_force, not_enforced


class Starting:
    """Makes and starts instances of one project."""

    def __init__(self, crew: Crew, ending: Ending) -> None:
        self._crew = crew
        self._ending = ending

    async def bring_up(self, chosen: Sequence[Deployment], options: UpOptions, tell: Tell) -> None:
        """`up`: what is too many or was made from something else goes, what is missing is made, all is started."""
        await self._remove_orphans(options, tell)
        await self._ending.remove_all(self._to_recreate(chosen, options), tell)
        for deployment in chosen:
            await self._ending.remove_all(self._crew.of_service(deployment.name)[deployment.replicas :], tell)
        if options.start:
            self.refuse_taken(chosen)
        for deployment in chosen:
            self._make_missing(deployment, tell)
        if not options.start:
            return
        await self.start_in_order(chosen, tell, with_dependencies=options.with_dependencies)
        if options.wait:
            await self._wait_up(chosen, options.wait_limit, tell)

    async def _remove_orphans(self, options: UpOptions, tell: Tell) -> None:
        known = {deployment.name for deployment in self._crew.fleet.deployments}
        orphans = [each for each in self._crew.replicas.values() if each.deployment.name not in known]
        if options.remove_orphans:
            await self._ending.remove_all(orphans, tell)
        elif orphans:
            names = ", ".join(each.name for each in orphans)
            tell(Step("", "Warning", f"found orphan containers ({names}): --remove-orphans removes them"))

    def _to_recreate(self, chosen: Sequence[Deployment], options: UpOptions) -> list[Replica]:
        """The instances that were made from something else than what the files say now, and those that shall be made
        anew in any case: of the services that were named, or of those that they depend on."""
        if options.no_recreate:
            return []
        forced = {
            deployment.name
            for deployment in chosen
            if (options.force_recreate if deployment.name in options.names or not options.names else options.anew_deps)
        }
        return [
            replica
            for deployment in chosen
            for replica in self._crew.of_service(deployment.name)
            if deployment.name in forced or replica.remembered.config != memory.config_of(deployment)
        ]

    def _make_missing(self, deployment: Deployment, tell: Tell) -> None:
        """As many instances as there are to be, with the lowest free numbers."""
        taken = {replica.berth.number for replica in self._crew.of_service(deployment.name)}
        free = (number for number in range(1, deployment.replicas + len(taken) + 1) if number not in taken)
        for _ in range(deployment.replicas - len(taken)):
            tell(Step(self._crew.new(deployment, next(free)).name, "Created"))
        for replica in self._crew.of_service(deployment.name):
            replica.deployment = deployment

    def refuse_taken(self, chosen: Sequence[Deployment]) -> None:
        """Raises TakenError where a port of a service is taken of which nothing runs: before anything is started."""
        for deployment in chosen:
            replicas = self._crew.of_service(deployment.name)
            if deployment.replicas and not any(each.machine.is_running for each in replicas):
                refuse_taken(deployment)

    async def start_in_order(self, chosen: Sequence[Deployment], tell: Tell, *, with_dependencies: bool) -> None:
        """Start services, each once what it depends on has come to what the condition says."""
        waits = selection.waits_for(chosen) if with_dependencies else {}
        begun = {each.name: asyncio.Event() for each in chosen}

        async def start(deployment: Deployment) -> None:
            needed = waits.get(deployment.name, ())
            try:
                for dependency in needed:  # what an earlier run of it has come to says nothing about this one
                    await begun[dependency.service].wait()
                await self._start_service(deployment, needed, tell)
            finally:
                begun[deployment.name].set()

        await side_by_side([start(each) for each in chosen])

    async def _start_service(self, deployment: Deployment, waits: Collection[Dependency], tell: Tell) -> None:
        for dependency in waits:
            try:
                await self._wait_for(dependency.service, dependency.condition, tell)
            except ProjectError as error:
                if dependency.required:
                    raise
                tell(Step(deployment.name, "Warning", f"optional dependency: {error.message}"))
        replicas = self._crew.of_service(deployment.name)
        idle = [each for each in replicas if not each.machine.is_running]
        if idle and deployment.hooks.pre_start:
            berth = self._crew.join(deployment, idle[0].berth)
            await hooks.before_start(self._crew.harbour, deployment, berth)
        await side_by_side([self.start_one(replica, "up", tell) for replica in replicas])
        if idle:
            tell_limits(idle[0], tell)
        await self._crew.moorings.settle(self._crew.replicas.values())

    async def start_one(self, replica: Replica, by: str, tell: Tell) -> None:
        """Start one, and run what its service wants to be run then. Raises ProjectError and HookError."""
        if replica.machine.is_running:
            tell(Step(replica.name, "Running"))
            return
        tell(Step(replica.name, "Starting"))
        self._crew.shipping.begin(replica)
        run = replica.machine.run
        refusal = replica.tell(c.StartAsked(by=by))
        if refusal is not None and refusal.status != 304:
            raise ProjectError(f"{replica.name}: {refusal.cause}")
        await replica.until(lambda: not replica.machine.is_starting)
        if replica.machine.error and replica.machine.run == run + 1 and not replica.machine.is_running:
            raise ProjectError(f"container {replica.name}: {replica.machine.error}")
        await hooks.run_inside(replica, replica.deployment.hooks.post_start, "post_start")
        tell(Step(replica.name, "Started"))

    async def _wait_for(self, service: str, condition: str, tell: Tell) -> None:
        told = False

        def look() -> Verdict:
            seen = [Seen(each.name, each.machine) for each in self._crew.of_service(service)]
            return judge(service, condition, seen)

        while not (verdict := look()).is_met:
            if verdict.error:
                raise ProjectError(verdict.error)
            if not told and condition != "service_started":
                told = True
                for replica in self._crew.of_service(service):
                    tell(Step(replica.name, "Waiting"))
            await self._crew.wait_changed()
        if told:
            for replica in self._crew.of_service(service):
                tell(Step(replica.name, "Healthy" if condition == "service_healthy" else "Exited"))

    async def _wait_up(self, chosen: Sequence[Deployment], limit: float, tell: Tell) -> None:
        """`--wait`: until all run, those with a check are healthy, and jobs that others need are done."""

        async def wait(replica: Replica) -> None:
            while not (verdict := is_up(Seen(replica.name, replica.machine))).is_met:
                if verdict.error:
                    raise ProjectError(verdict.error)
                await self._crew.wait_changed()
            tell(Step(replica.name, "Healthy" if replica.machine.terms.check else "Running"))

        done = selection.jobs(self._crew.fleet)
        names = {deployment.name for deployment in chosen}
        waited = [each for each in self._crew.replicas.values() if each.deployment.name in names - done]
        jobs = [wait(replica) for replica in waited]
        jobs += [self._wait_for(name, COMPLETED, tell) for name in names & done]
        try:
            async with asyncio.timeout(limit or None):
                await side_by_side(jobs)
        except TimeoutError:
            raise ProjectError(f"not all were healthy within {limit:g} s") from None


def tell_limits(replica: Replica, tell: Tell) -> None:
    """The limits of a service and by what they are enforced, and each that is not: that is never left out. Said once,
    because all its instances have the same."""
    service = replica.deployment.name
    if sentence := in_force(replica):
        tell(Step(service, "Limits", sentence))
    for sentence in not_enforced(replica):
        tell(Step(service, "Warning", f"{service}: {sentence}"))
