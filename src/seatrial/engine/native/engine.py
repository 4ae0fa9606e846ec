"""The engine itself: finds out what this machine can do, and starts instances."""

from __future__ import annotations

import itertools
import os
import platform
import secrets
import tempfile
from pathlib import Path

from seatrial.engine.interface import StartError, StartOptions
from seatrial.engine.native import capabilities, cgroups, leftovers, plan
from seatrial.engine.native.instance import NativeInstance
from seatrial.engine.native.launching import Launcher
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
        made = cgroups.make(f"{leftovers.name(next(_counter))}-probe", everything, _cores(), trees)
        leftovers.remove(made.folders)
        words = tuple(_in_general(sentence) for sentence in made.enforcement)
        return Machine(
            engine="native",
            kernel=platform.release(),
            cores=_cores(),
            rootless=needs_user_namespace(),
            enforcement=words,
        )

    async def start(self, service: Service, options: StartOptions | None = None) -> NativeInstance:
        """Start one instance. UnsupportedError, InputError or StartError if it can't be done; then nothing is left."""
        options = options or StartOptions()
        if not self._swept:
            leftovers.sweep(_trees())
            self._swept = True
        host = plan.own_host(needs_user_namespace())
        try:
            instance = await self._start(service, options, host, _trees())
        except StartError as error:
            if error.step != "cgroup":
                raise
            # the kernel moves nobody out of a cgroup that isn't theirs, which shows only when it is tried
            instance = await self._start(service, options, host, ())
        self._usable = True
        return instance

    async def _start(
        self, service: Service, options: StartOptions, host: plan.Host, trees: tuple[cgroups.Hierarchy, ...]
    ) -> NativeInstance:
        """One attempt."""
        name = f"{leftovers.name(next(_counter))}-{secrets.token_hex(6)}"
        made = cgroups.make(name, service.limits, host.cores, trees)
        stage = str(Path(tempfile.gettempdir()) / name)
        try:
            Path(stage).mkdir(0o700)
            decided = plan.make(service, options, host, made, stage)
            return await NativeInstance.launch(decided, made, host, options)
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
        host = plan.own_host(needs_user_namespace())
        launcher = Launcher.spawn(plan.probe(host))
        try:
            launcher.read_probe(PROBE_TIMEOUT)
        except StartError as error:
            raise _explained(error, host.user_namespace) from error
        finally:
            launcher.abandon()
        self._usable = True


def needs_user_namespace() -> bool:
    """Whether this process lacks the right to make the other namespaces by itself (CAP_SYS_ADMIN)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return not int(line.split()[1], 16) & capabilities.SYS_ADMIN
    return os.geteuid() != 0


def _explained(error: StartError, user_namespace: bool) -> StartError | UnsupportedError:
    """A failure to make namespaces is this machine's, with what to do about it; any other is the instance's own."""
    if error.step == "new /proc" or (error.step == "file system" and error.args[0].startswith("file system: proc ")):
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
