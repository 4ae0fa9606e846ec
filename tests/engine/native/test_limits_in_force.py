"""Limits in force on this machine's own version 1 cgroups: what the plan writes is what the kernel then does."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.engine.native import limits
from seatrial.engine.native.cgroups import hierarchies
from seatrial.engine.native.limits import Level, Means, Place
from seatrial.model.place import Sourced
from seatrial.model.service import Limits

pytestmark = pytest.mark.slow
MIB = 1 << 20
NEEDED = ("memory", "cpu", "cpuset", "pids")
EAT = "b = bytearray({}); b[::4096] = b'x' * len(b[::4096])"
_numbers = itertools.count()


def trees() -> dict[str, str]:
    """Our own cgroup of each version 1 controller that is needed."""
    texts = [Path(f"/proc/self/{name}").read_text() for name in ("mountinfo", "cgroup")]
    found = hierarchies(texts[0], texts[1])
    return {name: tree.own for tree in found if tree.version == 1 for name in tree.controllers if name in NEEDED}


@pytest.fixture
def means() -> Iterator[Means]:
    """New cgroups of all controllers, removed afterwards."""
    own = trees()
    if os.geteuid() != 0 or set(own) != set(NEEDED):
        pytest.skip("this machine has no version 1 cgroups that may be written")
    name = f"limits-for-tests-{os.getpid()}-{next(_numbers)}"
    places = {}
    for controller, folder in own.items():
        made = Path(folder) / name
        with contextlib.suppress(FileExistsError):
            made.mkdir()
        if controller == "cpuset":
            for file in ("cpuset.mems", "cpuset.cpus"):
                (made / file).write_text((made.parent / file).read_text())
        places[controller] = Place(Level.CGROUP1, str(made))
    folders = {name: place.folder for name, place in places.items()}
    yield limits.means_here(folders, "", runs_as_root=True)
    for folder in {place.folder for place in places.values()}:
        deadline = time.monotonic() + 10
        while True:
            try:
                Path(folder).rmdir()
                break
            except OSError:  # its last process is still on its way out
                assert time.monotonic() < deadline, f"{folder} can't be removed"
                time.sleep(0.02)


def run(means: Means, program: str) -> subprocess.CompletedProcess[str]:
    """A program in the cgroups, which it enters before it is a program at all."""
    enter = " ".join(f"echo $$ >{place.folder}/cgroup.procs &&" for place in means.places.values())
    argv = ["sh", "-c", f'{enter} exec "$@"', "sh", sys.executable, "-IS", "-c", program]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100)


def kills(means: Means) -> int:
    """How many processes the kernel has killed for memory."""
    lines = (Path(means.places["memory"].folder) / "memory.oom_control").read_text().splitlines()
    return int(dict(line.split() for line in lines)["oom_kill"])


def test_files_hold_what_was_planned(means: Means) -> None:
    core = means.cores[0]
    asked = Limits(
        memory=Sourced(64 * MIB),
        memory_reservation=Sourced(32 * MIB),
        cpus=Sourced(0.5),
        cpu_shares=Sourced(512),
        cpuset=Sourced(str(core)),
        pids=Sourced(20),
    )
    applied = limits.apply(asked, means)
    for write in applied.writes:
        path = Path(means.places[write.controller].folder) / write.file
        if not write.optional or path.exists():
            assert path.read_text().strip() == write.text, write
    shown = [str(one) for one in applied.enforcement if one.limit != "swap"]
    assert all(one.endswith(": cgroup1") for one in shown) and len(shown) == 6


def test_too_much_memory_kills_the_main_process(means: Means) -> None:
    limits.apply(Limits(memory=Sourced(48 * MIB), memory_swap=Sourced(48 * MIB)), means)
    before = kills(means)
    ended = run(means, EAT.format(200 * MIB))
    assert ended.returncode == -9
    assert kills(means) == before + 1


def test_too_much_memory_of_a_child_is_told_though_the_main_process_ends_well(means: Means) -> None:
    limits.apply(Limits(memory=Sourced(48 * MIB), memory_swap=Sourced(48 * MIB)), means)
    before = kills(means)
    child = EAT.format(200 * MIB)
    ended = run(
        means,
        "import os\nchild = os.fork()\nif not child:\n"
        "    open('/proc/self/oom_score_adj', 'w').write('1000')\n"
        f"    {child}\n    os._exit(0)\n"
        "print(os.waitpid(child, 0)[1])",
    )
    assert (ended.returncode, ended.stdout) == (0, "9\n"), ended.stderr
    assert kills(means) == before + 1


def test_plain_kill_is_no_kill_for_memory(means: Means) -> None:
    limits.apply(Limits(memory=Sourced(48 * MIB)), means)
    before = kills(means)
    assert run(means, "import os; os.kill(os.getpid(), 9)").returncode == -9
    assert kills(means) == before


def test_fork_fails_at_the_limit_of_processes(means: Means) -> None:
    limits.apply(Limits(pids=Sourced(4)), means)
    bomb = (
        "import os, signal\nmade = []\n"
        "try:\n    for _ in range(50):\n        child = os.fork()\n        if not child: signal.pause()\n"
        "        made.append(child)\n"
        "except BlockingIOError: pass\n"
        "for child in made: os.kill(child, 9); os.waitpid(child, 0)\n"
        "print(len(made))"
    )
    ended = run(means, bomb)
    assert ended.stdout == "3\n", ended.stderr


def test_service_sees_its_own_cpus_alone(means: Means) -> None:
    core = means.cores[-1]
    limits.apply(Limits(cpuset=Sourced(str(core))), means)
    assert run(means, "import os; print(os.sched_getaffinity(0))").stdout == f"{{{core}}}\n"


def test_cpu_time_is_cut(means: Means) -> None:
    limits.apply(Limits(cpus=Sourced(0.02)), means)
    run(means, "pass")  # to start takes more than the 2 ms that it has in each period
    said = (Path(means.places["cpu"].folder) / "cpu.stat").read_text()
    throttled = dict(line.split() for line in said.splitlines())["nr_throttled"]
    assert int(throttled) >= 1


def test_limit_below_what_is_used_already_gives_way_to_a_stand_in(means: Means) -> None:
    """The kernel refuses a limit of memory and swap below that of memory: what can't be written is said."""
    folder = Path(means.places["memory"].folder)
    if not (folder / "memory.memsw.limit_in_bytes").exists():
        pytest.skip("this kernel doesn't account swap")
    (folder / "memory.limit_in_bytes").write_text(str(128 * MIB))
    (folder / "memory.memsw.limit_in_bytes").write_text(str(128 * MIB))
    applied = limits.apply(Limits(memory=Sourced(256 * MIB)), means)
    assert applied.watchdog == 256 * MIB and "memory.limit_in_bytes: Invalid argument" in str(applied.enforcement[0])
