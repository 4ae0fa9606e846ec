"""A compose file and its Dockerfiles, read from disk and joined."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.files.project import read_project
from seatrial.model.errors import InputError

COMPOSE = """\
services:
  web:
    build:
      context: ./web
      target: production
      args:
        FLAVOUR: ${FLAVOUR:-sweet}
    entrypoint: ["/usr/bin/dumb-init", "--"]
    command: npm run ${SCRIPT:-start}
    environment:
      - PORT=8080
    env_file: web.env
    stop_grace_period: 1500ms
    init: true
    healthcheck:
      interval: 9s
    deploy:
      resources:
        limits:
          memory: 256M
    mem_limit: 256m
    ports:
      - "80:8080"
    depends_on:
      - db
  db:
    image: postgres:17
  extra:
    image: node:22
    command: node extra.js
    profiles: [debug]
"""
DOCKERFILE = """\
FROM node:22-slim AS production
ARG FLAVOUR
WORKDIR /app
ENV PORT=1 FLAVOUR=$FLAVOUR FROM_IMAGE=yes
COPY . .
HEALTHCHECK --interval=5s --retries=2 CMD ["node", "probe.js"]
CMD ["node", "server.js"]

FROM production AS last
CMD ["never"]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "web.env").write_text("PORT=2\nFROM_FILE=yes\n")
    (tmp_path / "web" / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "web" / "package.json").write_text('{"scripts": {"start": "exec node server.js"}}')
    return tmp_path


def test_a_compose_project_is_joined_with_its_dockerfiles(shop: Path) -> None:
    project = read_project(shop, environment={"FLAVOUR": "sour", "SECRET": "x"})
    assert [finding.message for finding in project.findings] == []
    assert [service.name for service in project.services] == ["web", "db"]
    assert set(project.files) == {"compose.yaml", "web/Dockerfile"}
    web, db = project.services
    assert db.argv is None
    assert web.argv is not None
    assert web.argv.value == ("/usr/bin/dumb-init", "--", "npm", "run", "start")
    assert web.argv.place is not None
    assert (web.argv.place.file, web.argv.place.line) == ("compose.yaml", 8)
    assert [(" ".join(hop.argv), hop.by.place and hop.by.place.file) for hop in web.hops] == [
        ("npm run start", "compose.yaml"),
        ("node server.js", "web/package.json"),
    ]
    assert {name: value.value for name, value in web.environment.items()} == {
        "PORT": "8080",
        "FLAVOUR": "sour",
        "FROM_IMAGE": "yes",
        "FROM_FILE": "yes",
    }
    assert (web.context, web.dockerfile) == (str(shop / "web"), "web/Dockerfile")


def test_limits_grace_health_and_ports_follow_the_contract(shop: Path) -> None:
    web = read_project(shop, environment={}).services[0]
    assert web.effective_grace == 1.0
    assert web.limits.memory is not None
    assert web.limits.memory.value == 256 * 1024 * 1024
    assert web.init is not None
    assert web.init.value is True
    assert web.healthcheck is not None
    assert web.healthcheck.test.value == ("CMD", "node", "probe.js")
    assert (web.healthcheck.interval.value, web.healthcheck.retries.value) == (9.0, 2)
    assert [(port.value.number, port.value.published) for port in web.ports] == [(8080, 80)]
    assert [dependency.value.service for dependency in web.depends_on] == ["db"]


def test_an_override_file_and_profiles_are_heeded(shop: Path) -> None:
    (shop / "compose.override.yaml").write_text("services:\n  web:\n    command: [node, other.js]\n")
    project = read_project(shop, environment={}, profiles=["debug"])
    assert [service.name for service in project.services] == ["web", "db", "extra"]
    web, _, extra = project.services
    assert web.argv is not None
    assert web.argv.value[2:] == ("node", "other.js")
    assert web.command is not None
    assert str(web.command.place).startswith("compose.override.yaml:3:")
    assert extra.argv is not None
    named = read_project(shop, environment={}, compose_files=[shop / "compose.yaml"])
    assert named.services[0].argv is not None
    assert named.services[0].argv.value[-1] == "start"


def test_a_broken_compose_file_is_findings_and_never_a_traceback(shop: Path) -> None:
    (shop / "compose.yaml").write_text("services:\n  web: [\n")
    project = read_project(shop, environment={})
    assert project.findings
    assert project.findings[0].place.file == "compose.yaml"


def test_an_inline_dockerfile_has_places_in_the_compose_file(tmp_path: Path) -> None:
    text = "services:\n  web:\n    build:\n      dockerfile_inline: |\n        FROM node:22\n"
    text += '        CMD ["node", "a.js"]\n'
    (tmp_path / "compose.yaml").write_text(text)
    web = read_project(tmp_path, environment={}).services[0]
    assert web.argv is not None
    assert web.argv.value == ("node", "a.js")
    assert web.argv.place is not None
    assert (web.argv.place.file, web.argv.place.line) == ("compose.yaml", 6)


def test_a_compose_file_that_is_no_regular_file_never_hangs(tmp_path: Path) -> None:
    for make in (os.mkfifo, lambda path: path.symlink_to("/proc/kmsg"), Path.mkdir):
        file = tmp_path / "compose.yaml"
        make(file)
        with pytest.raises(InputError, match="not a regular file"):
            read_project(tmp_path, environment={})
        file.rmdir() if file.is_dir() else file.unlink()


def test_without_a_compose_file_neither_compose_nor_yaml_is_imported(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM node:22\nCMD ["node", "a.js"]\n')
    code = (
        "import sys; from pathlib import Path; from seatrial.files.project import read_project;"
        "read_project(Path(sys.argv[1]), environment={});"
        "print(sorted(set(sys.modules) & {'yaml', 'tomllib', 'seatrial.files.compose', 'hypothesis'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
