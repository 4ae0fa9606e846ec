"""The limits of one instance: what is written where, what stands in where it can't be, and the level in force as text.

Pure but for `means_here`, which looks at this process, and `apply`, which writes files. It must never pass over a limit
in silence: each that a service asks for has its sentence, "memory 512 MiB: cgroup2" or "cpu_shares 512: not enforced
(…)".

The order in which enforcement is looked for (each limit by itself)
1. a cgroup that may be written: v2 where it has the controller, else v1 (a hybrid host has both).
2. systemd's user manager: a scope with properties.
3. memory: RLIMIT_DATA, each process by itself, and a watchdog over all of them together. pids: RLIMIT_NPROC, all
   processes of the user, and none for root. cpus and cpuset: the affinity, cpu_shares: the nice value.
4. none, with the reason.

Order within a cgroup: memory.limit_in_bytes before memory.memsw.limit_in_bytes (the kernel refuses less swap than
memory), the period before the quota.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from seatrial.engine.native.cgroups import PERIOD, size, swap_total
from seatrial.engine.native.scopes import Property
from seatrial.model.service import Limits, Ulimit

WATCH_EVERY = 1.0
"""Seconds between two looks of the watchdog."""
NICE_STEP = 1.25
"""What one step of the nice value is to the scheduler's weight (kernel: sched_prio_to_weight)."""
SHARES = 1024


class Level(Enum):
    """By what a limit is enforced."""

    CGROUP2 = "cgroup2"
    CGROUP1 = "cgroup1"
    SYSTEMD = "systemd"
    RLIMIT = "rlimit"
    SCHEDULER = "scheduler"
    KERNEL = "kernel"
    NONE = "not enforced"


@dataclass(frozen=True, slots=True)
class Place:
    """A cgroup with a controller: its level, and its directory."""

    level: Level
    folder: str


@dataclass(frozen=True, slots=True)
class Means:
    """What can be used here. `places` by controller; `lacking` says why a controller has none; `systemd` are the
    controllers that the user manager has; `cores` the CPUs that we may run on; `hard` our own hard limits by name
    (-1 unlimited); `is_root`: we may raise limits; `runs_as_root`: the service does."""

    places: Mapping[str, Place] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    systemd: frozenset[str] = frozenset()
    cores: tuple[int, ...] = (0,)
    hard: Mapping[str, int] = field(default_factory=dict)
    is_root: bool = True
    runs_as_root: bool = False
    oom_score_adj: int = 0

    def without(self, controller: str, why: str) -> Means:
        """The means without one controller's cgroup."""
        places = {name: place for name, place in self.places.items() if name != controller}
        return replace(self, places=places, lacking={**self.lacking, controller: why})


@dataclass(frozen=True, slots=True)
class Write:
    """A text to write into a cgroup's file. Where `optional` is said it may fail, and the sentence is what is lost."""

    controller: str
    file: str
    text: str
    optional: str = ""


@dataclass(frozen=True, slots=True)
class Enforcement:
    """One limit, and how it is enforced."""

    limit: str
    level: Level
    note: str = ""

    def __str__(self) -> str:
        return f"{self.limit}: {self.level.value}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be done: files in cgroups (in this order, before the command runs), limits of each process (name,
    soft, hard), CPUs and nice value (None: as they are), bytes that a watchdog kills above, what the scope of systemd
    has, the oom_score_adj. `enforcement` has a sentence for each limit."""

    writes: tuple[Write, ...] = ()
    rlimits: tuple[Ulimit, ...] = ()
    affinity: tuple[int, ...] | None = None
    nice: int | None = None
    watchdog: int | None = None
    properties: tuple[Property, ...] = ()
    oom_score_adj: int | None = None
    enforcement: tuple[Enforcement, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        affinity = self.affinity
        if other.affinity is not None:
            both = tuple(core for core in other.affinity if affinity is None or core in affinity)
            affinity = both or other.affinity
        nice = self.nice if other.nice is None else max(-20, min(19, (self.nice or 0) + other.nice))
        return Plan(
            self.writes + other.writes,
            self.rlimits + other.rlimits,
            affinity,
            nice,
            self.watchdog if other.watchdog is None else other.watchdog,
            self.properties + other.properties,
            self.oom_score_adj if other.oom_score_adj is None else other.oom_score_adj,
            self.enforcement + other.enforcement,
        )


def controllers(limits: Limits) -> frozenset[str]:
    """The cgroup controllers that are of use: memory always, for its counter of kills."""
    wanted = {
        "cpu": limits.cpus or limits.cpu_shares,
        "cpuset": limits.cpuset,
        "pids": limits.pids is not None and limits.pids.value > 0,
    }
    return frozenset({"memory", *(name for name, is_asked in wanted.items() if is_asked)})


def is_beyond(limits: Limits, folders: Mapping[str, str]) -> bool:
    """Whether a limit is asked for that these cgroups by controller can't enforce."""
    is_memory = limits.memory is not None or limits.memory_reservation is not None
    return bool(controllers(limits) - set(folders) - (set() if is_memory else {"memory"}))


