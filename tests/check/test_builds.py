"""What the rules of the image are told: base images with their variables, the build context, RUN's package managers."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.check import builds, credentials, lifetimes, packages
from seatrial.check.run import Options, run
from seatrial.files.shell_commands import shell_commands
from seatrial.model.documents import Instruction, Unit
from seatrial.model.place import Place

from .conftest import documents_of

TODAY = "2026-11-01"


def unit_of(directory: Path, **files: str) -> Unit:
    (unit,) = documents_of(directory, {name.replace("_yaml", ".yaml"): text for name, text in files.items()}).units
    return unit


@pytest.mark.parametrize(
    ("dockerfile", "expected"),
    [
        ("ARG V=22\nFROM node:$V-slim\n", ["node:22-slim"]),
        ("ARG V\nFROM node:$V\n", []),
        ("ARG V\nFROM node:${V:-20}\n", ["node:20"]),
        ("ARG A=3\nARG B=$A.13\nFROM python:${B}\n", ["python:3.13"]),
        ("FROM node:22 AS base\nFROM base\nFROM scratch\n", ["node:22"]),
        ("ARG S=base\nFROM node:22 AS base\nFROM $S\n", ["node:22"]),
        ("FROM node:22 AS a\nFROM node:22 AS b\n", ["node:22"]),
        ("FROM --platform=$BUILDPLATFORM golang:1.25\n", ["golang:1.25"]),
    ],
)
def test_base_images_have_their_variables_filled_in(dockerfile: str, expected: list[str], tmp_path: Path) -> None:
    assert [base.image for base in builds.bases(unit_of(tmp_path, Dockerfile=dockerfile))] == expected


def test_an_argument_of_compose_wins_for_the_services_own_base(tmp_path: Path) -> None:
    compose = "services:\n  a:\n    build:\n      context: .\n      args: {V: '24.1'}\n"
    unit = unit_of(tmp_path, Dockerfile="ARG V=latest\nFROM node:$V AS b\nFROM node:$V\n", compose_yaml=compose)
    assert [base.image for base in builds.bases(unit)] == ["node:24.1"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("npm ci", ["npm"]),
        ("npm install", ["npm"]),
        ("npm install express", []),
        ("npm install -g pm2", []),
        ("npm --prefix web ci", ["npm"]),
        ("yarn", ["yarn"]),
        ("yarn --frozen-lockfile", ["yarn"]),
        ("yarn build", []),
        ("corepack pnpm install --prod", ["pnpm"]),
        ("python -m pip install -r requirements.txt", ["pip"]),
        ("pip install flask", []),
        ("uv sync --locked", ["uv"]),
        ("uv pip install -r requirements.txt", ["pip"]),
        ("poetry install --only main", ["poetry"]),
        ("sudo -E bundle install", ["bundle"]),
        ("cd web && NODE_ENV=production npm ci; echo done", ["npm"]),
        ("echo npm ci", []),
    ],
)
def test_installs_are_told_from_other_calls(line: str, expected: list[str], tmp_path: Path) -> None:
    unit = unit_of(tmp_path, Dockerfile=f"FROM node:22\nRUN {line}\n")
    assert [install.manager for install in packages.of_image(unit)] == expected


@pytest.mark.parametrize(
    ("image", "what"),
    [
        ("node:14-alpine", "node 14"),
        ("node:v14.17.3", "node 14"),
        ("docker.io/library/node:8", "node 8"),
        ("python:3.9.1-slim", "python 3.9"),
        ("python:3", ""),
        ("python:3.31", ""),
        ("ubuntu:18.04", "ubuntu 18.04"),
        ("ubuntu:bionic", "ubuntu 18.04"),
        ("debian:stretch-20200101", "debian 9"),
        ("ruby:3.4-buster", "debian 10 (buster)"),
        ("php:8.4-fpm-alpine3.16", "alpine 3.16"),
        ("alpine:3.9.6", "alpine 3.9"),
        ("alpine:latest", ""),
        ("node", ""),
        ("ghcr.io/a/node:8", ""),
        ("postgres:9.6-alpine", "postgres 9"),
    ],
)
def test_the_end_of_a_version_is_looked_up(image: str, what: str) -> None:
    ended = lifetimes.ended(image, TODAY)
    assert (ended.what if ended else "") == what


def test_a_version_has_not_ended_before_its_day() -> None:
    assert lifetimes.ended("node:22", "2027-04-30") is None
    assert lifetimes.ended("node:22", "2027-05-01") is not None
    assert lifetimes.ended("node:8", "") is None, "without a date nothing can be said"


def test_the_context_is_told_by_what_is_in_it_after_the_ignore_file(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM scratch\n",
        ".dockerignore": "**/node_modules/*\n.git\n",
        ".git/HEAD": "",
        "node_modules/a/b.js": "",
        "web/.venv/bin/python": "",
        "src/a.js": "",
    }
    (dockerfile,) = documents_of(tmp_path, files).dockerfiles
    assert sorted(dockerfile.context.list_entries()) == [".dockerignore", "Dockerfile", "src/a.js", "web/.venv/"]
    assert dockerfile.context.ignores("x/node_modules/y") and not dockerfile.context.ignores("src/b.js")


@pytest.mark.parametrize(
    "name",
    ["DB_PASSWORD", "API_KEY", "GITHUB_TOKEN", "SECRET_KEY_BASE", "JWT_SECRET", "MYSQL_ROOT_PASSWORD", "dbPassword"],
)
def test_names_of_credentials_are_known(name: str) -> None:
    assert credentials.is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD_FILE",
        "GPG_KEY",
        "TOKEN_TTL",
        "SECRET_NAME",
        "PUBLIC_KEY",
        "PWD",
        "AUTHOR",
        "KEYBOARD",
        "ALLOW_EMPTY_PASSWORD",
        "COMPASS",
        "BYPASS",
        "PASSENGER_VERSION",
        "TOKENIZERS_PARALLELISM",
        "NEXT_PUBLIC_API_KEY_ID",
    ],
)
def test_names_of_other_things_are_not(name: str) -> None:
    assert not credentials.is_secret_name(name)


@given(st.from_regex(r"[A-Za-z0-9]{12}Q[a-z0-9]{6}", fullmatch=True), st.integers(0, 4))
def test_no_finding_ever_tells_the_value(value: str, shape: int) -> None:
    import tempfile

    lines = (
        f"ENV API_TOKEN={value}",
        f"ARG DB_PASSWORD={value}",
        f"RUN git clone https://bot:{value}@git.internal/a.git",
        f"RUN echo 'root:{value}' | chpasswd",
        f"RUN curl -H 'Authorization: Bearer {value}' https://git.internal/a",
    )
    compose = "services:\n  a:\n    build: .\n  db:\n    image: postgres:17\n    environment:\n      DB_PASSWORD: "
    files = {"Dockerfile": f"FROM node:22-slim\n{lines[shape]}\n", "compose.yaml": f"{compose}{value}\n"}
    with tempfile.TemporaryDirectory() as directory:
        outcome = run(documents_of(Path(directory), files), Options(today=TODAY))
    told = [finding for finding in outcome.findings if finding.requirement == "no-secrets-in-image"]
    assert value not in repr(outcome.findings)
    assert credentials.is_literal(value) is (len(told) == 2)


TEXT = """FROM node:$V AS a ARG ENV V=latest COPY . --from=a RUN npm ci install && USER root $ ${ } pip -r x.txt @ : ' "
apt-get update CMD ["a"] scratch --mount=type=cache,target=/x TOKEN=$A ://u:p@h EOF LABEL a=b é"""
WORDS = st.sampled_from([*TEXT.split(), "\n", "\n", "\\\n", "<<EOF\n"])


