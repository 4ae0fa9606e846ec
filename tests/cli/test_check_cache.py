"""`seatrial check` with its cache: when an earlier answer is printed, and when not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from seatrial.cli import check_answer
from seatrial.cli.front import run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text("FROM node:22-slim\nCMD node a.js\n")
    monkeypatch.chdir(project)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return project


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gets a word whenever an answer is found anew."""
    found: list[str] = []
    real = check_answer.find_answer

    def find(*given: object) -> object:
        found.append("anew")
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(check_answer, "find_answer", find)
    return found


def test_the_second_answer_is_the_first(here: Path, looks: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 1
    first = capsys.readouterr()
    assert run(["check"]) == 1
    assert capsys.readouterr() == first and "exec-form-command" in first.out and looks == ["anew"]


@pytest.mark.parametrize("words", [["--format", "json"], ["--select", "one-init"], ["."], ["--fail-on", "never"]])
def test_another_question_has_an_answer_of_its_own(here: Path, looks: list[str], words: list[str]) -> None:
    run(["check"])
    run(["check", *words])
    run(["check"])
    assert looks == ["anew", "anew"]


def test_settings_and_the_baseline_belong_to_the_question(here: Path, looks: list[str]) -> None:
    run(["check"])
    (here / "seatrial.toml").write_text('ignore = ["exec-form-command"]\nfail-on = "error"\n')
    assert run(["check"]) == 0
    (here / "seatrial.toml").unlink()
    assert run(["check", "--write-baseline", "known.json"]) == 0
    (here / "seatrial.toml").write_text('baseline = "known.json"\n')
    assert run(["check"]) == 0
    (here / "known.json").write_text('{"format": 1, "findings": []}')
    assert run(["check"]) == 1
    assert looks == ["anew"] * 5


def test_no_cache_keeps_nothing_and_asks_nothing(here: Path, tmp_path: Path, looks: list[str]) -> None:
    run(["check", "--no-cache"])
    assert not (tmp_path / "cache").exists()
    run(["check", "--cache-dir", str(tmp_path / "other")])
    run(["check", "--cache-dir", str(tmp_path / "other"), "--no-cache"])
    assert looks == ["anew"] * 3 and list((tmp_path / "other").iterdir())


def test_tomorrow_it_is_looked_at_anew(here: Path, looks: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run(["check"])
    now = time.time()
    real = time.gmtime
    monkeypatch.setattr(time, "gmtime", lambda seconds=None: real((seconds or now) + 86_400))
    run(["check"])
    assert looks == ["anew", "anew"]


def test_an_error_is_no_answer(here: Path, tmp_path: Path) -> None:
    (here / "Dockerfile").unlink()
    assert run(["check"]) == 3 and not (tmp_path / "cache").exists()


def test_a_report_in_a_file_is_written_each_time(here: Path, looks: list[str]) -> None:
    for _ in range(2):
        run(["check", "--output", "report.txt"])
        assert "exec-form-command" in (here / "report.txt").read_text()
        (here / "report.txt").unlink()
    assert looks == ["anew"]
