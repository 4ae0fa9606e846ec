"""A machine that has something else to do: the same verdicts ten times, or *not proved*, and never another one.

By hand alone, for it takes ten minutes and both cores: SEATRIAL_ON_A_LOADED_MACHINE=1 (pytest -m slow …). The good
service is drilled whole, the bad ones by the runs that their mutation concerns.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .mutants import MUTANTS
from .test_mutants import copied, drilled, runs_of, wanted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),
    pytest.mark.skipif(
        not os.environ.get("SEATRIAL_ON_A_LOADED_MACHINE"), reason="by hand: SEATRIAL_ON_A_LOADED_MACHINE=1"
    ),
]
TIMES = 10
LONGEST = 2400
BUSY = f"import time\nuntil = time.monotonic() + {LONGEST}\nwhile time.monotonic() < until: pass"
BAD = {each.name: each for each in MUTANTS if each.base == "node" and each.name in ("announces nothing", "ends with 3")}
SUBJECTS = ("good", *BAD)


@contextmanager
def loaded() -> Iterator[None]:
    """A busy loop on each core, which ends with us, and after a while in any case."""
    cores = sorted(os.sched_getaffinity(0))
    loops = [subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", BUSY]) for core in cores]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_ten_drills_on_a_loaded_machine_say_nothing_wrong(
    subject: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mutant = BAD.get(subject)
    project = copied(tmp_path, "node", *(mutant.edits if mutant else ()))
    told, wrong = Counter[str](), list[str]()
    with loaded():
        for number in range(1, TIMES + 1):
            for name, (ruling, summary, _) in drilled(project, runs_of(mutant) if mutant else ()).items():
                if ruling in wanted(name, "node", mutant.breaks if mutant else ""):
                    told[ruling] += 1
                elif ruling == "not proved":
                    told["not proved, for the machine's sake"] += 1
                else:
                    wrong.append(f"drill {number}: {name}: {ruling}: {summary}")
            with capsys.disabled():
                print(f"{subject}, drill {number}: {dict(told)}", *wrong, sep="\n")
    assert wrong == []
