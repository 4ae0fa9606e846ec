"""One instance of a service under supervision: the driver of its machine.

The machine (engine/contract) decides; this carries its commands out, tells it what happened, and keeps what must
outlive us in a file before anything else is done. It decides nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal as signals
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.engine.contract import commands as c
from seatrial.engine.contract import exit_codes, record
from seatrial.engine.contract.health import Status
from seatrial.engine.contract.instance import Instance as Machine
from seatrial.engine.contract.lifecycle import State
from seatrial.engine.contract.machine import create, step, wake_at
from seatrial.engine.contract.record import Clock
from seatrial.engine.probes import probe
from seatrial.model.codec import encode
from seatrial.model.deployment import Deployment
from seatrial.model.errors import SeatrialError
from seatrial.project import memory
from seatrial.project.interface import Berth, Found, Harbour, Instance
from seatrial.project.layout import read_json, write_json
from seatrial.project.memory import Remembered
from seatrial.project.moorings import aimed

if TYPE_CHECKING:
    from seatrial.engine.logs.pump import PumpState

Emit = Callable[["Replica", str, dict[str, str]], None]
Moor = Callable[[Deployment, Berth], Awaitable[Berth]]
"""Gives a berth what one start needs: a port, sockets."""
REPORT = "report"
"""What stands for an event's action where people are told something that is no event."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


LEAD = 0.5
"""Seconds before a restart is due at which it is prepared."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A start under way: its command is executed when the gate is set."""

    gate: asyncio.Event
    task: asyncio.Task[Instance]


def _look(task: asyncio.Task[Instance]) -> None:
    """An error is raised where the run begins; nobody shall complain before."""
    if not task.cancelled():
        task.exception()


class StateError(SeatrialError):
    """What is kept of an instance can't be read."""