def means_here(
    folders: Mapping[str, str], unified: str, *, runs_as_root: bool, systemd: frozenset[str] = frozenset()
) -> Means:
    """The means of this process: `folders` are the instance's cgroups by controller, `unified` the one of version 2,
    `systemd` the controllers of the user manager."""
    places = {
        name: Place(Level.CGROUP2 if folder == unified else Level.CGROUP1, folder) for name, folder in folders.items()
    }
    hard = {
        name.removeprefix("RLIMIT_").lower(): resource.getrlimit(getattr(resource, name))[1]
        for name in dir(resource)
        if name.startswith("RLIMIT_")
    }
    return Means(
        places,
        systemd=systemd,
        cores=tuple(sorted(os.sched_getaffinity(0))),
        hard=hard,
        is_root=os.geteuid() == 0,
        runs_as_root=runs_as_root,
        oom_score_adj=int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii")),
    )


def plan(limits: Limits, means: Means) -> Plan:
    """Decide all. Pure."""
    parts = [
        _memory(limits, means),
        _senseless_swap(limits),
        _reservation(limits, means),
        _cpus(limits, means),
        _shares(limits, means),
        _cpuset(limits, means),
        _pids(limits, means),
        *(_ulimit(sourced.value, means) for sourced in limits.ulimits),
        _oom_score(limits, means),
    ]
    joined = Plan()
    for part in parts:
        joined += part
    return joined


def apply(limits: Limits, means: Means) -> Plan:
    """Write the limits into the cgroups; where the kernel refuses, the next means in order is planned instead."""
    while True:
        planned = plan(limits, means)
        lost: list[Enforcement] = []
        for write in planned.writes:
            path = Path(means.places[write.controller].folder) / write.file
            try:
                path.write_text(write.text, encoding="ascii")
            except OSError as error:
                if not write.optional:
                    means = means.without(write.controller, f"{write.file}: {error.strerror}")
                    break
                lost.append(Enforcement(write.optional, Level.NONE, f"{write.file}: {error.strerror}"))
        else:
            return replace(planned, enforcement=(*planned.enforcement, *lost))


def _cgroup(controller: str, means: Means, words: str, version1: Iterable[Write], version2: Iterable[Write]) -> Plan:
    place = means.places[controller]
    writes = version2 if place.level is Level.CGROUP2 else version1
    return Plan(tuple(writes), enforcement=(Enforcement(words, place.level),))


def _systemd(words: str, *properties: Property) -> Plan:
    return Plan(properties=properties, enforcement=(Enforcement(words, Level.SYSTEMD),))


def _why(controller: str, means: Means) -> str:
    return means.lacking.get(controller, f"no cgroup with the {controller} controller may be written here")


