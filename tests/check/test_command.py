"""`seatrial check` as a user runs it: paths, settings, exit codes."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import pytest

from seatrial.cli.check_arguments import add_arguments
from seatrial.cli.check_command import run
from seatrial.model.errors import InputError, NothingFoundError

from .conftest import write

SHELL_FORM = "FROM node:22-slim\nCMD node a.js\n"
GOOD = 'FROM node:22-slim\nCMD ["node", "a.js"]\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "shop"
    (directory / ".git").mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


def check(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(words))


def places(capsys: pytest.CaptureFixture[str]) -> list[str]:
    document = json.loads(capsys.readouterr().out)
    return [f"{each['place']['file']}:{each['place']['line']}" for each in document["findings"]]


def test_findings_make_the_exit_code_1_and_none_0(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"Dockerfile": SHELL_FORM})
    assert check() == 1
    assert "Dockerfile:2:5 warning[exec-form-command]" in capsys.readouterr().out
    write(here, {"Dockerfile": GOOD})
    assert check("--select", "exec-form-command") == 0


@pytest.mark.parametrize(("level", "code"), [("error", 0), ("warning", 1), ("info", 1), ("never", 0)])
def test_fail_on_says_what_fails(here: Path, level: str, code: int) -> None:
    write(here, {"Dockerfile": SHELL_FORM})
    assert check("--fail-on", level, "--select", "exec-form-command") == code


def test_nothing_to_check_is_said(here: Path) -> None:
    with pytest.raises(NothingFoundError):
        check()


def test_a_path_that_is_not_there_is_a_usage_error_and_the_rest_is_checked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"Dockerfile": SHELL_FORM})
    assert check("Dockerfile", "nowhere") == 2
    out = capsys.readouterr().out
    assert "not read: nowhere: cannot be read" in out and "exec-form-command" in out


def test_a_dockerfile_that_cannot_be_read_takes_no_compose_file_with_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, {"compose.yaml": "services:\n  web:\n    image: nginx:1.29\n"})
    os.mkfifo(here / "Dockerfile")
    assert check() == 2
    out = capsys.readouterr().out
    assert out.count("not read: ") == 1 and "not read: Dockerfile: is not a regular file" in out
    assert "compose.yaml:2:3 warning[restart-policy]" in out


def test_what_an_including_project_says_of_more_services_is_not_told_again(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "db/compose.yaml": "services:\n  a:\n    image: nginx:1.29\n  b:\n    image: nginx:1.29\n",
        "all/compose.yaml": "include: [../db/compose.yaml]\n",
        "all/compose.override.yaml": "services:\n  a:\n    restart: always\n",
    }
    write(here, files)
    check("--format", "json", "--select", "restart-policy")
    assert places(capsys) == ["db/compose.yaml:2"]


def test_a_stack_is_found_by_its_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"deploy/docker-stack.yml": "services:\n  web:\n    image: nginx\n"})
    check("--format", "json", "--select", "image-tag-unique")
    assert places(capsys) == ["deploy/docker-stack.yml:3"]


def test_a_lock_file_is_named_without_the_way_to_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service = "services:\n  web:\n    build: ../..\n"
    write(here, {"tools/a/compose.yaml": service, "tools/b/compose.yaml": service, "Dockerfile": GOOD})
    write(here, {"package-lock.json": "{}", ".github/workflows/ci.yml": "run: npm ci\n"})
    check("--format", "json", "--select", "dependencies-audited")
    told = json.loads(capsys.readouterr().out)["findings"]
    assert [each["message"].split()[3] for each in told] == ["package-lock.json"]


def test_projects_below_are_found_and_places_are_from_here(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"a/Dockerfile": SHELL_FORM, "b/c/web.Dockerfile": SHELL_FORM, "node_modules/x/Dockerfile": SHELL_FORM})
    check("--format", "json", "--select", "exec-form-command")
    assert places(capsys) == ["a/Dockerfile:2", "b/c/web.Dockerfile:2"]


def test_a_dockerfile_that_compose_builds_is_told_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"compose.yaml": "services:\n  web:\n    build: ./web\n", "web/Dockerfile": SHELL_FORM})
    check("--format", "json", "--select", "exec-form-command")
    assert places(capsys) == ["web/Dockerfile:2"]


def test_compose_files_for_tests_ask_for_no_production(here: Path) -> None:
    write(here, {"tests/compose.yaml": "services:\n  web:\n    image: nginx\n"})
    assert check("--fail-on", "info", "--select", "restart-policy,memory-limit,log-rotation") == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [("seatrial.toml", 'ignore = ["exec-form-command"]'), ("pyproject.toml", '[tool.seatrial]\nfail-on = "error"')],
)
def test_settings_come_from_a_file_here_or_above(
    here: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, {name: text, "below/Dockerfile": SHELL_FORM})
    monkeypatch.chdir(here / "below")
    assert check("--select", "exec-form-command") == 0


@pytest.mark.parametrize("text", ["ignore = 1", 'ignore = ["nonsense"]', "colour = 1", 'fail-on = "x"', "= 1"])
def test_settings_that_mean_nothing_are_refused(here: Path, text: str) -> None:
    write(here, {"seatrial.toml": text, "Dockerfile": GOOD})
    with pytest.raises(InputError, match=r"seatrial\.toml"):
        check()


def test_an_unknown_name_is_refused_with_what_was_meant(here: Path) -> None:
    with pytest.raises(InputError) as caught:
        check("--ignore", "exec-form-comand")
    assert "exec-form-command" in caught.value.hint


def test_a_baseline_is_written_and_then_hides(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"a/Dockerfile": SHELL_FORM})
    select = ("--select", "exec-form-command")
    assert check("--write-baseline", "base.json", *select) == 0
    assert check("--baseline", "base.json", *select) == 0
    assert " in the baseline" in capsys.readouterr().out


def test_a_report_goes_to_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, {"Dockerfile": SHELL_FORM})
    assert check("--format", "sarif", "--output", "out.sarif") == 1
    assert json.loads((here / "out.sarif").read_text())["version"] == "2.1.0"
    assert capsys.readouterr().out == ""


def test_a_dockerfile_of_two_projects_is_told_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "web").mkdir(exist_ok=True)
    (here / "web/Dockerfile").write_text("FROM node:22-slim\nCMD node a.js\n")
    for name in ("one", "two"):
        (here / name).mkdir()
        (here / name / "compose.yaml").write_text(f"services:\n  {name}:\n    build: ../web\n")
    check("--no-cache", "--select", "exec-form-command")
    assert capsys.readouterr().out.count("web/Dockerfile:2:5") == 1


def test_a_file_far_above_its_project_is_named_from_here(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".github/workflows").mkdir(parents=True)
    (here / ".github/workflows/ci.yml").write_text("jobs: {a: {steps: [{run: docker build services/web}]}}\n")
    (here / "services/web").mkdir(parents=True)
    (here / "services/web/Dockerfile").write_text("FROM node:22-slim\n")
    (here / "services/web/package-lock.json").write_text("{}")
    check("--no-cache", "--select", "dependencies-audited")
    out = capsys.readouterr().out
    assert out.startswith(".github/workflows/ci.yml:1:1 ")
    assert "services/web/package-lock.json" in out
