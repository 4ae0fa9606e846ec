"""A saved recording is judged and reported again, without anything being run."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from seatrial.cli import codes
from seatrial.cli.drill import exit_code
from seatrial.cli.front import run
from seatrial.drill import archive
from seatrial.model.recording import Recording
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report import json_report
from seatrial.report.trial import prepare
from tests.report import sample


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save(tmp_path / "trial.json", sample.TERRIBLE)


def save(path: Path, recording: Recording) -> Path:
    path.write_text(archive.dumps(recording), encoding="utf-8")
    return path


def test_a_terrible_stop_fails(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--replay", str(saved)]) == codes.FAILED
    out, err = capsys.readouterr()
    assert "failed (" in out
    assert "hunter2" not in out
    assert "\x1b" not in out
    assert err == ""


def test_json_goes_to_stdout_alone(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--replay", str(saved), "--json"]) == codes.FAILED
    document = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(json_report.schema()).validate(document)
    assert document["result"] == "fail"


def test_reports_are_written_to_files(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, document = tmp_path / "out.html", tmp_path / "out.json"
    run(["drill", f"--replay={saved}", f"--report={page}", f"--json={document}"])
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(document.read_text(encoding="utf-8"))["format"] == 1
    assert "failed (" in capsys.readouterr().out


def test_only_and_skip_choose_verdicts(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["drill", f"--replay={saved}", "--json", "--only=in-flight-finish,second-signal"])
    names = [each["requirement"] for each in json.loads(capsys.readouterr().out)["verdicts"]]
    assert sorted(names) == ["in-flight-finish", "second-signal-safe"]
    run(["drill", f"--replay={saved}", "--json", "--skip=in-flight-finish,orphan"])
    names = [each["requirement"] for each in json.loads(capsys.readouterr().out)["verdicts"]]
    assert "in-flight-finish" not in names
    assert "init-reaps-orphans" not in names
    assert "stops-in-time" in names


def replayed(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    run(["drill", f"--replay={path}", "--json", *options])
    return [each["requirement"] for each in json.loads(capsys.readouterr().out)["verdicts"]]


def test_only_what_was_asked_for_when_it_was_recorded_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = save(tmp_path / "part.json", replace(sample.TERRIBLE, only=("in-flight-finish", "second-signal")))
    assert sorted(replayed(part, capsys)) == ["in-flight-finish", "second-signal-safe"]
    assert replayed(part, capsys, "--skip=second-signal") == ["in-flight-finish"]
    assert replayed(part, capsys, "--only=stops-in-time") == ["stops-in-time"]
    rest = save(tmp_path / "rest.json", replace(sample.TERRIBLE, skip=("second-signal",)))
    told = replayed(rest, capsys, "--skip=in-flight-finish")
    assert "stops-in-time" in told
    assert not {"second-signal-safe", "in-flight-finish"} & set(told)


def test_what_is_no_recording_is_told_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.json").write_text('{"format": 99}')
    assert run(["drill", "--replay", str(tmp_path / "bad.json")]) == codes.USAGE
    assert "bad.json:1:1: is not a recording: format: 99" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_before_anything_else(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["drill", "--replay", str(saved), "--report", "/nowhere/out.html"]) == codes.USAGE
    assert capsys.readouterr().out == ""


def test_without_the_extra_one_line_says_what_to_install(
    saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    assert run(["drill", "--replay", str(saved)]) == codes.UNSUPPORTED
    assert capsys.readouterr().err == "error: this command needs rich: pip install 'seatrial[cli]'\n"


@pytest.mark.parametrize(
    ("rulings", "fail", "not_proved"),
    [
        ((Ruling.PASS,), 0, 0),
        ((Ruling.PASS, Ruling.NOT_PROVED), 0, 1),
        ((Ruling.PASS, Ruling.FAIL), 1, 1),
        ((Ruling.PASS, Ruling.SKIPPED), 0, 0),
        ((Ruling.SKIPPED,), 1, 1),
        ((Ruling.NOT_PROVED,), 1, 1),
        ((), 1, 1),
    ],
)
def test_the_exit_code_follows_fail_on(rulings: tuple[Ruling, ...], fail: int, not_proved: int) -> None:
    trial = prepare(sample.GOOD, [Verdict(f"v{n}", ruling, "") for n, ruling in enumerate(rulings)])
    assert exit_code(trial, "fail") == fail
    assert exit_code(trial, "not-proved") == not_proved
    assert exit_code(trial, "never") == 0
