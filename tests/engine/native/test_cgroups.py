"""Cgroups: texts in, settings out; directories on a tree made of plain files."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.engine.native import cgroups
from seatrial.engine.native.cgroups import Hierarchy
from seatrial.model.place import Sourced
from seatrial.model.service import Limits

HYBRID_MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
HYBRID_OWN = "4:memory:/box/1\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/user\n"
UNIFIED_MOUNTS = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_hybrid_host_has_a_tree_per_controller_and_one_without() -> None:
    found = cgroups.hierarchies(HYBRID_MOUNTS, HYBRID_OWN)
    assert found == (
        Hierarchy(1, ("cpu", "cpuacct"), "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
        Hierarchy(1, ("memory",), "/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/box/1"),
        Hierarchy(1, ("name=systemd",), "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/systemd"),
        Hierarchy(2, (), "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified/user"),
    )


def test_unified_host_has_one_tree() -> None:
    found = cgroups.hierarchies(UNIFIED_MOUNTS, "0::/user.slice/session-1.scope\n")
    assert found == (Hierarchy(2, (), "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/session-1.scope"),)


def test_tree_that_is_mounted_below_its_root_is_entered_where_it_is_mounted() -> None:
    mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    assert cgroups.hierarchies(mounts, "4:memory:/docker/abc/x\n")[0].own == "/sys/fs/cgroup/memory/x"
    assert cgroups.hierarchies(mounts, "4:memory:/elsewhere\n")[0].own == "/sys/fs/cgroup/memory"


def settings(limits: Limits, version: int, cores: int = 4) -> dict[str, str]:
    files: dict[str, str] = {}
    for one in cgroups.asked(limits, cores):
        files |= one.version1 if version == 1 else one.version2
    return files


def test_memory_brings_as_much_swap_where_nothing_is_said() -> None:
    limits = Limits(memory=Sourced(100 << 20))
    assert settings(limits, 1) == {
        "memory.limit_in_bytes": str(100 << 20),
        "memory.memsw.limit_in_bytes": str(200 << 20),
    }
    assert settings(limits, 2) == {"memory.max": str(100 << 20), "memory.swap.max": str(100 << 20)}


@pytest.mark.parametrize(("swap", "expected"), [(100 << 20, "0"), (150 << 20, str(50 << 20)), (-1, "max")])
def test_memory_and_swap_together(swap: int, expected: str) -> None:
    limits = Limits(memory=Sourced(100 << 20), memory_swap=Sourced(swap))
    assert settings(limits, 2)["memory.swap.max"] == expected
    assert ("memory.memsw.limit_in_bytes" in settings(limits, 1)) == (swap > 0)


def test_reservation_is_the_soft_limit() -> None:
    limits = Limits(memory=Sourced(100), memory_reservation=Sourced(50))
    assert settings(limits, 1)["memory.soft_limit_in_bytes"] == settings(limits, 2)["memory.low"] == "50"


def test_cpus_are_a_quota_and_no_more_than_there_are() -> None:
    assert settings(Limits(cpus=Sourced(0.5)), 2) == {"cpu.max": "50000 100000"}
    assert settings(Limits(cpus=Sourced(8.0)), 1, cores=2)["cpu.cfs_quota_us"] == "200000"


@pytest.mark.parametrize(("shares", "weight"), [(2, "1"), (1024, "39"), (262_144, "10000")])
def test_shares_become_a_weight_as_runc_computes_it(shares: int, weight: str) -> None:
    assert settings(Limits(cpu_shares=Sourced(shares)), 2) == {"cpu.weight": weight}


def test_no_limit_of_pids_asks_for_nothing() -> None:
    assert settings(Limits(pids=Sourced(-1)), 2) == {}
    assert settings(Limits(pids=Sourced(9)), 1) == {"pids.max": "9"}


def test_sizes_are_for_people() -> None:
    assert [cgroups.size(number) for number in (512 << 20, 3 << 29, 1000)] == ["512 MiB", "1.5 GiB", "1000 bytes"]


def fake_unified(root: Path, *, offered: str = "cpu memory pids", enabled: str = "cpu memory pids") -> None:
    """A cgroup of the v2 tree, as plain files."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "cgroup.controllers").write_text(offered + "\n")
    (root / "cgroup.subtree_control").write_text(enabled + "\n")


def test_unified_tree_takes_the_nearest_cgroup_whose_children_have_the_controllers(tmp_path: Path) -> None:
    fake_unified(tmp_path)
    fake_unified(tmp_path / "slice")
    fake_unified(tmp_path / "slice" / "own", enabled="")
    (tmp_path / "slice" / "own" / "cgroup.subtree_control").chmod(0o444)
    tree = Hierarchy(2, (), str(tmp_path), str(tmp_path / "slice"))
    made = cgroups.make("seatrial-x", Limits(memory=Sourced(64 << 20), pids=Sourced(5)), 2, (tree,))
    folder = tmp_path / "slice" / "seatrial-x"
    assert made.unified == str(folder)
    assert made.enforcement == ("memory 64 MiB: cgroup2", "pids 5: cgroup2")
    assert (folder / "memory.max").read_text() == str(64 << 20)
    assert (folder / "pids.max").read_text() == "5"


def test_limit_without_its_controller_is_said_to_be_not_enforced(tmp_path: Path) -> None:
    fake_unified(tmp_path, offered="pids", enabled="pids")
    tree = Hierarchy(2, (), str(tmp_path), str(tmp_path))
    made = cgroups.make("seatrial-x", Limits(memory=Sourced(64 << 20), cpus=Sourced(1.0)), 2, (tree,))
    assert all(": not enforced (" in sentence for sentence in made.enforcement)
    assert len(made.enforcement) == 2


def test_hybrid_host_limits_by_version_1_and_kills_by_the_unified_tree(tmp_path: Path) -> None:
    fake_unified(tmp_path / "unified", offered="", enabled="")
    (tmp_path / "memory").mkdir()
    trees = (
        Hierarchy(1, ("memory",), str(tmp_path / "memory"), str(tmp_path / "memory")),
        Hierarchy(2, (), str(tmp_path / "unified"), str(tmp_path / "unified")),
    )
    made = cgroups.make("seatrial-x", Limits(memory=Sourced(64 << 20)), 2, trees)
    assert made.folders == (str(tmp_path / "unified" / "seatrial-x"), str(tmp_path / "memory" / "seatrial-x"))
    assert made.enforcement == ("memory 64 MiB: cgroup1",)
    assert (tmp_path / "memory" / "seatrial-x" / "memory.limit_in_bytes").read_text() == str(64 << 20)


def test_no_tree_at_all_is_no_error() -> None:
    made = cgroups.make("seatrial-x", Limits(pids=Sourced(5)), 2, ())
    assert (made.folders, made.unified) == ((), "")
    assert made.enforcement == ("pids 5: not enforced (no cgroup with the pids controller may be written here)",)