class Replica:
    """One instance. `changed` is set anew at each turn: wait for it to see the next one."""

    def __init__(
        self,
        deployment: Deployment,
        berth: Berth,
        harbour: Harbour,
        emit: Emit,
        *,
        moor: Moor | None = None,
        docker_quirks: bool = False,
    ) -> None:
        self.deployment = deployment
        self.berth = berth
        self.instance: Instance | None = None
        self.problems: list[str] = []
        self.shipped: PumpState | None = None
        """How its log gets elsewhere, where it does."""
        self._harbour = harbour
        self._emit = emit
        self._moor = moor
        self._tasks: set[asyncio.Task[None]] = set()
        self._probe: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._preparing: asyncio.TimerHandle | None = None
        self._prepared: Prepared | None = None
        self._dropping: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._terms = memory.terms_of(deployment, docker_quirks=docker_quirks)
        saved = memory.read(read_json(self._file))
        here = Remembered(
            berth.identity, berth.name, deployment.name, berth.number, memory.config_of(deployment), boot(), time.time()
        )
        self.remembered, self._saved = saved or (here, {})
        is_same_boot = self.remembered.boot == boot()
        offset = self.remembered.offset if saved and is_same_boot else time.time() - time.monotonic()
        self._clock = Clock(0.0, offset)
        self.is_new = saved is None
        self.was_down = not is_same_boot
        """The machine was started anew since its state was written."""
        recalled = memory.recall(saved, self._terms, self._clock)
        if recalled is None:
            raise StateError(f"the state of {berth.name} can't be read")
        self.machine: Machine = recalled

    @property
    def _file(self) -> Path:
        return self.berth.directory / "state.json"

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.berth.name

    @property
    def is_pending(self) -> bool:
        """Whether it is between two runs, or on the way to one: its present state is not its last word."""
        return self.machine.is_starting or self.machine.state is State.RESTARTING

    def create(self) -> None:
        """Make a new instance: its directory and file."""
        self.berth.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_json(deployment_file(self.berth.directory), encode(self.deployment), durable=False)
        machine, commands = create(self._terms)
        self._take(machine, commands)

    def tell(self, happening: c.Happening) -> c.Refuse | None:
        """Tell the machine what happened or what is wanted, and do what it says; gives its refusal, if it refuses."""
        return self._take(*step(self.machine, happening, time.monotonic()))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until a turn makes it so."""
        while not is_so():
            await self._changed.wait()

    async def next_turn(self) -> None:
        """Wait for the next turn."""
        await self._changed.wait()

    async def settle(self) -> None:
        """Wait until it is neither running nor between runs."""
        await self.until(lambda: not self.machine.is_running and not self.is_pending)

    async def adopt(self) -> None:
        """Take over what an earlier supervisor left: a run that goes on, an end that nobody saw, a stop or a restart
        under way. After a start of the machine the policy decides about what was at rest, too."""
        may_run = self.machine.is_running or self.machine.is_starting
        found = await self._harbour.find(self.berth) if may_run else Found()
        self.instance = found.instance
        now = Clock(time.monotonic(), self._clock.to_wall(time.monotonic()) or 0.0)
        ended = None
        if found.code is not None:
            at = self._clock.to_wall(found.ended)
            ended = record.Ended(found.code, now.wall if at is None else at, found.oom_kills)
        self._take(*record.take_over(self.machine, ended, now, is_alive=found.instance is not None))
        if found.instance is not None:
            self._spawn(self._watch(found.instance, self.machine.run))
        if self.was_down:
            self._take(*record.at_boot(self.machine))

    # Carrying out

    def _take(self, machine: Machine, commands: tuple[c.Command, ...]) -> c.Refuse | None:
        before, self.machine = self.machine, machine
        self._keep(before)
        refusal = None
        for command in commands:
            if isinstance(command, c.Refuse):
                refusal = command
            else:
                self._carry_out(command)
        self._arm()
        self._changed.set()
        self._changed = asyncio.Event()
        return refusal

    def _keep(self, before: Machine) -> None:
        """Write what must outlive us. A full disk is said and does not stop the service.

        Only what was decided by people has to survive a power cut: what runs is not the same afterwards anyway.
        """
        known, saved = self.remembered, record.save(self.machine, self._clock)
        if self.machine.is_running and not before.is_running:
            known = replace(known, started=time.time())
        if before.is_running and not self.machine.is_running:
            known = replace(known, finished=time.time())
        if (known == self.remembered and saved == self._saved) or self.machine.state is State.REMOVED:
            return
        known = replace(known, boot=boot(), offset=self._clock.wall)
        is_durable = self.machine.state is State.EXITED and not memory.is_about_health_alone(self._saved, saved)
        self.remembered, self._saved, self.is_new = known, saved, False
        try:
            write_json(self._file, memory.plain(known, saved), durable=is_durable)
        except OSError as error:
            self.report(f"its state can't be written: {error.strerror}")

    def _carry_out(self, command: c.Command) -> None:
        match command:
            case c.Start():
                self._spawn(self._start(command.run))
            case c.Signal():
                self._spawn(self._signal(command.run, command.number))
            case c.Kill():
                self._spawn(self._kill(command.run, everything=command.everything))
            case c.Probe():
                self._probe = self._spawn(self._run_probe(command))
            case c.Emit():
                self._emit(self, command.action, dict(command.attributes))
            case c.Report():
                self.report(command.cause)
            case _:
                self._carry_out_rarer(command)

    def _carry_out_rarer(self, command: c.Command) -> None:
        match command:
            case c.Freeze() | c.Thaw():
                self._spawn(self._freeze(is_frozen=isinstance(command, c.Freeze)))
            case c.EndProbe():
                if self._probe is not None:
                    self._probe.cancel()
            case c.Remove():
                self._spawn(self._remove())

    def report(self, problem: str) -> None:
        """Tell people of a problem that is no event."""
        self.problems = [*self.problems[-9:], problem]
        self._emit(self, REPORT, {"message": problem})

    def _arm(self) -> None:
        """Wake the machine when it wants to be woken."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop, now = asyncio.get_running_loop(), time.monotonic()
        moment = wake_at(self.machine)
        if moment is not None:
            self._timer = loop.call_later(max(0.0, moment - now), self.tell, c.Tick())
        if self._preparing is not None:
            self._preparing.cancel()
            self._preparing = None
        if self.machine.restart_at is not None:
            early = max(0.0, self.machine.restart_at - LEAD - now)
            self._preparing = loop.call_later(early, self._prepare_restart)
        elif self._prepared is not None and not self.machine.is_starting:
            self._dropping = self._spawn(self._drop_prepared())

    def _spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _start(self, run: int) -> None:
        prepared, self._prepared = self._prepared or self._prepare(), None
        prepared.gate.set()
        try:
            instance = await prepared.task
        except (SeatrialError, OSError) as error:
            code = getattr(error, "code", exit_codes.START_FAILED)
            self.tell(c.StartFailed(run, code, str(error)))
            return
        self.instance = instance
        self.tell(c.Started(run))
        await self._watch(instance, run)

    def _prepare(self) -> Prepared:
        """Begin a start, whose command is not executed before its gate is set."""
        gate = asyncio.Event()
        return Prepared(gate, asyncio.create_task(self._start_at(gate)))

    async def _start_at(self, gate: asyncio.Event) -> Instance:
        if self._dropping is not None:  # both would use the same directory
            await asyncio.gather(self._dropping, return_exceptions=True)
        if self.instance is not None:
            await self.instance.close()
            self.instance = None
        berth = self.berth if self._moor is None else await self._moor(self.deployment, self.berth)
        return await self._harbour.start(self.deployment, berth, gate)

    def _prepare_restart(self) -> None:
        """Namespaces and files of the next run are made while its wait goes on, so that it begins when that ends."""
        if self.machine.state is State.RESTARTING and self._prepared is None and not self.machine.is_starting:
            self._prepared = self._prepare()
            self._prepared.task.add_done_callback(_look)

    async def _drop_prepared(self) -> None:
        """There is no next run."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            prepared.task.cancel()
            for result in await asyncio.gather(prepared.task, return_exceptions=True):
                if not isinstance(result, BaseException):
                    await result.close()

    async def _watch(self, instance: Instance, run: int) -> None:
        ended = await instance.wait()
        if ended.oom_kills:
            self.tell(c.OutOfMemory(run))
        exited = c.Exited(run, ended.code, ended.oom_kills, max(0.0, ended.time - instance.started))
        # the wait for the next run begins with the end itself, not with the news of it
        self._take(*step(self.machine, exited, min(ended.time, time.monotonic())))

    async def _signal(self, run: int, number: int) -> None:
        if self.instance is None:
            return
        try:
            await self.instance.signal(number)
        except ProcessLookupError:
            pass  # it has ended, which `_watch` tells
        except OSError:
            self.tell(c.SignalFailed(run))

    async def _kill(self, run: int, *, everything: bool) -> None:
        if everything and self.instance is not None:
            self.instance.kill_all()
        await self._signal(run, signals.SIGKILL)

    async def _freeze(self, *, is_frozen: bool) -> None:
        if self.instance is None:
            return
        try:
            self.instance.freeze(is_frozen=is_frozen)
        except OSError as error:
            self.report(f"it can't be {'frozen' if is_frozen else 'thawed'}: {error.strerror}")

    async def _run_probe(self, command: c.Probe) -> None:
        if self.instance is not None:
            with contextlib.suppress(asyncio.CancelledError):
                result = await probe(aimed(command.check, self), self.instance, self.instance.new_socket)
                self.tell(c.Probed(command.run, command.number, result))

    async def _remove(self) -> None:
        try:
            await self._drop_prepared()
            if self.instance is not None:
                await self.instance.close()
                self.instance = None
            await self._harbour.remove(self.berth)
        except OSError as error:
            self.tell(c.RemovalFailed(str(error)))
        else:
            self.tell(c.RemovalDone())

    async def close(self) -> None:
        """Let go of it; what runs goes on. Called when the supervisor ends."""
        for timer in (self._timer, self._preparing):
            if timer is not None:
                timer.cancel()
        await self._drop_prepared()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.instance is not None:
            await self._harbour.let_go(self.instance)
            self.instance = None

    def pid(self) -> int:
        """The process id of PID 1 on the host; 0 where it doesn't run."""
        if self.instance is None or not self.machine.is_running:
            return 0
        return next((process.host_pid for process in self.instance.processes() if process.pid == 1), 0)

    def wall_of(self, monotonic: float) -> float:
        """A monotonic moment as wall-clock time, by the clocks as they stand now."""
        return time.time() - (time.monotonic() - monotonic)

    def is_healthy(self) -> bool:
        """Whether it runs and its health check, if it has one, says so."""
        status = self.machine.monitor.status
        return self.machine.state is State.RUNNING and status in (Status.HEALTHY, Status.NONE)


def deployment_file(directory: Path) -> Path:
    """What the instance in this directory was made from."""
    return directory / "deployment.json"


@cache
def boot() -> str:
    """What names this run of the machine; it changes when it is started anew."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
