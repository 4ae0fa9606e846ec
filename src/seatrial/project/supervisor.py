"""Keeps the services of one project running: what `up` promises, and what the other commands ask for.

One supervisor a project, in one event loop; the project's lock says so. Each instance has its own machine (`replica`);
this decides only which instances there are, and in which order they are started and stopped. Instances outlive it: a
supervisor that dies is replaced by the next one, which finds them again.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from seatrial.engine.contract import commands as c
from seatrial.engine.contract.lifecycle import State
from seatrial.model import codec
from seatrial.model.deployment import Deployment, Fleet
from seatrial.model.errors import SeatrialError
from seatrial.project import hooks, logfiles, memory, rolling, selection
from seatrial.project.events import Events
from seatrial.project.interface import Berth, Harbour
from seatrial.project.layout import Layout, read_json, write_json
from seatrial.project.moorings import Moorings, refuse_taken, wait_accepted
from seatrial.project.ports import Way, reach, refuse_conflicts
from seatrial.project.progress import Progress, Step, Tell, side_by_side, stream
from seatrial.project.replica import REPORT, Replica, StateError
from seatrial.project.shipping import Shipping
from seatrial.project.waiting import Seen, Verdict, is_up, judge
from seatrial.project.wishes import (
    ProjectError,
    UpOptions,
    deployment_in,
    in_force,
    not_enforced,
    refuse_without_command,
)

_MOVES = frozenset({"start", "die", "stop", "destroy"})
"""The events after which the relay has to know anew where the instances are."""


class Supervisor:
    """The supervisor of one project."""

    def __init__(self, fleet: Fleet, layout: Layout, harbour: Harbour, events: Events) -> None:
        self.fleet = fleet
        self.layout = layout
        self.events = events
        self.replicas: dict[str, Replica] = {}
        self._harbour = harbour
        self._moorings = Moorings(layout.relay)
        self._shipping = Shipping()
        self._following: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    # What there is

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
                print(f"{error.message}: what is left of it is removed", file=sys.stderr, flush=True)
                await self._discard(directory)
        await side_by_side([replica.adopt() for replica in self.replicas.values()])
        for replica in self.replicas.values():
            self._moorings.adopt(replica)
            try:
                self._shipping.begin(replica)
            except SeatrialError as error:
                replica.report(f"its log goes nowhere: {error.message}")
        self._follow()

    async def _discard(self, directory: Path) -> None:
        berth = Berth("", directory.name, 0, directory)
        found = await self._harbour.find(berth)
        if found.instance is not None:
            await found.instance.close()
        try:
            await self._harbour.remove(berth)
        except OSError as error:
            print(f"{directory}: {error.strerror}", file=sys.stderr, flush=True)

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
            await self._moorings.follow(())
        self._moorings.let_go()
        await self._shipping.close()
        await asyncio.gather(*(replica.close() for replica in self.replicas.values()), return_exceptions=True)

    # Up

    def up(self, fleet: Fleet, options: UpOptions) -> Progress:
        """Bring services to what the files say. Gives its steps; raises ProjectError and InputError."""
        chosen = selection.select(fleet, options.names, with_dependencies=options.with_dependencies)
        refuse_without_command(chosen)
        refuse_conflicts(fleet, chosen)
        for deployment in chosen:
            memory.terms_of(deployment)
        self.fleet = fleet
        write_json(self.layout.fleet, codec.encode(fleet))
        return stream(lambda tell: self._up(chosen, options, tell))

    async def _up(self, chosen: Sequence[Deployment], options: UpOptions, tell: Tell) -> None:
        await self._remove_orphans(options, tell)
        anew = self._to_recreate(chosen, options)
        await self._remove_all(anew, tell)
        for deployment in chosen:
            await self._to_number(deployment, tell)
        if not options.start:
            return
        await self._start_in_order(chosen, options, tell)
        if options.wait:
            await self._wait_up(chosen, options, tell)

    def _to_recreate(self, chosen: Sequence[Deployment], options: UpOptions) -> list[Replica]:
        """The instances that were made from something else than what the files say now."""
        if options.no_recreate:
            return []
        return [
            replica
            for deployment in chosen
            for replica in self.of_service(deployment.name)
            if options.force_recreate or replica.remembered.config != memory.config_of(deployment)
        ]

    async def _remove_orphans(self, options: UpOptions, tell: Tell) -> None:
        known = {deployment.name for deployment in self.fleet.deployments}
        orphans = [each for each in self.replicas.values() if each.deployment.name not in known]
        if options.remove_orphans:
            await self._remove_all(orphans, tell)
        elif orphans:
            names = ", ".join(each.name for each in orphans)
            tell(Step("", "Warning", f"found orphan containers ({names}): --remove-orphans removes them"))

    async def _to_number(self, deployment: Deployment, tell: Tell) -> None:
        """As many instances as there are to be: the missing ones are made, the last ones too many removed."""
        present = self.of_service(deployment.name)
        await self._remove_all(present[deployment.replicas :], tell)
        taken = {replica.berth.number for replica in self.of_service(deployment.name)}
        number = 1
        while len(taken) < deployment.replicas:
            if number not in taken:
                taken.add(number)
                name = selection.instance_name(self.fleet, deployment, number)
                replica = self._add(deployment, name, number, secrets.token_hex(32))
                replica.create()
                tell(Step(name, "Created"))
            number += 1
        for replica in self.of_service(deployment.name):
            replica.deployment = deployment

    def _add(self, deployment: Deployment, name: str, number: int, identity: str) -> Replica:
        berth = Berth(identity, name, number, self.layout.instance(name), hosts=self._hosts())
        replica = Replica(
            deployment,
            berth,
            self._harbour,
            self._emit,
            moor=self._moorings.moor,
            docker_quirks=self.fleet.docker_quirks,
        )
        self.replicas[name] = replica
        return replica

    def _hosts(self) -> Mapping[str, str]:
        """Services find each other by name: all of them use the machine's own network."""
        return {deployment.name: "127.0.0.1" for deployment in self.fleet.deployments}

    def _emit(self, replica: Replica, action: str, attributes: dict[str, str]) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        if action in _MOVES:
            self._follow()
        if action == REPORT:
            print(f"{replica.name}: {attributes['message']}", file=sys.stderr, flush=True)
            return
        service = replica.deployment.service
        labels = {
            **replica.deployment.labels,
            "com.docker.compose.project": self.fleet.name,
            "com.docker.compose.service": replica.deployment.name,
            "com.docker.compose.container-number": str(replica.berth.number),
        }
        image = service.image.value if service.image else ""
        self.events.emit(action, replica.berth.identity, {**labels, **attributes, "image": image, "name": replica.name})

    def _follow(self) -> None:
        """Let the relay know, soon: what happens meanwhile is known to it, too."""

        async def follow() -> None:
            await asyncio.sleep(0)
            self._following = None
            await self._moorings.follow(self.replicas.values())

        if self._following is None:
            self._following = asyncio.create_task(follow())

    async def _start_in_order(self, chosen: Sequence[Deployment], options: UpOptions, tell: Tell) -> None:
        waits = selection.waits_for(chosen) if options.with_dependencies else {}
        await side_by_side([self._start_service(each, waits.get(each.name, ()), tell) for each in chosen])

    async def _start_service(self, deployment: Deployment, waits: Collection[Any], tell: Tell) -> None:
        for dependency in waits:
            try:
                await self._wait_for(dependency.service, dependency.condition, tell)
            except ProjectError as error:
                if dependency.required:
                    raise
                tell(Step(deployment.name, "Warning", f"optional dependency: {error.message}"))
        idle = [each for each in self.of_service(deployment.name) if not each.machine.is_running]
        if idle == self.of_service(deployment.name):
            refuse_taken(deployment)
        if idle and deployment.hooks.pre_start:
            await hooks.before_start(self._harbour, deployment, idle[0].berth)
        await side_by_side([self._start_one(replica, "up", tell) for replica in self.of_service(deployment.name)])
        await self._moorings.settle(self.replicas.values())

    async def _start_one(self, replica: Replica, by: str, tell: Tell) -> None:
        if replica.machine.is_running:
            tell(Step(replica.name, "Running"))
            return
        tell(Step(replica.name, "Starting"))
        self._shipping.begin(replica)
        run = replica.machine.run
        refusal = replica.tell(c.StartAsked(by=by))
        if refusal is not None and refusal.status != 304:
            raise ProjectError(f"{replica.name}: {refusal.cause}")
        await replica.until(lambda: not replica.machine.is_starting)
        if replica.machine.error and replica.machine.run == run + 1 and not replica.machine.is_running:
            raise ProjectError(f"container {replica.name}: {replica.machine.error}")
        await hooks.run_inside(replica, replica.deployment.hooks.post_start, "post_start")
        tell(Step(replica.name, "Started", in_force(replica)))
        for sentence in not_enforced(replica):
            tell(Step(replica.name, "Warning", f"{replica.name}: {sentence}"))

    async def _wait_for(self, service: str, condition: str, tell: Tell) -> None:
        told = False

        def look() -> Verdict:
            return judge(service, condition, [Seen(each.name, each.machine) for each in self.of_service(service)])

        while not (verdict := look()).is_met:
            if verdict.error:
                raise ProjectError(verdict.error)
            if not told and condition != "service_started":
                told = True
                for replica in self.of_service(service):
                    tell(Step(replica.name, "Waiting"))
            await self._changed.wait()
        if told:
            for replica in self.of_service(service):
                tell(Step(replica.name, "Healthy" if condition == "service_healthy" else "Exited"))

    async def _wait_up(self, chosen: Sequence[Deployment], options: UpOptions, tell: Tell) -> None:
        """`--wait`: until all run and are healthy."""

        async def wait(replica: Replica) -> None:
            while not (verdict := is_up(Seen(replica.name, replica.machine))).is_met:
                if verdict.error:
                    raise ProjectError(verdict.error)
                await self._changed.wait()
            tell(Step(replica.name, "Healthy"))

        names = {deployment.name for deployment in chosen}
        jobs = [wait(replica) for replica in self.replicas.values() if replica.deployment.name in names]
        try:
            async with asyncio.timeout(options.wait_limit or None):
                await side_by_side(jobs)
        except TimeoutError:
            raise ProjectError(f"not all were healthy within {options.wait_limit:g} s") from None

    # Down

    def stop(self, names: Sequence[str], grace: float | None = None, *, by: str = "stop") -> Progress:
        """Stop services in reverse order of their dependencies."""
        chosen = self.chosen(names)
        return stream(lambda tell: self._in_reverse(chosen, lambda each: self._stop_one(each, grace, by, tell)))

    def down(
        self,
        names: Sequence[str] = (),
        grace: float | None = None,
        *,
        remove_orphans: bool = False,
        volumes: bool = False,
    ) -> Progress:
        """Stop and remove services, with `remove_orphans` also what the files know no more; with `volumes` what they
        kept."""
        chosen = list(self.replicas.values()) if remove_orphans and not names else self.chosen(names)

        async def take_down(replica: Replica, tell: Tell) -> None:
            await self._stop_one(replica, grace, "down", tell)
            await self._remove_one(replica, tell)

        async def all_down(tell: Tell) -> None:
            await self._in_reverse(chosen, lambda each: take_down(each, tell))
            if volumes and not names and self.layout.volumes.exists():
                await asyncio.to_thread(shutil.rmtree, self.layout.volumes)
                tell(Step("", "Warning", "the named volumes were removed"))

        return stream(all_down)

    async def _in_reverse(self, chosen: Sequence[Replica], end: Callable[[Replica], Any]) -> None:
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

    async def _stop_one(self, replica: Replica, grace: float | None, by: str, tell: Tell) -> None:
        if not replica.machine.is_running and not replica.is_pending:
            return
        tell(Step(replica.name, "Stopping"))
        if replica.machine.is_running:
            await hooks.run_inside(replica, replica.deployment.hooks.pre_stop, "pre_stop")
        replica.tell(c.StopAsked(by=by, grace=grace))
        await replica.settle()
        tell(Step(replica.name, "Stopped"))

    async def _remove_all(self, replicas: Sequence[Replica], tell: Tell) -> None:
        async def remove(replica: Replica) -> None:
            await self._stop_one(replica, None, "recreate", tell)
            await self._remove_one(replica, tell)

        await self._in_reverse(replicas, remove)

    async def _remove_one(self, replica: Replica, tell: Tell) -> None:
        tell(Step(replica.name, "Removing"))
        await self._shipping.finish(replica)
        refusal = replica.tell(c.RemoveAsked(by="remove"))
        if refusal is not None:
            raise ProjectError(f"{replica.name}: {refusal.cause}")
        await replica.until(lambda: replica.machine.state in (State.REMOVED, State.DEAD))
        if replica.machine.state is State.DEAD:
            raise ProjectError(f"{replica.name} can't be removed: {replica.machine.error}")
        await replica.close()
        del self.replicas[replica.name]
        self._moorings.forget(replica)
        tell(Step(replica.name, "Removed"))

    # Start, restart, kill

    def start(self, names: Sequence[str]) -> Progress:
        """Start what was stopped, in order of the dependencies."""
        self.chosen(names)
        chosen = selection.select(self.fleet, names, with_dependencies=False)
        return stream(lambda tell: self._start_in_order(chosen, UpOptions(), tell))

    def restart(self, names: Sequence[str], grace: float | None = None) -> Progress:
        """Restart services, and those that ask to be restarted with them."""
        replicas = self.chosen(names)
        named = {replica.deployment.name for replica in replicas}
        replicas += [each for name in selection.restarted_with(self.fleet, named) for each in self.of_service(name)]
        return stream(lambda tell: side_by_side([self._restart_one(replica, grace, tell) for replica in replicas]))

    def rolling(self, names: Sequence[str], grace: float | None = None) -> Progress:
        """Replace the instances of services one after the other, each by one that is ready before it ends."""
        replicas = self.chosen(names)

        async def roll(tell: Tell) -> None:
            for replica in replicas:
                await self._roll_one(replica, grace, tell)

        return stream(roll)

    async def _roll_one(self, old: Replica, grace: float | None, tell: Tell) -> None:
        if not old.machine.is_running:
            await self._restart_one(old, grace, tell)
            return
        deployment = self.fleet.deployment(old.deployment.name) or old.deployment
        taken = {replica.berth.number for replica in self.of_service(deployment.name)}
        number = next(number for number in range(1, len(taken) + 2) if number not in taken)
        name = selection.instance_name(self.fleet, deployment, number)
        new = self._add(deployment, name, number, secrets.token_hex(32))
        new.create()
        tell(Step(name, "Created"))
        try:
            await self._start_one(new, "rolling restart", tell)
            if why := await rolling.wait_ready(new):
                raise ProjectError(f"{name} did not come up beside {old.name}: {why}", hint=rolling.hint_for(new))
        except SeatrialError:
            await self._remove_all([new], tell)
            raise
        tell(Step(name, "Healthy" if new.machine.terms.check else "Listening"))
        if warning := rolling.warning_for(new):
            tell(Step(name, "Warning", warning))
        await self._moorings.retire(old, self.replicas.values())
        if reach(deployment).way is Way.FRONT:
            await wait_accepted(old)
        await self._stop_one(old, grace, "rolling restart", tell)
        most = self._harbour.log_files(deployment, new.berth)
        try:
            await asyncio.to_thread(logfiles.inherit, old.berth.log, new.berth.log, most)
        except OSError as error:
            tell(Step(name, "Warning", f"the log of {old.name} is lost: {error.strerror}"))
        await self._remove_one(old, tell)

    async def _restart_one(self, replica: Replica, grace: float | None, tell: Tell) -> None:
        tell(Step(replica.name, "Restarting"))
        run = replica.machine.run
        if replica.machine.is_running:
            await hooks.run_inside(replica, replica.deployment.hooks.pre_stop, "pre_stop")
        refusal = replica.tell(c.RestartAsked(by="restart", grace=grace))
        if refusal is not None:
            raise ProjectError(f"{replica.name}: {refusal.cause}")
        await replica.until(lambda: replica.machine.run > run and not replica.machine.is_starting)
        if replica.machine.error and not replica.machine.is_running:
            raise ProjectError(f"container {replica.name}: {replica.machine.error}")
        tell(Step(replica.name, "Started"))

    def kill(self, names: Sequence[str], number: int = 9) -> Progress:
        """Send a signal to all that run."""
        return self._ask_each(names, c.KillAsked(by="kill", signal=number), "Killed")

    def pause(self, names: Sequence[str]) -> Progress:
        """Freeze all that run."""
        return self._ask_each(names, c.PauseAsked(by="pause"), "Paused")

    def unpause(self, names: Sequence[str]) -> Progress:
        """Let what is frozen go on."""
        return self._ask_each(names, c.UnpauseAsked(by="unpause"), "Unpaused")

    def _ask_each(self, names: Sequence[str], wish: c.Wish, word: str) -> Progress:
        replicas = [replica for replica in self.chosen(names) if replica.machine.is_running]

        async def ask(tell: Tell) -> None:
            for replica in replicas:
                refusal = replica.tell(wish)  # type: ignore[arg-type]  # every Wish is a Happening
                if refusal is not None:
                    raise ProjectError(f"{replica.name}: {refusal.cause}")
                tell(Step(replica.name, word))

        return stream(ask)
