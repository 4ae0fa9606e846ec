"""What is not told since nobody who keeps the file would act on it: ignored by others, tests, made by a build."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.check.run import Options, run
from seatrial.files.documents import read_documents

from .conftest import documents_of, write

SERVICES = "services:\n  db:\n    image: postgres:17.2\n    restart: always\n"


def syntax(directory: Path, **files: str) -> list[str]:
    named = {name.replace("_yaml", ".yaml"): text for name, text in files.items()}
    outcome = run(documents_of(directory, named), Options(select=("syntax",)))
    return [f"{finding.place.line}: {finding.message}" for finding in outcome.findings]


def test_what_hadolint_is_told_to_ignore_counts_for_what_asks_the_same(tmp_path: Path) -> None:
    text = "# hadolint ignore=DL3006,DL3059\nFROM node\n# hadolint ignore=DL3002\nUSER root\nCMD ['a']\n"
    outcome = run(documents_of(tmp_path, {"Dockerfile": text}), Options(select=("base-image-pinned", "non-root-user")))
    assert not outcome.findings
    assert {each.finding.requirement for each in outcome.ignored} == {"base-image-pinned", "non-root-user"}


def test_an_ignore_of_hadolint_for_something_else_ignores_nothing(tmp_path: Path) -> None:
    text = '# hadolint ignore=DL3059\nFROM node\nCMD ["a"]\n'
    outcome = run(documents_of(tmp_path, {"Dockerfile": text}), Options(select=("base-image-pinned", "syntax")))
    assert [finding.requirement for finding in outcome.findings] == ["base-image-pinned"]


@pytest.mark.parametrize("origin", ["tests/integration/web", "pkg/testdata", "vendor/github.com/a/b"])
def test_a_broken_file_of_a_test_is_broken_by_intention(origin: str, tmp_path: Path) -> None:
    project = write(tmp_path / "web", {"compose.yaml": "services:\n  web:\n    imag: a\n"})
    assert not read_documents(project, environment={}, origin=origin).findings
    assert read_documents(project, environment={}, origin="web").findings


def test_version_is_not_told_where_a_swarm_reads_the_file(tmp_path: Path) -> None:
    swarm = SERVICES + "    deploy:\n      update_config: {order: start-first}\n"
    assert not syntax(tmp_path / "a", compose_yaml="version: '3.9'\n" + swarm)
    assert syntax(tmp_path / "b", compose_yaml="version: '3.9'\n" + SERVICES)


def test_a_file_of_composes_first_format_is_told_once_as_that(tmp_path: Path) -> None:
    (told,) = syntax(tmp_path, compose_yaml="web:\n  image: nginx:1.27\ndb:\n  image: postgres:17.2\n")
    assert told.startswith("1: this is compose's first format")


@pytest.mark.parametrize("source", ["build/libs/app.jar", "dist/index.js", "target/release/app", "app.whl"])
def test_what_a_build_makes_may_be_missing_until_then(source: str, tmp_path: Path) -> None:
    assert not syntax(tmp_path / "a", Dockerfile=f"FROM alpine:3.22.1\nCOPY {source} /app/\n")
    assert syntax(tmp_path / "b", Dockerfile="FROM alpine:3.22.1\nCOPY settings.ini /app/\n")


def test_a_test_of_the_shell_is_no_broken_json(tmp_path: Path) -> None:
    dockerfile = 'FROM alpine:3.22.1\nHEALTHCHECK CMD [ "$(a)" = "true" ]\nCMD ["a"]\n'
    assert not syntax(tmp_path / "a", Dockerfile=dockerfile)
    assert syntax(tmp_path / "b", Dockerfile="FROM alpine:3.22.1\nCMD [ 'a', 'b' ]\n")


def test_what_a_sample_of_an_override_defines_is_not_missing(tmp_path: Path) -> None:
    text = SERVICES + "    secrets: [password]\n"
    sample = {"compose.yaml": text, "compose.override.yaml.example": "secrets: {password: {file: p}}\n"}
    assert not documents_of(tmp_path / "a", sample).findings
    assert documents_of(tmp_path / "b", {"compose.yaml": text}).findings


def test_what_others_are_built_on_is_no_service_unless_compose_runs_it(tmp_path: Path) -> None:
    dockerfile = {"base.Dockerfile": 'FROM alpine:3.22.1\nCMD ["./app"]\n'}
    alone = write(tmp_path / "a", dockerfile) / "base.Dockerfile"
    compose = {"compose.yaml": "services: {web: {build: {context: ., dockerfile: base.Dockerfile}}}\n"}
    only = Options(select=("non-root-user",))
    assert not run(read_documents(alone, environment={}), only).findings
    assert run(documents_of(tmp_path / "b", dockerfile | compose), only).findings
