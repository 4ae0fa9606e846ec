"""Which files a path leads to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.files.join.locate import locate
from seatrial.files.project import read_project, service_name
from seatrial.model.errors import InputError, NothingFoundError


def touch(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).write_text("")


def located(path: Path, **environment: str) -> tuple[list[str], str]:
    found = locate(path, (), environment)
    return [file.name for file in found.compose_files], found.dockerfile.name if found.dockerfile else ""


def test_compose_names_are_taken_in_composes_order_with_their_override(tmp_path: Path) -> None:
    touch(tmp_path, "docker-compose.yml", "Containerfile")
    assert located(tmp_path) == (["docker-compose.yml"], "Containerfile")
    touch(tmp_path, "compose.yml", "Dockerfile", "docker-compose.override.yml")
    assert located(tmp_path) == (["compose.yml", "docker-compose.override.yml"], "Dockerfile")
    touch(tmp_path, "compose.yaml", "compose.override.yaml")
    assert located(tmp_path) == (["compose.yaml", "compose.override.yaml"], "Dockerfile")
    touch(tmp_path, "a.yml", "b.yml")
    assert located(tmp_path, COMPOSE_FILE="a.yml:b.yml") == (["a.yml", "b.yml"], "Dockerfile")
    assert located(tmp_path, COMPOSE_FILE="a.yml;b.yml", COMPOSE_PATH_SEPARATOR=";")[0] == ["a.yml", "b.yml"]


def test_a_file_is_read_as_what_its_name_says(tmp_path: Path) -> None:
    touch(tmp_path, "prod.Dockerfile", "stack.yaml", "compose.override.yaml")
    assert located(tmp_path / "prod.Dockerfile") == ([], "prod.Dockerfile")
    assert located(tmp_path / "stack.yaml") == (["stack.yaml"], "")


def test_named_compose_files_are_kept_in_their_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.yml", "a.yml", "Dockerfile")
    found = locate(Path(), [tmp_path / "b.yml", tmp_path / "a.yml"], {})
    assert found.directory == tmp_path
    assert [file.name for file in found.compose_files] == ["b.yml", "a.yml"]
    assert found.dockerfile is None
    with pytest.raises(InputError):
        locate(tmp_path, [tmp_path / "missing.yml"], {})


def test_an_empty_directory_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError) as caught:
        read_project(tmp_path, environment={})
    assert "a command after --" in caught.value.hint
    (tmp_path / "pyproject.toml").write_text('[project.scripts]\nshop = "a:b"\n')
    with pytest.raises(NothingFoundError) as caught:
        read_project(tmp_path, environment={})
    assert caught.value.hint.endswith("seatrial drill -- shop")
    (tmp_path / "package.json").write_text('{"scripts": {"start": "node a.js"}}')
    with pytest.raises(NothingFoundError) as caught:
        read_project(tmp_path, environment={})
    assert caught.value.hint.endswith("seatrial drill -- npm start")
    (tmp_path / "package.json").write_text("{")
    with pytest.raises(NothingFoundError) as caught:
        read_project(tmp_path, environment={})
    assert "seatrial drill -- node server.js" in caught.value.hint


def test_a_path_that_cannot_be_used_is_an_input_error_and_never_hangs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Dockerfile")
    for path in (tmp_path / "missing", tmp_path / "Dockerfile", tmp_path, tmp_path / "a\0b"):
        with pytest.raises(InputError) as caught:
            read_project(path, environment={})
        assert caught.value.place is not None
    (tmp_path / "Dockerfile").unlink()
    (tmp_path / "Dockerfile").symlink_to("/proc/kmsg")
    with pytest.raises(InputError, match="not a regular file"):
        read_project(tmp_path, environment={})
    (tmp_path / "Dockerfile").unlink()
    (tmp_path / "Dockerfile").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"Dockerfile:1:1: cannot be read"):
        read_project(tmp_path, environment={})


@pytest.mark.parametrize(
    ("directory", "name"), [("Shop API", "shopapi"), ("web-1", "web-1"), ("_x", "x"), ("日本", "service")]
)
def test_a_service_is_named_after_its_directory(directory: str, name: str) -> None:
    assert service_name(Path("/srv") / directory) == name
