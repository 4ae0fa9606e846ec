"""The engine itself: finds out what this machine can do, and starts instances."""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import tempfile
from pathlib import Path

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native import capabilities, cgroups, leftovers, limits, plan, records, starting
from seatrial.engine.native.instance import NativeInstance, start_error
from seatrial.engine.native.keeping import Keeping
from seatrial.engine.native.shim import Shim, find
from seatrial.model.errors import UnsupportedError
from seatrial.model.recording import Machine
from seatrial.model.service import Limits, Service

_counter = itertools.count(1)
PROBE_TIMEOUT = 20.0


class NativeEngine:
    """Runs services in namespaces of this machine. One engine may start many instances at once."""

    def __init__(self) -> None:
        self._usable = False
        self._swept = False

    def machine(self) -> Machine:
        """Where this is, and what it can enforce. Raises UnsupportedError if nothing can be started at all."""
        self._prove_usable()
        trees = _trees()
        everything = _example_limits()
        made = cgroups.make(f"{leftovers.name(next(_counter))}-probe", limits.controllers(everything), trees)
        enforced = _enforced(everything, made, runs_as_root=False)
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
        try:
            instance = await self._start(service, options, host, _trees(), kept)
        except StartError as error:
            if error.step != "cgroup":
                raise
            # the kernel moves nobody out of a cgroup that isn't theirs, which shows only when it is tried
            instance = await self._start(service, options, host, (), kept)
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
            enforced = _enforced(service.limits, made, runs_as_root=decided.user.uid == 0)
            return await starting.launch(plan.limited(decided, enforced), made, enforced, host, options, kept)
        except StartError as error:
            leftovers.remove((*made.folders, stage))
            raise _explained(error, host.user_namespace) from error
        except BaseException:
            leftovers.remove((*made.folders, stage))
            raise

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
                raise _explained(start_error(report, ""), user_namespace)
        self._usable = True


def needs_user_namespace() -> bool:
    """Whether this process lacks the right to make the other namespaces by itself (CAP_SYS_ADMIN)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return not int(line.split()[1], 16) & capabilities.SYS_ADMIN
    return os.geteuid() != 0


def _explained(error: StartError, user_namespace: bool) -> StartError | UnsupportedError:
    """A failure to make namespaces is this machine's, with what to do about it; any other is the instance's own."""
    if error.step == "description":
        return UnsupportedError(
            f"this {find()} is of another version ({error.message})",
            hint="install it anew with seatrial; in a checkout: make -C native",
        )
    if error.step == "file system" and error.args[0].startswith("file system: mount /proc: "):
        return UnsupportedError(
            f"this machine does not let seatrial mount a /proc of its own ({error.message})",
            hint="inside a container parts of /proc are masked: docker run --privileged, or run seatrial on the host",
        )
    if error.step != "private mounts" and not error.step.startswith("new "):
        return error
    hint = (
        "run seatrial as root; or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), "
        "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=10000; "
        "inside Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
    )
    if not user_namespace:
        hint = "inside Docker: docker run --privileged, or run seatrial on the host"
    return UnsupportedError(f"this machine does not let seatrial make namespaces ({error.message})", hint=hint)


def _enforced(wanted: Limits, made: cgroups.Cgroups, *, runs_as_root: bool) -> limits.Plan:
    """Write the limits into the cgroups, and decide about what they can't enforce."""
    return limits.apply(wanted, limits.means_here(made.by_controller, made.unified, runs_as_root=runs_as_root))


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
