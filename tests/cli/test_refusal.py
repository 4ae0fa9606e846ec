"""A project that can't be drilled: what is wrong in its files is told, with the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.cli import front


def refused(folder: Path, *words: str, **files: str) -> int:
    """Drill a folder with these files, from where it lies."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".").replace("Dockerfile.", "Dockerfile")).write_bytes(text.encode("latin-1"))
    return front.run(["drill", folder.name, *words])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"Dockerfile": 'FORM node:20\nCMD ["node"]\n'},
            [
                "shop/Dockerfile:1:1: unknown instruction: FORM",
                "  hint: Did you mean FROM?",
                "shop/Dockerfile:2:1: CMD",
            ],
        ),
        ({"Dockerfile": "\x7fELF\x00\x01\xff\xfe"}, ["shop/Dockerfile:1:1: "]),
        (
            {
                "Dockerfile": "FROM node:20\n",
                "compose_yaml": "services:\n  w:\n    build: .\n    comand: a\n    stop_grace_period: 5 parsecs\n",
            },
            ["shop/compose.yaml:4:5: services.w has no key 'comand'", "shop/compose.yaml:5:24: "],
        ),
        ({"compose_yaml": "services:\n  w: [\n  a: b: c\n"}, ["shop/compose.yaml:3:"]),
    ],
)
def test_what_is_wrong_in_the_files_is_told_before_the_error(
    tmp_path: Path, files: dict[str, str], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(tmp_path / "shop", **files) == 2
    said = capsys.readouterr().err
    assert all(line in said for line in told)
    assert said.index(told[-1]) < said.index("\nerror: ")


def test_a_folder_without_any_file_is_still_nothing_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(tmp_path / "none") == 3
    assert "no Dockerfile and no compose file" in capsys.readouterr().err


def test_a_stage_that_does_not_exist_names_those_that_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'FROM node:20 AS build\nFROM build AS runtime\nCMD ["node", "a.js"]\n'
    assert refused(tmp_path / "shop", "--target", "zzz", Dockerfile=text) == 2
    said = capsys.readouterr().err
    assert "'zzz'" in said
    assert "hint: The stages are: build, runtime." in said


def test_a_service_of_an_image_alone_says_how_to_name_its_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(tmp_path / "shop", compose_yaml="services:\n  db:\n    image: postgres:16\n") == 2
    said = capsys.readouterr().err
    assert "service db has an image alone, postgres:16" in said
    assert "x-seatrial: {command: " in said
    assert "seatrial drill -- CMD" in said


def test_a_service_that_no_file_gives_a_command_is_told_to_write_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(tmp_path / "shop", Dockerfile="FROM scratch\n") == 2
    assert "has no command to run" in capsys.readouterr().err
