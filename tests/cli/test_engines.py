"""The choice of an engine: by a table, lazily, and with an image where the engine has images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from seatrial.cli.arguments import DISTRIBUTED, _parser, _split
from seatrial.cli.arguments import ENGINES as NAMES
from seatrial.cli.choice import service_with_image
from seatrial.cli.engines import ENGINES, recipe
from seatrial.cli.front import run
from seatrial.model.errors import InputError
from seatrial.model.service import BuildPlan
from tests.requirements import missing_module, require

DOCKERFILE = "FROM base\nRUN one && \\\n  two\n\n# why\nCOPY . /app\n"


def parsed(*words: str) -> argparse.Namespace:
    own, command = _split(words)
    arguments = _parser().parse_args(own)
    arguments.service_command = tuple(command or ())
    return arguments


def test_the_names_of_the_option_are_those_of_the_table() -> None:
    assert (*ENGINES, *DISTRIBUTED) == NAMES


def test_a_word_that_is_no_path_is_an_image_and_a_command_after_it_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    image = "registry.example:5000/team/api:1.2"
    found = service_with_image(parsed("drill", "--engine", "docker", image, "--", "node", "a.js")).service
    assert found.name == "api" and found.image is not None and found.command is not None
    assert (found.image.value, found.command.value, found.argv) == (image, ("node", "a.js"), None)


def test_a_directory_is_read_and_the_image_may_say_the_command(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {db: {image: postgres:16}}\n")
    found = service_with_image(parsed("drill", "--engine", "docker", str(tmp_path)))
    assert (found.service.name, found.service.argv, found.others) == ("db", None, ())


def test_a_command_alone_has_no_image_to_run_in() -> None:
    with pytest.raises(InputError, match="needs an image"):
        service_with_image(parsed("drill", "--engine", "docker", "--", "node"))


def test_without_dockers_client_the_way_to_get_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Dockerfile").write_text('FROM base\nCMD ["node"]\n')
    monkeypatch.setitem(sys.modules, "docker", None)
    assert run(["drill", "--engine", "docker", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert "the docker engine needs Docker's client" in said and "pip install 'seatrial[docker]'" in said


def test_without_an_engine_it_is_said_where_one_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    require(missing_module("docker"))
    (tmp_path / "Dockerfile").write_text('FROM base\nCMD ["node"]\n')
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert run(["drill", "--engine", "docker", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert f"no container engine answers at unix://{tmp_path}/no.sock: No such file or directory" in said


def test_what_a_build_needs_are_the_lines_of_its_steps_and_the_files_that_dockerignore_leaves(tmp_path: Path) -> None:
    for name, text in {"Dockerfile": DOCKERFILE, ".dockerignore": "*.log\n", "a.txt": "", "b.log": ""}.items():
        (tmp_path / name).write_text(text)
    found = recipe(BuildPlan(str(tmp_path), str(tmp_path / "Dockerfile"), "last", {"A": "1"}), str(tmp_path))
    assert (found.name, found.file, list(found.lines)) == ("Dockerfile", "Dockerfile", [1, 2, 6])
    assert sorted(found.paths) == [".dockerignore", "Dockerfile", "a.txt"]
    assert (found.target, found.arguments) == ("last", {"A": "1"})


def test_a_dockerfile_elsewhere_is_no_file_of_the_context(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "other.Dockerfile").write_text(DOCKERFILE)
    found = recipe(BuildPlan(str(tmp_path / "app"), str(tmp_path / "other.Dockerfile")), str(tmp_path))
    assert (found.name, found.file, found.text) == ("", "other.Dockerfile", DOCKERFILE.encode())
