"""Limits: what is written where, and what stands in where nothing can be written."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.engine.native import limits
from seatrial.engine.native.limits import Level, Means, Place, Plan, Write
from seatrial.model.place import Sourced
from seatrial.model.service import Limits, Ulimit

CONTROLLERS = ("memory", "cpu", "cpuset", "pids")
MIB = 1 << 20
EVERYTHING = {
    "memory": 64 * MIB,
    "memory_reservation": 32 * MIB,
    "cpus": 0.5,
    "cpu_shares": 512,
    "cpuset": "0-1",
    "pids": 20,
    "oom_score_adj": 500,
}


def asked(**values: Any) -> Limits:
    return Limits(**{name: Sourced(value) for name, value in values.items()})


def means(level: Level | None, folder: str = "/cgroup", **more: Any) -> Means:
    places = {name: Place(level, folder) for name in CONTROLLERS} if level else {}
    return Means(places, cores=more.pop("cores", (0, 1, 2, 3)), **more)


def written(plan: Plan) -> dict[str, str]:
    return {write.file: write.text for write in plan.writes}


def test_version_1_writes_these_files_in_this_order() -> None:
    plan = limits.plan(asked(**EVERYTHING), means(Level.CGROUP1))
    assert list(written(plan).items()) == [
        ("memory.limit_in_bytes", str(64 * MIB)),
        ("memory.memsw.limit_in_bytes", str(128 * MIB)),
        ("memory.soft_limit_in_bytes", str(32 * MIB)),
        ("cpu.cfs_period_us", "100000"),
        ("cpu.cfs_quota_us", "50000"),
        ("cpu.shares", "512"),
        ("cpuset.cpus", "0-1"),
        ("pids.max", "20"),
    ]


def test_version_2_writes_these_files_in_this_order() -> None:
    plan = limits.plan(asked(**EVERYTHING), means(Level.CGROUP2))
    assert list(written(plan).items()) == [
        ("memory.max", str(64 * MIB)),
        ("memory.swap.max", str(64 * MIB)),
        ("memory.low", str(32 * MIB)),
        ("cpu.max", "50000 100000"),
        ("cpu.weight", "59"),
        ("cpuset.cpus", "0-1"),
        ("pids.max", "20"),
    ]


def test_hybrid_host_has_each_limit_where_its_controller_is() -> None:
    places = {"memory": Place(Level.CGROUP1, "/v1/memory"), "pids": Place(Level.CGROUP2, "/v2")}
    plan = limits.plan(asked(memory=64 * MIB, pids=5), Means(places))
    assert [str(one) for one in plan.enforcement] == ["memory 64 MiB: cgroup1", "pids 5: cgroup2"]
    assert written(plan)["pids.max"] == "5" and "memory.limit_in_bytes" in written(plan)


@pytest.mark.parametrize(
    ("swap", "first", "second"),
    [
        (64 * MIB, str(64 * MIB), "0"),
        (96 * MIB, str(96 * MIB), str(32 * MIB)),
        (-1, None, "max"),
        (0, str(128 * MIB), str(64 * MIB)),
    ],
)
def test_swap_is_memory_and_swap_together(swap: int, first: str | None, second: str) -> None:
    wanted = asked(memory=64 * MIB, memory_swap=swap)
    assert written(limits.plan(wanted, means(Level.CGROUP1))).get("memory.memsw.limit_in_bytes") == first
    assert written(limits.plan(wanted, means(Level.CGROUP2)))["memory.swap.max"] == second


@pytest.mark.parametrize(("shares", "weight"), [(2, 1), (512, 59), (1024, 100), (2048, 174), (262_144, 10_000), (0, 1)])
def test_shares_become_a_weight_and_the_default_the_default(shares: int, weight: int) -> None:
    assert limits.weight_of_shares(shares) == weight


@given(st.integers(2, 262_143))
def test_more_shares_are_never_less_weight(shares: int) -> None:
    assert 1 <= limits.weight_of_shares(shares) <= limits.weight_of_shares(shares + 1) <= 10_000


@pytest.mark.parametrize("level", [Level.CGROUP1, Level.CGROUP2, None])
@pytest.mark.parametrize("is_root", [True, False])
def test_every_limit_has_its_sentence_whatever_there_is(level: Level | None, is_root: bool) -> None:
    wanted = asked(**EVERYTHING)
    plan = limits.plan(wanted, means(level, is_root=is_root, runs_as_root=is_root))
    shown = "\n".join(str(one) for one in plan.enforcement)
    for words in (
        "memory 64 MiB",
        "memory reservation",
        "cpus 0.5",
        "cpu_shares 512",
        "cpuset 0-1",
        "pids 20",
        "oom_score",
    ):
        assert f"{words}" in shown
    assert all(one.note for one in plan.enforcement if one.level in (Level.NONE, Level.SCHEDULER))


def test_without_cgroups_stand_ins_are_used_and_named() -> None:
    plan = limits.plan(asked(**EVERYTHING), means(None, is_root=False))
    assert plan.writes == ()
    assert plan.rlimits == (Ulimit("data", 64 * MIB, 64 * MIB), Ulimit("nproc", 20, 20))
    assert (plan.watchdog, plan.affinity, plan.nice) == (64 * MIB, (0,), 6)
    levels = {one.limit: one.level for one in plan.enforcement}
    assert levels == {
        "memory 64 MiB": Level.RLIMIT,
        "memory reservation 32 MiB": Level.NONE,
        "cpus 0.5": Level.SCHEDULER,
        "cpu_shares 512": Level.SCHEDULER,
        "cpuset 0-1": Level.SCHEDULER,
        "pids 20": Level.RLIMIT,
        "oom_score_adj 500": Level.KERNEL,
    }


def test_limit_of_processes_does_not_hold_root_and_this_is_said() -> None:
    plan = limits.plan(asked(pids=20), means(None, runs_as_root=True))
    assert plan.rlimits == () and "RLIMIT_NPROC doesn't hold root" in str(plan.enforcement[0])
    assert plan.enforcement[0].level is Level.NONE


def test_systemd_comes_before_the_stand_ins() -> None:
    plan = limits.plan(
        asked(memory=64 * MIB, cpus=1.5, cpu_shares=1024, pids=20),
        means(None, systemd=frozenset({"memory", "cpu", "pids"})),
    )
    assert dict(plan.properties) == {
        "MemoryMax": 64 * MIB,
        "MemorySwapMax": 64 * MIB,
        "CPUQuotaPerSecUSec": 1_500_000,
        "CPUWeight": 100,
        "TasksMax": 21,  # the shim is in the scope, too
    }
    assert {one.level for one in plan.enforcement} == {Level.SYSTEMD} and not plan.rlimits


def test_more_cpus_than_there_are_are_cut_and_this_is_said() -> None:
    plan = limits.plan(asked(cpus=8.0), means(Level.CGROUP2, cores=(0, 1)))
    assert written(plan) == {"cpu.max": "200000 100000"}
    assert str(plan.enforcement[0]) == "cpus 8, cut to the 2 that there are: cgroup2"


def test_cpus_that_may_not_be_used_are_not_enforced() -> None:
    plan = limits.plan(asked(cpuset="6-7"), means(None))
    assert plan.affinity is None and plan.enforcement[0].level is Level.NONE


def test_ulimit_above_our_own_is_cut_without_root_and_this_is_said() -> None:
    wanted = Limits(ulimits=(Sourced(Ulimit("nofile", 1000, -1)), Sourced(Ulimit("core", 0, 0))))
    plan = limits.plan(wanted, means(None, is_root=False, hard={"nofile": 4096, "core": 4096}))
    assert plan.rlimits == (Ulimit("nofile", 1000, 4096), Ulimit("core", 0, 0))
    assert [str(one) for one in plan.enforcement] == [
        "ulimit nofile 1000:unlimited: rlimit (cut to 1000:4096, more than one's own hard limit needs root)",
        "ulimit core 0:0: rlimit",
    ]
    assert limits.plan(wanted, means(None, hard={"nofile": 4096})).rlimits[0] == Ulimit("nofile", 1000, -1)


def test_less_oom_score_than_our_own_needs_root() -> None:
    assert limits.plan(asked(oom_score_adj=-500), means(None)).oom_score_adj == -500
    plan = limits.plan(asked(oom_score_adj=-500), means(None, is_root=False))
    assert plan.oom_score_adj is None and plan.enforcement[0].level is Level.NONE


def test_nothing_asked_is_nothing_done() -> None:
    assert limits.plan(Limits(), means(Level.CGROUP2)) == Plan()
    assert limits.plan(asked(pids=-1, cpus=0.0), means(Level.CGROUP2)) == Plan()


def test_limits_are_written(tmp_path: Path) -> None:
    applied = limits.apply(asked(memory=64 * MIB, pids=5), means(Level.CGROUP2, str(tmp_path)))
    assert (tmp_path / "memory.max").read_text() == str(64 * MIB)
    assert (tmp_path / "pids.max").read_text() == "5"
    assert [str(one) for one in applied.enforcement] == ["memory 64 MiB: cgroup2", "pids 5: cgroup2"]


def test_controller_that_refuses_gives_way_to_the_next_means(tmp_path: Path) -> None:
    (tmp_path / "memory.max").mkdir()  # can't be written, whoever we are
    applied = limits.apply(asked(memory=64 * MIB, pids=5), means(Level.CGROUP2, str(tmp_path)))
    assert applied.watchdog == 64 * MIB
    assert str(applied.enforcement[0]).startswith("memory 64 MiB: rlimit (") and "Is a directory" in str(
        applied.enforcement[0]
    )
    assert str(applied.enforcement[1]) == "pids 5: cgroup2"


def test_swap_that_is_not_accounted_is_said_to_be_not_enforced(tmp_path: Path) -> None:
    (tmp_path / "memory.memsw.limit_in_bytes").mkdir()
    applied = limits.apply(asked(memory=64 * MIB), means(Level.CGROUP1, str(tmp_path)))
    assert [str(one) for one in applied.enforcement] == [
        "memory 64 MiB: cgroup1",
        "swap: not enforced (memory.memsw.limit_in_bytes: Is a directory)",
    ]


def test_writes_of_a_plan_name_their_controller() -> None:
    assert limits.plan(asked(pids=1), means(Level.CGROUP1)).writes == (Write("pids", "pids.max", "1"),)


def test_controllers_that_are_of_use() -> None:
    assert limits.controllers(Limits()) == {"memory"}
    assert limits.controllers(asked(**EVERYTHING)) == set(CONTROLLERS)
    assert limits.controllers(asked(pids=-1, cpu_shares=5)) == {"memory", "cpu"}


def test_means_are_those_of_this_process() -> None:
    found = limits.means_here({"memory": "/v1/a", "pids": "/v2/a"}, "/v2/a", runs_as_root=True)
    assert found.places == {"memory": Place(Level.CGROUP1, "/v1/a"), "pids": Place(Level.CGROUP2, "/v2/a")}
    assert found.cores == tuple(sorted(os.sched_getaffinity(0))) and found.is_root is (os.geteuid() == 0)
    assert found.hard["nofile"] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert -1000 <= found.oom_score_adj <= 1000


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"memory_swap": 64 * MIB}, "it needs a memory limit"),
        ({"memory": 128 * MIB, "memory_swap": 64 * MIB}, "less than the memory limit"),
    ],
)
def test_limit_of_swap_that_makes_no_sense_is_said_to_be_not_enforced(values: dict[str, Any], why: str) -> None:
    plan = limits.plan(asked(**values), means(Level.CGROUP2))
    assert str(plan.enforcement[-1]) == f"memory and swap 64 MiB: not enforced ({why})"
