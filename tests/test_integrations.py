"""The hooks for pre-commit and the action for GitHub: whole, and working where that can be tried."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.cli.arguments import dispatch

from .requirements import missing_module, missing_program, require

ROOT = Path(__file__).parent.parent
DOCKERFILE = "FROM node:22.3.0-slim\nWORKDIR /app\nUSER node\nCMD node a.js\n"


def hooks() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return found


def action() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return found


def test_the_hooks_call_commands_that_there_are() -> None:
    assert {each["id"]: each["entry"] for each in hooks()} == {
        "seatrial-check": "seatrial check",
        "seatrial-fix": "seatrial fix --write",
    }


@pytest.mark.parametrize(
    ("file", "is_read"),
    [
        ("Dockerfile", True),
        ("web/Dockerfile.prod", True),
        ("web.Dockerfile", True),
        (".dockerignore", True),
        ("deploy/compose.yaml", True),
        ("k8s/web.yml", True),
        ("package.json", True),
        ("bin/entrypoint.sh", True),
        ("web/yarn.lock", True),
        ("requirements.txt", True),
        ("src/server.mts", True),
        ("README.md", False),
        ("notes.txt", False),
        ("logo.png", False),
    ],
)
def test_the_hooks_run_for_what_is_read(file: str, is_read: bool) -> None:
    for hook in hooks():
        assert bool(re.search(hook["files"], file)) is is_read


def test_the_action_has_what_github_asks_of_one() -> None:
    found = action()
    assert {"name", "description", "inputs", "outputs", "runs"} <= found.keys()
    assert found["runs"]["using"] == "composite"
    for step in found["runs"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert "run" not in step or step["shell"] == "bash"
        assert "uses" not in step or re.search(r"@v\d", step["uses"])
    assert all(each["description"] and isinstance(each["default"], str) for each in found["inputs"].values())


def test_no_input_of_the_action_is_part_of_a_script() -> None:
    for step in action()["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
    said = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text()))
    assert said == action()["inputs"].keys()


def test_the_page_names_all_inputs() -> None:
    page = (ROOT / "docs/ci.md").read_text()
    for name in action()["inputs"]:
        assert f"| {name} |" in page


def drill_workflows() -> list[dict[str, Any]]:
    """The workflows of the page that drill."""
    page = (ROOT / "docs/ci.md").read_text()
    examples = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    return [each for each in examples if isinstance(each, dict) and "drill" in each.get("jobs", {})]


def test_the_drill_of_the_page_is_a_workflow_whose_steps_are_whole() -> None:
    (workflow,) = drill_workflows()
    assert {True, "permissions", "jobs"} <= workflow.keys(), "YAML 1.1 reads the key `on` as true"
    (job,) = workflow["jobs"].values()
    assert job["runs-on"]
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert "uses" not in step or re.search(r"@v\d", step["uses"])


def test_what_the_drill_of_the_page_says_the_command_line_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    (workflow,) = drill_workflows()
    scripts = [step["run"] for step in workflow["jobs"]["drill"]["steps"] if "run" in step]
    (script,) = [each for each in scripts if "seatrial drill" in each]
    words = shlex.split(script)
    taken: list[argparse.Namespace] = []
    monkeypatch.setattr("seatrial.cli.drill.run", lambda arguments: taken.append(arguments) or 0)
    assert dispatch(words[words.index("drill") :]) == 0
    (arguments,) = taken
    written = {arguments.save, arguments.report, arguments.junit, arguments.markdown}
    (artifacts,) = [step["with"]["path"] for step in workflow["jobs"]["drill"]["steps"] if "upload" in str(step)]
    assert all(fnmatch(str(name), artifacts) for name in written), "what is written is what is uploaded"
    assert any(str(arguments.markdown) in each for each in scripts if each is not script)


def environment(directory: Path) -> dict[str, str]:
    """With the commands of this Python first, and no settings of the user's."""
    bin_directory = str(Path(sys.executable).parent)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT"))},
        "PATH": f"{bin_directory}:{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(directory / "pre-commit"),
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def run_in(directory: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    where = environment(directory.parent)
    return subprocess.run(argv, cwd=directory, env=where, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_pre_commit_runs_the_hooks(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "seatrial"
    require(missing_module("pre_commit") or missing_program("git"))
    require("" if command.exists() else "seatrial is not installed beside this Python")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "Dockerfile").write_text(DOCKERFILE)
    # Installed from here instead of being built in an environment of their own, which takes a network.
    local = [{**each, "language": "system", "additional_dependencies": []} for each in hooks()]
    settings = {"repos": [{"repo": "local", "hooks": local}]}
    (shop / ".pre-commit-config.yaml").write_text(yaml.safe_dump(settings))
    assert run_in(shop, "git", "init", "-q").returncode == 0
    assert run_in(shop, "git", "add", ".").returncode == 0
    program = (sys.executable, "-m", "pre_commit")
    assert run_in(ROOT, *program, "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")).returncode == 0
    checked = run_in(shop, *program, "run", "seatrial-check", "--all-files")
    assert "exec-form-command" in checked.stdout and checked.returncode == 1, checked.stdout + checked.stderr
    fixed = run_in(shop, *program, "run", "seatrial-fix", "--all-files")
    assert "files were modified by this hook" in fixed.stdout, fixed.stdout + fixed.stderr
    assert (shop / "Dockerfile").read_text() == DOCKERFILE.replace("node a.js", '["node", "a.js"]')
    assert run_in(shop, *program, "run", "seatrial-fix", "--all-files").returncode == 0


@pytest.mark.slow
def test_the_scripts_of_the_action_do_what_they_say(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "seatrial"
    require(missing_program("bash") or ("" if command.exists() else "seatrial is not installed beside this Python"))
    (tmp_path / "seatrial/bin").mkdir(parents=True)
    (tmp_path / "seatrial/bin/seatrial").symlink_to(command)
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "Dockerfile").write_text(DOCKERFILE)
    script = next(each["run"] for each in action()["runs"]["steps"] if each.get("id") == "check")
    output = tmp_path / "output"
    said = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=shop,
        env={
            **environment(tmp_path),
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_OUTPUT": str(output),
            "PATHS": ". Dockerfile",
            "FAIL_ON": "warning",
            "AUDIT": "",
            "SARIF": "seatrial.sarif",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert output.read_text() == "code=1\n"
    assert "::warning file=Dockerfile,line=4" in said.stdout
    assert '"ruleId": "exec-form-command"' in (shop / "seatrial.sarif").read_text()
