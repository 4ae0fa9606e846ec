"""`drill --compare`: only what got worse makes the exit code 1."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.cli import codes
from seatrial.cli.baseline import load_baseline
from seatrial.cli.drill import exit_code
from seatrial.cli.front import run
from seatrial.drill import archive
from seatrial.drill.judge import judge
from seatrial.model.errors import InputError
from seatrial.model.verdict import Ruling, Verdict
from seatrial.report import json_report, terminal
from seatrial.report.comparison import Baseline
from seatrial.report.trial import prepare
from tests.report import sample

REPORT = (
    '{"format": 1, "service": {"name": "api"}, "recorded_at": "2026", "verdicts": [{"requirement": "stops-in-time",'
    ' "ruling": "pass", "summary": "", "figures": {"stop_seconds": %s}}], "runs": [{"scenario": "stop", "stop_seconds":'
    " %s}]}"
)
PASS, FAIL, UNPROVED, SKIPPED = Ruling.PASS, Ruling.FAIL, Ruling.NOT_PROVED, Ruling.SKIPPED


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.json"
    path.write_text(archive.dumps(sample.GOOD), encoding="utf-8")
    return path


@pytest.fixture
def terrible(tmp_path: Path) -> Path:
    path = tmp_path / "terrible.json"
    path.write_text(archive.dumps(sample.TERRIBLE), encoding="utf-8")
    return path


def test_what_got_worse_is_named_and_fails(good: Path, terrible: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--replay", str(terrible), "--compare", str(good)]) == codes.FAILED
    out = capsys.readouterr().out
    assert "worse: in-flight-finish (pass → fail)" in out
    assert f"comparedwith{good}" in "".join(out.split()), "a long path goes over two lines"


def test_equal_is_good_although_it_fails_as_before(terrible: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", "--replay", str(terrible), "--compare", str(terrible)]) == codes.GOOD
    assert "nothing changed" in capsys.readouterr().out


def test_better_is_good_and_said(good: Path, terrible: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["drill", "--replay", str(good), "--compare", str(terrible), "--only=in-flight-finish"])
    assert code == codes.GOOD
    assert "better: in-flight-finish (fail → pass)" in capsys.readouterr().out


def test_only_chooses_of_both(good: Path, terrible: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["drill", "--replay", str(terrible), "--compare", str(good), "--only=logs-flushed", "--json"])
    comparison = json.loads(capsys.readouterr().out)["comparison"]
    assert {each["requirement"] for each in comparison["changes"]} <= {"logs-flushed"}


def test_a_report_is_a_baseline_as_good_as_a_recording(good: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(json_report.render(prepare(sample.GOOD, judge(sample.GOOD))), encoding="utf-8")
    told, again = load_baseline(report), load_baseline(good)
    assert {each.requirement: each.ruling for each in told.verdicts} == {
        each.requirement: each.ruling for each in again.verdicts
    }
    assert (told.service, told.recording, again.recording) == ("api", None, sample.GOOD)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no baseline"),
        ("[]", "neither a recording nor a JSON report"),
        ("{}", "neither a recording nor a JSON report"),
        ('{"verdicts": []}', "has format None"),
        ('{"format": 1, "verdicts": [{"ruling": "pass"}]}', "is not a JSON report"),
        ('{"format": 1, "verdicts": 3}', "is not a JSON report"),
        ('{"format": 1, "verdicts": [], "service": [], "recorded_at": ""}', "is not a JSON report"),
        (
            '{"format": 1, "verdicts": [{"requirement": "a", "ruling": "so-so", "summary": ""}],'
            ' "service": {"name": "a"}, "recorded_at": ""}',
            "is not a JSON report",
        ),
        ('{"format": 9, "subject": {}}', "format"),
    ],
)
def test_what_is_no_baseline_is_refused_before_anything_runs(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_baseline(path)
    assert said in caught.value.message
    assert run(["drill", "--compare", str(path), "--", "true"]) == codes.USAGE


def test_a_baseline_of_another_service_is_warned_of(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    subject = replace(sample.GOOD.subject, name="web")
    other.write_text(archive.dumps(replace(sample.GOOD, subject=subject)), encoding="utf-8")
    run(["drill", "--replay", str(good), "--compare", str(other)])
    assert "the baseline is of another service: web" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "now", "fail_on", "code"),
    [
        (PASS, FAIL, "fail", 1),
        (PASS, FAIL, "never", 0),
        (FAIL, FAIL, "fail", 0),
        (UNPROVED, FAIL, "fail", 0),
        (UNPROVED, FAIL, "not-proved", 1),
        (PASS, UNPROVED, "fail", 0),
        (PASS, UNPROVED, "not-proved", 1),
        (FAIL, UNPROVED, "fail", 0),
        (FAIL, UNPROVED, "not-proved", 0),
        (UNPROVED, UNPROVED, "not-proved", 0),
        (PASS, SKIPPED, "not-proved", 0),
        (SKIPPED, FAIL, "fail", 1),
    ],
)
def test_the_exit_code_against_a_baseline(before: Ruling, now: Ruling, fail_on: str, code: int) -> None:
    anchor = Verdict("anchor", PASS, "")
    baseline = Baseline("b", "api", "", (Verdict("a", before, ""), anchor))
    trial = prepare(sample.GOOD, [Verdict("a", now, ""), anchor], baseline=baseline)
    assert exit_code(trial, fail_on) == code


def test_what_a_baseline_was_not_asked_for_is_not_in_it(good: Path, tmp_path: Path) -> None:
    part = tmp_path / "part.json"
    part.write_text(archive.dumps(replace(sample.GOOD, only=("logs-flushed",))), encoding="utf-8")
    assert [each.requirement for each in load_baseline(part).verdicts] == ["logs-flushed"]
    assert len(load_baseline(good).verdicts) > 1


def test_both_kinds_of_baseline_know_how_long_the_stops_took(good: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(json_report.render(prepare(sample.GOOD, judge(sample.GOOD))), encoding="utf-8")
    (took,) = load_baseline(good).stops
    assert load_baseline(report).stops == pytest.approx((took,))


def test_what_is_not_proved_after_a_failure_is_not_called_better(terrible: Path) -> None:
    before = load_baseline(terrible)
    trial = prepare(sample.GOOD, [Verdict("in-flight-finish", UNPROVED, "who knows")], baseline=before)
    assert trial.comparison is not None
    told = "no longer known to fail: in-flight-finish (fail → not proved): who knows"
    assert f"? {told}" in terminal.render(trial, terminal.Style(width=120))
    assert "1 no longer known to fail" in trial.comparison.headline()


@pytest.mark.parametrize("before", [PASS, FAIL])
def test_a_trial_that_proves_nothing_any_more_fails(before: Ruling) -> None:
    baseline = Baseline("b", "api", "", (Verdict("a", before, ""),))
    assert exit_code(prepare(sample.GOOD, [Verdict("a", UNPROVED, "")], baseline=baseline), "fail") == codes.FAILED


def test_junit_and_markdown_are_written_to_files(terrible: Path, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "t.xml", tmp_path / "t.md"
    run(["drill", f"--replay={terrible}", f"--junit={junit}", f"--markdown={markdown}"])
    assert junit.read_text(encoding="utf-8").startswith("<?xml")
    assert markdown.read_text(encoding="utf-8").startswith("## Sea trial of api")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "is no baseline"),
        ('{"verdicts": ' + "[" * 100_000, "is no baseline"),
        (REPORT % ("1" + "0" * 400, "1.5"), "is not a JSON report"),
        (REPORT % ("1.5", "1" + "0" * 400), "is not a JSON report"),
    ],
    ids=["deep", "deep inside", "figure", "seconds"],
)
def test_what_is_too_much_for_a_figure_or_for_json_is_no_baseline(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_baseline(path)
