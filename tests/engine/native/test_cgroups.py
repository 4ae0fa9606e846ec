"""Cgroups: texts in, settings out; directories on a tree made of plain files."""

from __future__ import annotations

from pathlib import Path

from seatrial.engine.native import cgroups
from seatrial.engine.native.cgroups import Hierarchy

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
    made = cgroups.make("seatrial-x", ("memory", "pids"), (tree,))
    folder = tmp_path / "slice" / "seatrial-x"
    assert made.unified == str(folder)
    assert made.by_controller == {"memory": str(folder), "pids": str(folder)}


def test_hybrid_host_has_version_1_for_limits_and_kills_by_the_unified_tree(tmp_path: Path) -> None:
    fake_unified(tmp_path / "unified", offered="", enabled="")
    (tmp_path / "memory").mkdir()
    trees = (
        Hierarchy(1, ("memory",), str(tmp_path / "memory"), str(tmp_path / "memory")),
        Hierarchy(2, (), str(tmp_path / "unified"), str(tmp_path / "unified")),
    )
    made = cgroups.make("seatrial-x", ("memory",), trees)
    assert made.folders == (str(tmp_path / "unified" / "seatrial-x"), str(tmp_path / "memory" / "seatrial-x"))
    assert made.by_controller == {"memory": str(tmp_path / "memory" / "seatrial-x")}


def test_no_tree_at_all_is_no_error() -> None:
    assert cgroups.make("seatrial-x", ("pids",), ()) == cgroups.Cgroups((), "", {})