@given(st.lists(WORDS, max_size=40))
def test_no_dockerfile_makes_a_rule_raise(words: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        text = "FROM node\n" + " ".join(words) + "\n"
        documents = documents_of(Path(directory), {"Dockerfile": text, "package.json": "{}", ".env": ""})
    assert run(documents, Options(today=TODAY)) == run(documents, Options(today=TODAY))


PIECES = (
    "npm",
    "n",
    "p",
    "m",
    "pip3",
    "python",
    "apt",
    "-get",
    "'",
    '"',
    "\\",
    "\\\n",
    "${A:-",
    "${A=",
    "}",
    "$A",
    "$(",
    ")",
)
SHELL = st.lists(
    st.sampled_from((*PIECES, " ", "\n", "&&", ";", "|", "<<E", "E", "/", "exec ", "sudo ", "A=b ", "#"))
).map("".join)


@given(SHELL)
def test_a_run_without_a_programs_name_does_not_run_it(text: str) -> None:
    place = Place("Dockerfile", 2)
    run = Instruction("RUN", place, text, place, read_shell=lambda: shell_commands(text, lambda _start, _end: place))
    for command in builds.run_commands(run):
        for name in ("npm", "pip", "python", "apt"):
            assert name not in command.program or builds.may_run(run, (name,))


def test_a_name_is_looked_for_without_its_quotes() -> None:
    place = Place("Dockerfile", 2)
    for text, may_run in (("n\\p'm' ci", True), ("${X:-n}pm", True), ("yarn", False), ("${N}pm", False)):
        assert builds.may_run(Instruction("RUN", place, text), ("npm",)) is may_run
