"""Keeps the services of one project running: what `up` promises, and what the other commands ask for.

One supervisor a project, in one event loop; the project's lock says so. Each instance has its own machine (`replica`);
this only translates a wish into what is done with which of them (`starting`, `ending`, `rolling`). Instances outlive
it: a supervisor that dies is replaced by the next one, which finds them again.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence

from seatrial.engine.contract import commands as c
from seatrial.model import codec
from seatrial.model.deployment import Fleet
from seatrial.project import hooks, memory, selection
from seatrial.project.crew import Crew
from seatrial.project.ending import Ending
from seatrial.project.events import Events
from seatrial.project.interface import Harbour
from seatrial.project.layout import Layout, write_json
from seatrial.project.network import refuse_own
from seatrial.project.ports import refuse_conflicts
from seatrial.project.progress import Progress, Step, Tell, side_by_side, stream
from seatrial.project.replica import Replica
from seatrial.project.rolling import Rolling
from seatrial.project.starting import Starting
from seatrial.project.wishes import ProjectError, UpOptions, refuse_limits, refuse_without_command


class Supervisor(Crew):
    """The supervisor of one project: its instances, and the works on them, each of which gives its steps."""

    def __init__(self, fleet: Fleet, layout: Layout, harbour: Harbour, events: Events) -> None:
        super().__init__(fleet, layout, harbour, events)
        self._ending = Ending(self)
        self._starting = Starting(self, self._ending)
        self._rolling = Rolling(self, self._starting, self._ending)

    def up(self, fleet: Fleet, options: UpOptions) -> Progress:
        """Bring services to what the files say. Gives its steps; raises ProjectError and InputError."""
        chosen = selection.select(fleet, options.names, with_dependencies=options.with_dependencies)
        refuse_without_command(chosen)
        refuse_conflicts(fleet, chosen)
        if any(deployment.network == "own" for deployment in chosen):
            refuse_own()
        for deployment in chosen:
            refuse_limits(deployment)
            memory.terms_of(deployment)
        self.fleet = fleet
        write_json(self.layout.fleet, codec.encode(fleet))
        return stream(lambda tell: self._starting.bring_up(chosen, options, tell))

    def stop(self, names: Sequence[str], grace: float | None = None, *, by: str = "stop") -> Progress:
        """Stop services in reverse order of their dependencies."""
        chosen, ending = self.chosen(names), self._ending
        return stream(lambda tell: ending.in_reverse(chosen, lambda each: ending.stop_one(each, grace, by, tell)))

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
            await self._ending.stop_one(replica, grace, "down", tell)
            await self._ending.remove_one(replica, tell)

        async def all_down(tell: Tell) -> None:
            await self._ending.in_reverse(chosen, lambda each: take_down(each, tell))
            if not self.replicas:
                await self.network.remove()
            if volumes and not names and self.layout.volumes.exists():
                await asyncio.to_thread(shutil.rmtree, self.layout.volumes)
                tell(Step("", "Warning", "the named volumes were removed"))

        return stream(all_down)

    def start(self, names: Sequence[str]) -> Progress:
        """Start what was stopped, in order of the dependencies."""
        self.chosen(names)
        chosen = selection.select(self.fleet, names, with_dependencies=False)

        async def start(tell: Tell) -> None:
            self._starting.refuse_taken(chosen)
            await self._starting.start_in_order(chosen, tell, with_dependencies=True)

        return stream(start)

    def restart(self, names: Sequence[str], grace: float | None = None) -> Progress:
        """Restart services, and those that ask to be restarted with them."""
        replicas = self.chosen(names)
        named = {replica.deployment.name for replica in replicas}
        replicas += [each for name in selection.restarted_with(self.fleet, named) for each in self.of_service(name)]
        return stream(lambda tell: side_by_side([_restart(replica, grace, tell) for replica in replicas]))

    def rolling(self, names: Sequence[str], grace: float | None = None) -> Progress:
        """Replace the instances of services one after the other, each by one that is ready before it ends."""
        replicas = self.chosen(names)

        async def roll(tell: Tell) -> None:
            for replica in replicas:
                if replica.machine.is_running:
                    await self._rolling.replace(replica, grace, tell)
                else:
                    await _restart(replica, grace, tell)

        return stream(roll)

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


async def _restart(replica: Replica, grace: float | None, tell: Tell) -> None:
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
