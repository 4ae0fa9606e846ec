"""CI files are found from the project's directory up to the repository's root, and no further."""

from __future__ import annotations

from pathlib import Path

from seatrial.files.documents import read_documents

CI = "jobs:\n  a:\n    steps: []\n"


def write(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("FROM scratch\n" if name.endswith("Dockerfile") else CI)


def pipelines(directory: Path) -> list[str]:
    return sorted(read_documents(directory, environment={}).pipelines)


def test_ci_files_of_the_project_are_read(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", ".github/workflows/ci.yml", ".github/workflows/notes.md", ".gitlab-ci.yml")
    assert pipelines(tmp_path) == [".github/workflows/ci.yml", ".gitlab-ci.yml"]


def test_ci_files_of_the_repository_around_it_are_read(tmp_path: Path) -> None:
    write(tmp_path, "web/Dockerfile", ".git/HEAD", ".github/workflows/ci.yml", ".github/dependabot.yml")
    assert pipelines(tmp_path / "web") == ["../.github/dependabot.yml", "../.github/workflows/ci.yml"]


def test_without_a_repository_nothing_above_the_project_is_read(tmp_path: Path) -> None:
    write(tmp_path, "web/Dockerfile", ".github/workflows/ci.yml")
    assert pipelines(tmp_path / "web") == []


def test_a_repository_inside_another_ends_the_search(tmp_path: Path) -> None:
    write(tmp_path, "web/Dockerfile", "web/.git", ".git/HEAD", ".github/workflows/ci.yml")
    assert pipelines(tmp_path / "web") == []


def test_their_texts_are_there_for_excerpts(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", ".github/workflows/ci.yml")
    documents = read_documents(tmp_path, environment={})
    assert documents.pipelines == {".github/workflows/ci.yml": CI}
    assert documents.texts[".github/workflows/ci.yml"] == CI
