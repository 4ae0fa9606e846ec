"""`seatrial fix` goes on until there is nothing to do: what it shows is what it writes, and a second run is empty."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seatrial.cli.arguments import dispatch
from seatrial.files.diffs import unified_diff

from ..check.conftest import write
from ..check.test_fixes import EXAMPLES

FLOW = "FROM node:22.3.0-slim\n{}\n"


def texts(root: Path) -> dict[str, str]:
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes().decode() for path in found}


def fixed(project: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, str]:
    """What the files hold after `fix --write`. Holds that it is what was shown, and that nothing is left to do."""
    before = texts(project)
    dispatch(["fix", *flags])
    shown = capsys.readouterr().out
    dispatch(["fix", "--write", *flags])
    after = texts(project)
    diffs = [unified_diff(before.get(name, ""), after[name], name, is_new=name not in before) for name in after]
    assert sorted(shown.splitlines()) == sorted("".join(diffs).splitlines())
    assert dispatch(["fix", *flags]) == 0
    assert dispatch(["fix", "--write", *flags]) == 0
    assert texts(project) == after
    assert "nothing to fix" in capsys.readouterr().err
    return after


def at(directory: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    project = write(directory / "shop", files)
    monkeypatch.chdir(project)
    return project


@pytest.mark.parametrize(
    ("command", "becomes"),
    [
        ("CMD node --watch a.js", 'CMD ["node", "a.js"]'),
        ("CMD uvicorn app:app --reload", 'CMD ["uvicorn", "app:app"]'),
        ("CMD uvicorn --reload app:app --port $PORT", "CMD exec uvicorn app:app --port $PORT"),
    ],
)
def test_of_two_edits_in_one_place_the_second_is_made_in_the_next_round(
    command: str, becomes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = at(tmp_path, {"Dockerfile": FLOW.format(command)}, monkeypatch)
    after = fixed(project, capsys, "--unsafe", "--select", "dev-runner-in-production,exec-form-command")
    assert after["Dockerfile"] == FLOW.format(becomes)


def test_nothing_is_said_to_be_left_that_the_next_round_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, {"Dockerfile": FLOW.format("CMD node --watch a.js")}, monkeypatch)
    assert dispatch(["fix", "--unsafe", "--select", "dev-runner-in-production,exec-form-command"]) == 1
    assert capsys.readouterr().err == "2 fixes in 1 file; --write applies them\n"


def test_a_file_that_a_round_makes_is_there_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {
        "Dockerfile": FLOW.format('WORKDIR /app\nCOPY . .\nRUN npm install\nUSER node\nCMD ["node", "server.js"]'),
        "package.json": '{"dependencies": {"express": "4.0.0"}}',
        "package-lock.json": '{"lockfileVersion": 3, "packages": {"": {"dependencies": {"express": "4.0.0"}}}}',
    }
    after = fixed(at(tmp_path, files, monkeypatch), capsys, "--unsafe")
    assert after[".dockerignore"] == "node_modules\n"


def test_what_cannot_be_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at(tmp_path, {"Dockerfile": FLOW.format("CMD node --watch a.js")}, monkeypatch)
    assert dispatch(["fix", "--unsafe", "--select", "dev-runner-in-production", ".", "missing/Dockerfile"]) == 2
    assert capsys.readouterr().err.count("error: ") == 1


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_whatever_is_wrong_one_run_is_enough(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed(at(tmp_path, EXAMPLES[example], monkeypatch), capsys, "--unsafe")