def _memory(limits: Limits, means: Means) -> Plan:
    if limits.memory is None or limits.memory.value <= 0:
        return Plan()
    memory, total = limits.memory.value, swap_total(limits)
    words = f"memory {size(memory)}"
    if "memory" in means.places:
        lost = "swap"
        first = [Write("memory", "memory.limit_in_bytes", str(memory))]
        second = [Write("memory", "memory.max", str(memory))]
        if total is not None and total >= memory:
            first.append(Write("memory", "memory.memsw.limit_in_bytes", str(total), lost))
            second.append(Write("memory", "memory.swap.max", str(total - memory), lost))
        elif total == -1:
            second.append(Write("memory", "memory.swap.max", "max", lost))
        return _cgroup("memory", means, words, first, second)
    if "memory" in means.systemd:
        swap = [("MemorySwapMax", total - memory)] if total is not None and total >= memory else []
        return _systemd(words, ("MemoryMax", memory), *swap)
    note = (
        f"RLIMIT_DATA for each process, a look at all of them every {WATCH_EVERY:g} s; swap is not limited: "
        f"{_why('memory', means)}"
    )
    return Plan(
        rlimits=(Ulimit("data", memory, memory),),
        watchdog=memory,
        enforcement=(Enforcement(words, Level.RLIMIT, note),),
    )


def _senseless_swap(limits: Limits) -> Plan:
    """What Docker refuses is at least said."""
    total = limits.memory_swap.value if limits.memory_swap else 0
    memory = limits.memory.value if limits.memory else 0
    if total <= 0 or 0 < memory <= total:
        return Plan()
    why = "less than the memory limit" if memory > 0 else "it needs a memory limit"
    return Plan(enforcement=(Enforcement(f"memory and swap {size(total)}", Level.NONE, why),))


def _reservation(limits: Limits, means: Means) -> Plan:
    if limits.memory_reservation is None or limits.memory_reservation.value <= 0:
        return Plan()
    text = str(limits.memory_reservation.value)
    words = f"memory reservation {size(limits.memory_reservation.value)}"
    if "memory" in means.places:
        soft = [Write("memory", "memory.soft_limit_in_bytes", text)]
        return _cgroup("memory", means, words, soft, [Write("memory", "memory.low", text)])
    if "memory" in means.systemd:
        return _systemd(words, ("MemoryLow", limits.memory_reservation.value))
    return Plan(enforcement=(Enforcement(words, Level.NONE, _why("memory", means)),))


