"""Processes: masks, and this process itself seen through /proc."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.engine.native.processes import ProcessTable, signals, start_ticks


def test_mask_becomes_numbers() -> None:
    assert signals("0000000000004002") == (2, 15)
    assert signals("8000000000000001") == (1, 64)
    assert signals("0") == ()


def test_own_namespace_has_this_process_with_its_parent() -> None:
    table = ProcessTable(str(Path("/proc/self/ns/pid").readlink()), None)
    found = {one.pid: one for one in table.now()}
    me = found[os.getpid()]
    assert (me.host_pid, me.user, me.start_ticks) == (os.getpid(), os.geteuid(), start_ticks(os.getpid()))
    assert me.state in "RSD"
    assert me.memory > 1 << 20 and me.shared > 1 << 20
    assert 0 < me.cpu <= sum(os.times()[:2]) + 0.05
    assert "python" in me.argv[0] or "pytest" in me.argv[0]


def test_other_namespaces_are_empty_for_it() -> None:
    assert ProcessTable("pid:[1]", None).now() == ()


def test_nobody_started_at_zero() -> None:
    assert start_ticks(0) == 0
