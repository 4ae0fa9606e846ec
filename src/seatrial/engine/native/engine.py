"""The engine itself: finds out what this machine can do, and starts instances."""

from __future__ import annotations

import contextlib
import itertools
import os
import platform
import secrets
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native import capabilities, cgroups, failures, leftovers, limits, plan, records, scopes, starting
from seatrial.engine.native.instance import NativeInstance
from seatrial.engine.native.keeping import Keeping
from seatrial.engine.native.shim import Shim, find
from seatrial.model.recording import Machine
from seatrial.model.service import Limits, Service

_counter = itertools.count(1)
PROBE_TIMEOUT = 20.0


class NativeEngine:
    """Runs services in namespaces of this machine. One engine may start many instances at once."""

    enters = True
    """Whether a program of the host can be run in an instance's own network."""
    neighbours = None
    """What it has started for the service to depend on: nothing."""
    restarts = False
    """Whether it starts an instance again by itself: that is a supervisor's work."""

    def __init__(self) -> None:
        self._usable = False
        self._swept = False
        self._is_asked = False
        self._manager: scopes.Manager | None = None
        """systemd's, once it was needed and asked for."""

    @contextlib.asynccontextmanager
    async def prepared(self, service: Service) -> AsyncIterator[Service]:
        """The service as it is: the host's files stand for its image, and what it depends on is not started."""
        yield service

    def machine(self) -> Machine:
        """Where this is, and what it can enforce. Raises UnsupportedError if nothing can be started at all."""
        self._prove_usable()
        trees = _trees()
        everything = _example_limits()
        made = cgroups.make(f"{leftovers.name(next(_counter))}-probe", limits.controllers(everything), trees)
        enforced = self._enforced(everything, made, runs_as_root=False)
        leftovers.remove(made.folders)
        words = tuple(_in_general(str(each)) for each in enforced.enforcement)
        return Machine(
            engine="native",
            kernel=platform.release(),
            cores=_cores(),
            rootless=needs_user_namespace(),
            enforcement=words,
        )

    async def start(
        self, service: Service, options: StartOptions | None = None, kept: Keeping | None = None
    ) -> NativeInstance:
        """Start one instance. UnsupportedError, InputError or StartError if it can't be done; then nothing is left.

        `kept`: with a log and an exit record; where it shall stay, `keeping.adopt` finds it after our death.
        """
        options = options or StartOptions()
        if not self._swept:
            leftovers.sweep(_trees())
            self._swept = True
        host = plan.own_host(needs_user_namespace())
        trees = _trees()
        while True:
            try:
                instance = await self._start(service, options, host, trees, kept)
            except StartError as error:
                # the kernel moves nobody out of a cgroup that isn't theirs, which shows only when it is tried; nor
                # does systemd do all that it accepts
                if error.step == "cgroup" and trees:
                    trees = ()
                elif error.step == scopes.STEP and self._manager is not None:
                    self._manager = None
                else:
                    raise
            else:
                break
        self._usable = True
        return instance

    async def _start(
        self,
        service: Service,
        options: StartOptions,
        host: plan.Host,
        trees: tuple[cgroups.Hierarchy, ...],
        kept: Keeping | None,
    ) -> NativeInstance:
        """One attempt."""
        stays = leftovers.STAYS if kept and kept.stay else ""
        name = f"{leftovers.name(next(_counter))}-{stays}{secrets.token_hex(6)}"
        made = cgroups.make(name, limits.controllers(service.limits), trees)
        stage = str(Path(tempfile.gettempdir()) / name)
        try:
            Path(stage).mkdir(0o700)
            decided = plan.make(service, options, host, made, stage)
            enforced = self._enforced(service.limits, made, runs_as_root=decided.user.uid == 0)
            limited = plan.limited(decided, enforced, self._manager, made.unified)
            return await starting.launch(limited, made, enforced, host, options, kept)
        except StartError as error:
            leftovers.remove((*made.folders, stage))
            raise failures.explained(error, host.user_namespace) from error
        except BaseException:
            leftovers.remove((*made.folders, stage))
            raise

    def _enforced(self, wanted: Limits, made: cgroups.Cgroups, *, runs_as_root: bool) -> limits.Plan:
        """Write the limits into the cgroups, and decide about what they can't enforce."""
        folders = made.by_controller
        if not self._is_asked and limits.is_beyond(wanted, folders):
            self._is_asked, self._manager = True, scopes.find(_trees(), os.environ)
        # a process has one place in version 2: where ours there has some of the limits, the scope can't have the others
        is_free = made.unified not in folders.values()
        given = self._manager.controllers if self._manager and is_free else frozenset[str]()
        means = limits.means_here(folders, made.unified, runs_as_root=runs_as_root, systemd=given)
        return limits.apply(wanted, means)

    def _prove_usable(self) -> None:
        """Make the namespaces once, for nothing."""
        if self._usable:
            return
        user_namespace = needs_user_namespace()
        shim = Shim.spawn(records.probe(user_namespace, (os.geteuid(), os.getegid()), find()))
        try:
            told = shim.told(PROBE_TIMEOUT)
        except TimeoutError as error:
            raise StartError("shim", "no answer") from error
        finally:
            shim.abandon()
        for report in told:
            if report.word == "error":
                raise failures.explained(failures.of_report(report, ""), user_namespace)
        self._usable = True


def needs_user_namespace() -> bool:
    """Whether this process lacks the right to make the other namespaces by itself (CAP_SYS_ADMIN)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return not int(line.split()[1], 16) & capabilities.SYS_ADMIN
    return os.geteuid() != 0


def _trees() -> tuple[cgroups.Hierarchy, ...]:
    return cgroups.hierarchies(
        Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"),
        Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace"),
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _example_limits() -> Limits:
    """One limit of each kind, to see what can be enforced."""
    from seatrial.model.place import Sourced

    return Limits(memory=Sourced(1 << 30), cpus=Sourced(1.0), pids=Sourced(1024))


def _in_general(sentence: str) -> str:
    """ "memory 1 GiB: cgroup1" without the figure of the example."""
    what, _, how = sentence.partition(": ")
    return f"{what.split(' ')[0]}: {how}"
