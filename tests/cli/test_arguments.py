"""What the command line refuses, and how it says so: `error: …`, `hint: …`, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.cli.arguments import selectable
from seatrial.cli.front import run
from seatrial.drill.judge import JUDGES
from seatrial.model.catalogue import REQUIREMENTS, find


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("drill --rate -3", "--rate: '-3' is not above 0"),
        ("drill --rate nan", "--rate: 'nan' is not a finite number"),
        ("drill --connections 0", "--connections: '0' is not a number of connections (1 to 4000)"),
        ("drill --load-from no-such-program -- true", "--load-from: no-such-program is not installed here"),
        ("drill --load-from 'wrk -- true", '--load-from "\'wrk": No closing quotation'),
        ("drill --load-from  -- true", "--load-from names no command"),
        ("drill --grace soon", "--grace: 'soon' is not a number"),
        ("drill --lag=-1", "--lag: '-1' is not between 0 and 86400 seconds"),
        ("drill --ready-timeout 0", "--ready-timeout: 0 seconds leave no time"),
        ("drill --port 70000", "--port: '70000' is not a port (1 to 65535)"),
        ("drill --slow-path slow", "--slow-path: 'slow' does not begin with /: write '/slow'"),
        ("drill --path /a\tb", "--path: '/a\\tb' holds white space"),
        ("drill --only stop-in-time", "--only: 'stop-in-time' is unknown; did you mean stops-in-time"),
        ("drill --skip image-labels", "--skip: 'image-labels' is not proved by running"),
        ("drill --only ,", "--only: no name is given"),
        ("drill --engine moby", "--engine: invalid choice: 'moby'"),
        ("drill --fail-on maybe", "--fail-on: invalid choice: 'maybe'"),
        ("drill --servic x", "unrecognized arguments: --servic"),
        ("drill a b", "unrecognized arguments: b"),
        ("drill --", "there is no command after --"),
        ("drill -q -v", "--quiet and --verbose contradict each other"),
        ("drill --json .", "--json needs the name of a file"),
        ("drill --report /nowhere/at/all.html", "the directory /nowhere/at does not exist"),
        ("drill --report a.x --json a.x", "two outputs name the same file"),
        ("drill --env =x", "--env '=x' has no name"),
        ("drill --env SEATRIAL_NO_SUCH_VARIABLE", "there is no such variable here"),
        ("drill --service x -- true", "--service does not apply to a command after --"),
        ("drill --replay no-such.json", "no-such.json: cannot be read: No such file"),
        ("drill --replay no-such.json --rate 5", "--rate does not apply to --replay"),
        ("drill --replay no-such.json .", "PATH does not apply to --replay"),
        ("drill --replay no-such.json -- true", "a command after -- does not apply to --replay"),
        ("drill no-such-directory", "no-such-directory"),
        ("list -- x", "unexpected arguments after --: x"),
        ("explain stop-in-time", "'stop-in-time' is unknown; did you mean stops-in-time"),
        ("explain", "the following arguments are required: NAME"),
        ("drll", "invalid choice: 'drll'"),
    ],
)
def test_what_cannot_be_is_refused(
    words: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words.split(" ")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert said in err.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("logs -f --bogus", "seatrial logs --help"),
        ("logs --folow", "did you mean --follow? seatrial logs --help"),
        ("check --fail-n=error", "did you mean --fail-on? seatrial check --help"),
        ("check a.yaml -- x", "seatrial check --help"),
        ("drill --rate -3", "seatrial drill --help"),
        ("--bogus", "seatrial --help"),
        ("drll", "seatrial --help"),
    ],
)
def test_a_hint_leads_to_the_command_that_was_meant(words: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words.split(" ")) == 2
    assert capsys.readouterr().err.splitlines()[1] == f"hint: {hint}"


def test_an_empty_directory_has_nothing_to_drill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["drill", str(tmp_path)]) == 3
    assert "hint: " in capsys.readouterr().err


def test_help_and_version_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--version"], ["-V"], ["--help"], ["drill", "--help"], []):
        assert run(words) == 0
        out, err = capsys.readouterr()
        assert "seatrial" in out
        assert err == ""


def test_the_list_names_every_requirement_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == 0
    lines = [line[4:].split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert sorted(words[0] for words in lines) == sorted(each.name for each in REQUIREMENTS)


def test_the_short_list_is_what_is_drilled(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--drilled"]) == 0
    out = capsys.readouterr().out
    assert "stops-in-time" in out
    assert "cpu-limit" not in out


def test_every_requirement_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for requirement in REQUIREMENTS:
        assert run(["explain", requirement.name]) == 0
        out = capsys.readouterr().out
        assert out.startswith(f"{requirement.name}: {requirement.title}\n")
        assert ("What to do" in out) == requirement.drilled


def test_the_catalogue_tells_what_the_judges_judge() -> None:
    assert all((found := find(name)) and found.drilled for name in JUDGES)
    assert set(JUDGES) <= set(selectable())
    assert len({each.name for each in REQUIREMENTS}) == len(REQUIREMENTS)
