"""The good services, made worse in one way at a time: the requirement named for it fails, and no other one changes of
those that the same runs prove.

A few of mutants.toml run with the other slow tests, and all with SEATRIAL_ALL_MUTANTS=1 (ten minutes on two cores),
where nothing wrong is forgiven. Else a busy machine may have disturbed a drill, which is tried again.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seatrial.drill.judge import JUDGES
from seatrial.drill.scenarios import PROVED_BY
from seatrial.model.recording import Scenario
from tests.requirements import missing_program, require

from .mutants import GOOD, MUTANTS, UNPROVED, Mutant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ALL = bool(os.environ.get("SEATRIAL_ALL_MUTANTS"))
CHOSEN = [mutant for mutant in MUTANTS if ALL or mutant.quick]
TRIES = 3
LAG = "--lag=0.5"


def copied(folder: Path, base: str, *edits: tuple[str, str, str]) -> Path:
    """A good service with these changes."""
    require(missing_program("node") if base == "node" else "")
    require(missing_program("redis-server") if base == "node" else "")
    project = folder / "api"
    shutil.copytree(GOOD / base, project)
    for name, old, new in edits:
        file = project / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has changed: the mutant proves nothing"
        file.write_text(text.replace(old, new), encoding="utf-8")
    for each in (folder, project):
        each.chmod(0o755)
    return project


def drilled(project: Path, runs: tuple[Scenario, ...]) -> dict[str, tuple[str, str, str]]:
    """The ruling, summary and cause of each requirement that these runs alone prove."""
    argv = [sys.executable, "-m", "seatrial", "drill", str(project), "--service=api", LAG, "-q", "--json"]
    argv += [f"--only={','.join(run.value for run in runs)}"] if runs else []
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    return {
        each["requirement"]: (each["ruling"], each["summary"], each.get("cause") or "")
        for each in json.loads(done.stdout)["verdicts"]
        if not runs or set(PROVED_BY.get(each["requirement"], (Scenario.STOP,))) <= set(runs)
    }


def wanted(name: str, base: str, breaks: str) -> tuple[str, ...]:
    """What the ruling must be: what does not apply is skipped, or can't be proved."""
    if name == breaks:
        return ("fail",)
    return ("not proved", "skipped") if name in UNPROVED[base] else ("pass",)


def differing(told: dict[str, tuple[str, str, str]], base: str, breaks: str, also: tuple[str, ...]) -> dict[str, str]:
    """What is not as it should be, a line for each requirement."""
    return {
        name: f"{name}: {ruling} ({summary}) {cause}"
        for name, (ruling, summary, cause) in told.items()
        if ruling not in wanted(name, base, breaks) and name not in also
    }


def runs_of(mutant: Mutant) -> tuple[Scenario, ...]:
    """The runs that prove what it breaks."""
    return PROVED_BY.get(mutant.breaks, (Scenario.STOP,))


def tried(project: Path, base: str, runs: tuple[Scenario, ...], mutant: Mutant | None = None) -> list[list[str]]:
    """What was not as it should be, try by try, until each requirement was right once."""
    breaks, also = (mutant.breaks, mutant.also) if mutant else ("", ())
    tries: list[list[str]] = []
    right: set[str] = set()
    while len(tries) < TRIES and (not tries or tries[-1]):
        told = drilled(project, runs)
        assert not mutant or breaks in told
        wrong = differing(told, base, breaks, also)
        right |= told.keys() - wrong.keys()
        tries.append(
            [line for name, line in wrong.items() if name not in right or (ALL and ": not proved" not in line)]
        )
    return tries


def reported(tries: list[list[str]], record_property: Callable[[str, object], None]) -> None:
    """Pass where the last try was right; where all mutants run, a wrong verdict of an earlier one fails, too."""
    record_property("tries", len(tries))
    wrong = [line for lines in tries for line in lines if ": not proved" not in line]
    if tries[-1] or (ALL and wrong):
        pytest.fail("\n".join(line for lines in tries for line in ["— a try —", *lines]))


@pytest.mark.parametrize("base", sorted(UNPROVED))
def test_a_good_service_passes_all_that_applies(
    base: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    tries = tried(copied(tmp_path, base), base, ())
    reported(tries, record_property)


@pytest.mark.parametrize("mutant", CHOSEN, ids=[f"{each.base} {each.name}" for each in CHOSEN])
def test_a_mutant_fails_what_it_breaks_and_nothing_else(
    mutant: Mutant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    tries = tried(copied(tmp_path, mutant.base, *mutant.edits), mutant.base, runs_of(mutant), mutant)
    reported(tries, record_property)


def test_every_drilled_requirement_has_a_mutant_but_those_that_need_more_than_a_service() -> None:
    """A job, an image: their own tests have both."""
    assert set(JUDGES) - {mutant.breaks for mutant in MUTANTS} == {"work-finished-or-returned", "image-size"}
