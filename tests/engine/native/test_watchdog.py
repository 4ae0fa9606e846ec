"""What stands in for a cgroup of memory."""

from __future__ import annotations

from seatrial.engine.native.watchdog import resident


def test_resident_memory_is_the_sum_of_the_processes() -> None:
    assert resident(["100 20 5 1 0 9 0\n", "", "7 3 1 1 0 1 0\n"], 4096) == 23 * 4096