def _cpus(limits: Limits, means: Means) -> Plan:
    if limits.cpus is None or limits.cpus.value <= 0:
        return Plan()
    there = len(means.cores)
    cpus = min(limits.cpus.value, there)
    words = f"cpus {limits.cpus.value:g}" + (f", cut to the {there} that there are" if cpus < limits.cpus.value else "")
    quota = max(1000, round(cpus * PERIOD))
    if "cpu" in means.places:
        first = [Write("cpu", "cpu.cfs_period_us", str(PERIOD)), Write("cpu", "cpu.cfs_quota_us", str(quota))]
        return _cgroup("cpu", means, words, first, [Write("cpu", "cpu.max", f"{quota} {PERIOD}")])
    if "cpu" in means.systemd:
        return _systemd(words, ("CPUQuotaPerSecUSec", quota * 1_000_000 // PERIOD))
    whole = math.ceil(cpus)
    nice = min(19, round(math.log(whole / cpus, NICE_STEP)))
    note = f"on {whole} of the CPUs, nice {nice}; time is not counted: {_why('cpu', means)}"
    return Plan(affinity=means.cores[:whole], nice=nice, enforcement=(Enforcement(words, Level.SCHEDULER, note),))


def weight_of_shares(shares: int) -> int:
    """cpu.weight of v2 for cpu.shares of v1: 2 is 1, 1024 is 100, 262144 is 10000 (opencontainers/cgroups: utils.go,
    ConvertCPUSharesToCgroupV2Value; runc before 1.4 drew a line, by which 1024 was 39, less than the default)."""
    exact = math.log2(max(2, min(shares, 262_144)))
    return max(1, min(10_000, math.ceil(round(10 ** ((exact * exact + 125 * exact) / 612 - 7 / 34), 9))))


def _shares(limits: Limits, means: Means) -> Plan:
    if limits.cpu_shares is None or limits.cpu_shares.value <= 0:
        return Plan()
    shares = max(2, min(limits.cpu_shares.value, 262_144))
    words = f"cpu_shares {shares}"
    weight = weight_of_shares(shares)
    if "cpu" in means.places:
        first = [Write("cpu", "cpu.shares", str(shares))]
        return _cgroup("cpu", means, words, first, [Write("cpu", "cpu.weight", str(weight))])
    if "cpu" in means.systemd:
        return _systemd(words, ("CPUWeight", weight))
    nice = max(-20 if means.is_root else 0, min(19, round(-math.log(shares / SHARES, NICE_STEP))))
    enforcement = Enforcement(words, Level.SCHEDULER, f"nice {nice}, each process by itself: {_why('cpu', means)}")
    return Plan(nice=nice, enforcement=(enforcement,))


def _cpuset(limits: Limits, means: Means) -> Plan:
    if limits.cpuset is None or not limits.cpuset.value:
        return Plan()
    words = f"cpuset {limits.cpuset.value}"
    if "cpuset" in means.places:
        write = [Write("cpuset", "cpuset.cpus", limits.cpuset.value)]
        return _cgroup("cpuset", means, words, write, write)
    allowed = tuple(core for core in _listed(limits.cpuset.value) if core in means.cores)
    if not allowed:
        there = ",".join(str(core) for core in means.cores)
        return Plan(enforcement=(Enforcement(words, Level.NONE, f"none of them may be used here, only {there}"),))
    note = f"the affinity, which the service may change: {_why('cpuset', means)}"
    return Plan(affinity=allowed, enforcement=(Enforcement(words, Level.SCHEDULER, note),))


def _listed(text: str) -> tuple[int, ...]:
    """The numbers of a list as the kernel writes it, "0-2,5"; what is no number is left out."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit() and (last or first).isdigit():
            found.update(range(int(first), min(int(last or first), 65_535) + 1))
    return tuple(sorted(found))


def _pids(limits: Limits, means: Means) -> Plan:
    if limits.pids is None or limits.pids.value <= 0:
        return Plan()
    most = limits.pids.value
    words = f"pids {most}"
    if "pids" in means.places:
        write = [Write("pids", "pids.max", str(most))]
        return _cgroup("pids", means, words, write, write)
    if "pids" in means.systemd:
        return _systemd(words, ("TasksMax", most + 1))  # the shim is in it, too
    if means.runs_as_root:
        note = f"RLIMIT_NPROC doesn't hold root; {_why('pids', means)}"
        return Plan(enforcement=(Enforcement(words, Level.NONE, note),))
    note = f"RLIMIT_NPROC, all processes of its user together: {_why('pids', means)}"
    return Plan(rlimits=(Ulimit("nproc", most, most),), enforcement=(Enforcement(words, Level.RLIMIT, note),))


def _ulimit(limit: Ulimit, means: Means) -> Plan:
    words = f"ulimit {limit.name} {_number(limit.soft)}:{_number(limit.hard)}"
    ours = means.hard.get(limit.name, -1)
    if means.is_root or ours == -1 or -1 < limit.hard <= ours:
        return Plan(rlimits=(limit,), enforcement=(Enforcement(words, Level.RLIMIT),))
    soft = ours if limit.soft == -1 else min(limit.soft, ours)
    note = f"cut to {soft}:{ours}, more than one's own hard limit needs root"
    return Plan(rlimits=(Ulimit(limit.name, soft, ours),), enforcement=(Enforcement(words, Level.RLIMIT, note),))


def _number(limit: int) -> str:
    return "unlimited" if limit == -1 else str(limit)


def _oom_score(limits: Limits, means: Means) -> Plan:
    if limits.oom_score_adj is None:
        return Plan()
    wanted = limits.oom_score_adj.value
    words = f"oom_score_adj {wanted}"
    if wanted < means.oom_score_adj and not means.is_root:
        note = f"less than our own {means.oom_score_adj} needs CAP_SYS_RESOURCE"
        return Plan(enforcement=(Enforcement(words, Level.NONE, note),))
    return Plan(oom_score_adj=wanted, enforcement=(Enforcement(words, Level.KERNEL),))
