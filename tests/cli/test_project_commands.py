"""`config`, `top` and the commands that need no supervisor, by their output."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from seatrial.cli.front import run
from seatrial.cli.top_command import table
from seatrial.project.layout import Layout

COMPOSE = """\
name: shop
services:
  web: {build: ., secrets: [word], env_file: gone.env}
  db: {image: "postgres:16", volumes: ["data:/data"]}
  look: {image: adminer, profiles: [debug]}
volumes: {data: {}}
secrets: {word: {file: ./gone}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "compose.yaml").write_text(COMPOSE)
    monkeypatch.chdir(directory)
    monkeypatch.setenv("SEATRIAL_STATE", str(tmp_path / "state"))
    return directory


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("services", ["web", "db"]),
        ("volumes", ["data"]),
        ("images", ["shop-web", "postgres:16"]),
        ("profiles", ["debug"]),
    ],
)
def test_config_gives_names_alone(shop: Path, what: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "gone.env").write_text("A=1\n")
    assert run(["config", f"--{what}"]) == 0
    assert capsys.readouterr().out.splitlines() == names


@pytest.mark.parametrize(("command", "code", "words"), [("down", 0, "No resource found"), ("logs", 3, "never brought")])
def test_a_project_that_never_was_up_is_told_by_name(
    shop: Path, command: str, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its files lack: a secret and a file of variables are missing here."""
    assert shop.exists() and run([command]) == code
    assert words in (said := capsys.readouterr().err) and "shop" in said


def test_ps_of_what_never_was_up_is_an_empty_table(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.exists() and run(["ps"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_top_shows_state_use_and_the_last_line_of_each_instance(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    from rich.console import Console

    layout = Layout(tmp_path, tmp_path / "shop.sock")
    rows, used = [], []
    for number, state in enumerate(("running", "exited"), start=1):
        name, identity = f"shop-web-{number}", str(number) * 64
        log = layout.log(name, identity)
        log.parent.mkdir(parents=True)
        line = {"log": f"line of {number}\n", "stream": "stdout", "time": "2026-01-02T03:04:05Z"}
        log.write_text(json.dumps(line) + "\n")
        known = {"ID": identity, "Name": name, "Project": "shop", "State": state, "Health": "", "ExitCode": 3}
        rows.append({**known, "RestartCount": 4, "StartedAt": 60.0, "FinishedAt": 90.0})
        used.append({"ID": identity, "CPUPercent": 12.4, "Memory": 5 << 20, "PIDs": 7})
    used[1].update(CPUPercent=None, Memory=None, PIDs=None)
    screen = StringIO()
    Console(file=screen, width=100).print(table(rows, used, layout, 120.0))
    first, second = screen.getvalue().splitlines()[1:]
    for words in ("web-1", "Up About a minute", "4", "12 %", "5MiB", "7", "line of 1"):
        assert words in first
    for words in ("web-2", "Exited (3) 30 seconds ago", "--", "line of 2"):
        assert words in second
