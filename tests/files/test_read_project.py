"""A directory's files joined into services."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.files.project import read_project
from seatrial.model.finding import Severity
from seatrial.model.place import Sourced
from seatrial.model.project import Project
from seatrial.model.service import Service

DOCKERFILE = """\
FROM node:22-slim AS base
WORKDIR /app
ENV A=image PORT=3000

FROM base AS dev
CMD ["npm", "run", "dev"]

FROM base AS production
COPY package.json ./
COPY src ./src
USER node
EXPOSE 3000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD curl -f http://localhost:3000/healthz
ENTRYPOINT ["tini", "--"]
CMD ["npm", "start"]
"""
PACKAGE = '{\n  "name": "shop",\n  "scripts": {"start": "exec node src/server.js", "dev": "nodemon src/server.js"}\n}\n'


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        path = directory / name.replace("__", "/").replace("_json", ".json").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path, Dockerfile=DOCKERFILE, package_json=PACKAGE)
    write(tmp_path / "src", **{"server.js": "app.get('/slow', x)"})
    return tmp_path


def read(directory: Path, compose: str = "", **environment: str) -> Project:
    if compose:
        (directory / "compose.yaml").write_text(compose)
    return read_project(directory, environment=environment)


def only(project: Project) -> Service:
    (service,) = project.services
    return service


def argv(service: Service) -> str | None:
    return " ".join(service.argv.value) if service.argv else None


def test_a_dockerfile_alone_is_a_service_whose_every_value_knows_its_place(shop: Path) -> None:
    project = read_project(shop, environment={"SECRET": "x"})
    service = only(project)
    assert project.findings == ()
    assert project.files == ("Dockerfile",)
    assert argv(service) == "tini -- npm start"
    assert not service.shell_form
    assert service.argv is not None
    assert str(service.argv.place) == "Dockerfile:15:12"
    assert [" ".join(hop.argv) for hop in service.hops] == ["npm start", "node src/server.js"]
    assert [(hop.by.value, str(hop.by.place)) for hop in service.hops] == [
        ("tini", "Dockerfile:15:12"),
        ("npm start", "package.json:3:24"),
    ]
    assert service.workdir.value == "/app"
    assert {name: value.value for name, value in service.environment.items()} == {"A": "image", "PORT": "3000"}
    assert str(service.environment["PORT"].place).startswith("Dockerfile:3:")
    assert service.user is not None
    assert (service.user.value, service.effective_stop_signal) == ("node", "SIGINT")
    assert service.healthcheck is not None
    assert (service.healthcheck.interval.value, service.healthcheck.retries.value) == (5.0, 2)
    assert [port.value.number for port in service.ports] == [3000]
    assert service.base_images[0].value == "base"


def test_a_target_names_the_stage(shop: Path) -> None:
    service = only(read_project(shop, environment={}, target="dev"))
    assert argv(service) == "npm run dev"
    assert service.hops[-1].argv == ("nodemon", "src/server.js")
    project = read_project(shop, environment={}, target="nope")
    assert [finding.severity for finding in project.findings][:1] == [Severity.ERROR]
    assert "nope" in project.findings[0].message


@pytest.mark.parametrize(
    ("lines", "expected", "shell_form"),
    [
        ("CMD npm start", "/bin/sh -c npm start", True),
        ('SHELL ["/bin/bash", "-c"]\nCMD npm start', "/bin/bash -c npm start", True),
        ('ENTRYPOINT ["tini", "--"]\nCMD npm start', "tini -- /bin/sh -c npm start", False),
        ("ENTRYPOINT npm start", "/bin/sh -c npm start", True),
        ('CMD ["a"]\nENTRYPOINT ["b"]\nCMD ["c"]', "b c", False),
        ("RUN true", None, False),
    ],
)
def test_entrypoint_and_command_are_joined_as_the_engine_does(
    tmp_path: Path, lines: str, expected: str | None, shell_form: bool
) -> None:
    write(tmp_path, Dockerfile=f"FROM node:22\n{lines}\n")
    service = only(read(tmp_path))
    assert (argv(service), service.shell_form) == (expected, shell_form)


def test_copies_that_the_context_does_not_give_are_told(shop: Path) -> None:
    (shop / "package.json").unlink()
    (shop / ".dockerignore").write_text("# sources\nsrc\n")
    findings = read(shop).findings
    assert [(finding.requirement, str(finding.place).rpartition(":")[0]) for finding in findings] == [
        ("syntax", "Dockerfile:9"),
        ("dockerignore-covers", "Dockerfile:10"),
    ]
    assert ".dockerignore:2 (src)" in findings[1].message
    (shop / ".dockerignore").write_text("src\n!src/server.js\n")
    assert [finding.requirement for finding in read(shop).findings] == ["syntax"]


def test_the_dockerfiles_own_ignore_file_is_the_one_that_counts(shop: Path) -> None:
    (shop / ".dockerignore").write_text("src\n")
    (shop / "Dockerfile.dockerignore").write_text("*.log\n")
    project = read(shop)
    assert project.findings == ()
    assert project.files == ("Dockerfile", "Dockerfile.dockerignore")


def test_a_broken_package_json_and_a_broken_dockerfile_are_findings(shop: Path) -> None:
    (shop / "package.json").write_text('{"scripts": }')
    (shop / "Dockerfile").write_text(DOCKERFILE + "NONSENSE x\n")
    findings = read(shop).findings
    assert {(finding.requirement, finding.place.file, finding.place.line) for finding in findings} == {
        ("syntax", "package.json", 1),
        ("syntax", "Dockerfile", 17),
    }


def test_binary_rubbish_as_a_dockerfile_never_raises(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(bytes(range(256)) * 20)
    assert read(tmp_path).findings


def test_sourced_defaults_have_no_place(tmp_path: Path) -> None:
    write(tmp_path, Dockerfile='FROM scratch\nCMD ["/app"]\n')
    service = only(read(tmp_path))
    assert service.workdir == Sourced("/") or service.workdir.place is None
    assert service.stop_signal is None
    assert service.stop_grace is None
    assert service.user is None
