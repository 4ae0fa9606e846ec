"""Which projects are found below a directory, and which are left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.files.discovery import Candidates, candidates, is_dockerfile_name


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root: Path) -> list[str]:
    all_of_them = candidates(root)
    paths = (*all_of_them.directories, *all_of_them.compose_files, *all_of_them.dockerfiles)
    return [os.path.relpath(path, root) for path in paths]


def test_a_monorepo_gives_all_its_projects_and_nobody_elses(tmp_path: Path) -> None:
    tree(tmp_path, "compose.yaml", "web/Dockerfile", "api/Dockerfile.prod", "api/compose.dev.yaml", "k8s/app.yaml")
    tree(tmp_path, "node_modules/a/Dockerfile", "vendor/b/Dockerfile", "third_party/c/compose.yaml", ".git/Dockerfile")
    tree(tmp_path, "api/Dockerfile.md", "api/Dockerfile.prod.dockerignore", "venv/lib/Dockerfile")
    assert found(tmp_path) == [".", "api/compose.dev.yaml", "api/Dockerfile.prod", "web/Dockerfile"]
    assert [Path(path).name for path in candidates(tmp_path).manifests] == ["app.yaml"]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("Dockerfile", True),
        ("Dockerfile.web", True),
        ("dockerfile.alpine3.22", True),
        ("web.Dockerfile", True),
        ("go.dockerfile", True),
        ("dockerfile.go", False),
        ("dockerfile.py", False),
        ("dockerfile.yaml", False),
        ("Dockerfile.html", False),
        ("dockerfile.ts", False),
        ("Dockerfile.dockerignore", False),
        ("Dockerfile.j2", False),
    ],
)
def test_a_program_about_dockerfiles_is_none(name: str, is_one: bool) -> None:
    assert is_dockerfile_name(name) is is_one


def test_what_git_ignores_is_not_there_unless_it_is_named(tmp_path: Path) -> None:
    tree(tmp_path, ".git/HEAD", "build/Dockerfile", "web/Dockerfile", "web/Dockerfile.local", "web/gen/app.yaml")
    (tmp_path / ".gitignore").write_text("/build\n*.local\n")
    (tmp_path / "web" / ".gitignore").write_text("gen\n")
    assert found(tmp_path) == ["web/Dockerfile"] and candidates(tmp_path).manifests == ()
    assert found(tmp_path / "web") == ["Dockerfile"], "the file above it counts below it, too"
    assert found(tmp_path / "build") == ["Dockerfile"]


def test_a_repository_inside_another_asks_its_own_files_alone(tmp_path: Path) -> None:
    tree(tmp_path, ".git/HEAD", "inner/.git/HEAD", "inner/app/Dockerfile")
    (tmp_path / ".gitignore").write_text("app\n")
    assert found(tmp_path / "inner" / "app") == ["Dockerfile"]


def test_links_to_directories_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path, "a/b/Dockerfile")
    (tmp_path / "a" / "b" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self").symlink_to("self")
    assert found(tmp_path) == ["a/b/Dockerfile"]


def test_the_bound_is_told_when_it_is_reached(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{number}/Dockerfile" for number in range(5)))
    whole, cut = candidates(tmp_path), candidates(tmp_path, limit=3)
    assert len(whole.dockerfiles) == 5 and whole.left_out == ()
    assert len(cut.dockerfiles) == 2 and "more than 3 directories" in cut.left_out[0]


def test_a_directory_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    assert candidates(tmp_path / "missing") == Candidates((), (), ())


def test_depth_has_no_limit_of_the_stack(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (deep / "Dockerfile").touch()
    assert len(found(tmp_path)) == 1


def test_names_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    tree(tmp_path, os.fsdecode(b"\xff\xfe/Dockerfile"))
    assert len(candidates(tmp_path).dockerfiles) == 1
