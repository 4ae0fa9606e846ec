"""Whose a container is: what belongs to a live owner, or to another machine's, is never swept."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seatrial.engine.docker import owner
from seatrial.engine.docker.owner import HOST, OWNER, is_orphaned, labels
from seatrial.engine.native import leftovers


def of_a_dead_process() -> str:
    child = subprocess.run(
        [sys.executable, "-c", "from seatrial.engine.docker.owner import labels; print(labels()['seatrial.owner'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    return child.stdout.strip()


def test_what_is_ours_has_a_live_owner() -> None:
    assert not is_orphaned(labels())
    assert f"-{os.getpid()}-" in labels()[OWNER]


def test_what_a_dead_process_left_is_orphaned() -> None:
    assert is_orphaned({**labels(), OWNER: of_a_dead_process()})


def test_a_process_that_has_the_number_of_a_dead_one_does_not_keep_its_things() -> None:
    name = leftovers.name(1)
    ticks = name.split("-")[-2]
    assert is_orphaned({**labels(), OWNER: name.replace(ticks, str(int(ticks) - 1)) + "-trial"})


def test_everything_from_before_a_reboot_is_orphaned() -> None:
    machine = labels()[HOST].partition("/")[0]
    assert is_orphaned({**labels(), HOST: f"{machine}/another-boot"})


@pytest.mark.parametrize("host", ["another-machine/boot", "", "no-boot"])
def test_another_machines_things_and_strange_labels_are_left_alone(host: str) -> None:
    assert not is_orphaned({OWNER: of_a_dead_process(), HOST: host})


def test_labels_of_two_trials_differ() -> None:
    assert owner.labels()[OWNER] != owner.labels()[OWNER]
