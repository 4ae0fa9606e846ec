"""The good example, made worse in one way at a time: the requirement named for it fails, and no other does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements import missing_program, require

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "node-api"
NAMES = (
    "tolerates-lb-lag",
    "readiness-flips-first",
    "grace-period-fits",
    "rollout-drops-nothing",
    "pids-limit",
    "nofile-limit",
    "healthcheck-timing",
)
LAG = "--lag=0.8"
Edit = tuple[str, str, str]

MUTANTS: dict[str, tuple[tuple[Edit, ...], tuple[str, ...], str]] = {
    "readiness says yes to the end": (
        (("src/server.js", "!drain.stopping && ", ""),),
        ("tolerates-lb-lag", "readiness-flips-first", "rollout-drops-nothing"),
        "readiness-flips-first",
    ),
    "its limit is beyond the grace period": (
        (("src/server.js", "seconds: 12", "seconds: 60"),),
        ("grace-period-fits", "nofile-limit"),
        "grace-period-fits",
    ),
    "it drops what is in flight": (
        (("src/drain.js", "await pause(delay * 1000);", "await pause(300); process.exit(0);"),),
        ("rollout-drops-nothing", "nofile-limit"),
        "rollout-drops-nothing",
    ),
    "no limit of processes": (
        (("compose.yaml", "    pids_limit: 128\n", ""),),
        ("pids-limit", "nofile-limit"),
        "pids-limit",
    ),
    "few open files": (
        (("compose.yaml", "nofile: 65536", "nofile: 48"),),
        ("pids-limit", "nofile-limit"),
        "nofile-limit",
    ),
    "slow to start, and no time for it": (
        (
            ("src/server.js", "const app =", "await new Promise((go) => setTimeout(go, 3000));\nconst app ="),
            ("Dockerfile", "--interval=10s --timeout=2s --start-period=5s --retries=3", "--interval=1s --retries=1"),
        ),
        ("healthcheck-timing", "nofile-limit"),
        "healthcheck-timing",
    ),
}  # fmt: skip


def copied(folder: Path, *edits: Edit) -> Path:
    """The example with these changes."""
    require(missing_program("node"))
    require("" if (EXAMPLE / "node_modules").is_dir() else "the npm packages of examples/node-api are not installed")
    project = folder / "api"
    shutil.copytree(EXAMPLE, project, symlinks=True)
    for name, old, new in edits:
        file = project / name
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{name} has changed: the mutant proves nothing"
        file.write_text(text.replace(old, new), encoding="utf-8")
    for each in (folder, project):
        each.chmod(0o755)
    return project


def verdicts(project: Path, *names: str) -> dict[str, tuple[str, str]]:
    """The rulings and summaries of a drill of these requirements; tried again where a busy machine proved nothing."""
    told: dict[str, tuple[str, str]] = {}
    argv = [sys.executable, "-m", "seatrial", "drill", str(project), LAG, "--grace=5", "-q", "--json"]
    for _ in range(3):
        only = f"--only={','.join(names)}"
        done = subprocess.run([*argv, only], capture_output=True, text=True, check=False, timeout=120)
        found = json.loads(done.stdout)["verdicts"]
        told = {each["requirement"]: (each["ruling"], each["summary"]) for each in found}
        if not [name for name in names if told[name][0] == "not proved"]:
            break
    return {name: told[name] for name in names}


def test_the_example_itself_passes(tmp_path: Path) -> None:
    project = copied(tmp_path, ("src/server.js", "seconds: 12", "seconds: 3"))
    assert [name for name, told in verdicts(project, *NAMES).items() if told[0] != "pass"] == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_fails_what_it_breaks_and_nothing_else(mutant: str, tmp_path: Path) -> None:
    edits, names, broken = MUTANTS[mutant]
    told = verdicts(copied(tmp_path, *edits), *names)
    assert {name for name, said in told.items() if said[0] == "fail"} == {broken}, told


def test_without_a_delay_the_balancer_meets_a_closed_listener(tmp_path: Path) -> None:
    project = copied(tmp_path, ("src/server.js", "STOP_DELAY ?? 1", "STOP_DELAY ?? 0"))
    told = verdicts(project, "tolerates-lb-lag", "readiness-flips-first", "rollout-drops-nothing")
    assert {name for name, said in told.items() if said[0] == "fail"} == set(told)
