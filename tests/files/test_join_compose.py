"""What compose overrides of an image, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.files.compose import ComposeBuild, ComposeHealthcheck, ComposeProject, ComposeService
from seatrial.files.join import compose as join
from seatrial.files.project import read_project
from seatrial.model.place import Place, Sourced
from seatrial.model.project import Project
from seatrial.model.service import Mount, Port, Service

HERE = Place("compose.yaml", 4, 7)
DOCKERFILE = """\
FROM node:22-slim AS base
WORKDIR /app
COPY . .
ARG FLAVOUR=plain
ENV FLAVOUR=$FLAVOUR A=image GONE=x
EXPOSE 3000 9000/udp
HEALTHCHECK --interval=5s --timeout=3s --retries=2 CMD ["probe"]
ENTRYPOINT ["tini", "--"]
CMD npm start

FROM base AS other
CMD ["node", "other.js"]

FROM base
"""


def said(value: Any) -> Sourced[Any]:
    return Sourced(value, HERE)


def words(line: str) -> Sourced[tuple[str, ...]]:
    return said(tuple(line.split()))


class Reader:
    """Reads the project of a directory as if compose said these services."""

    def __init__(self, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.patch = patch
        (directory / "compose.yaml").write_text("services: {}\n")

    def project(self, *services: ComposeService, target: str | None = None) -> Project:
        read = ComposeProject(
            "shop", str(self.directory), {service.name: service for service in services}, files=("compose.yaml",)
        )
        self.patch.setattr(join, "read_compose", lambda *_: read)
        return read_project(self.directory, environment={}, target=target)

    def service(self, **keys: Any) -> Service:
        keys.setdefault("build", ComposeBuild(said(str(self.directory))))
        return self.project(ComposeService("web", HERE, **keys)).services[0]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "package.json").write_text('{"scripts": {"start": "node server.js"}}')
    return Reader(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "tini -- /bin/sh -c npm start"),
        ({"command": words("node a.js")}, "tini -- node a.js"),
        ({"command": words("")}, "tini -- /bin/sh -c npm start"),
        ({"entrypoint": words("sh -x")}, "sh -x"),
        ({"entrypoint": words("sh -x"), "command": words("b")}, "sh -x b"),
        ({"entrypoint": words("")}, "/bin/sh -c npm start"),
        ({"entrypoint": words(""), "command": words("b")}, "b"),
        ({"entrypoint": words("sh -x"), "command": words("")}, "sh -x"),
    ],
)
def test_entrypoint_and_command_override_as_the_engine_merges_them(
    reader: Reader, keys: Mapping[str, Any], expected: str
) -> None:
    service = reader.service(**keys)
    assert service.argv is not None
    assert " ".join(service.argv.value) == expected


def test_pid_1_is_a_shell_only_where_the_image_gives_it_a_line(reader: Reader) -> None:
    assert not reader.service().shell_form, "tini is PID 1"
    assert reader.service(entrypoint=words("")).shell_form
    assert not reader.service(entrypoint=words(""), command=words("b")).shell_form
    assert [hop.argv[0] for hop in reader.service().hops] == ["/bin/sh", "npm", "node"]


def test_what_compose_says_keeps_its_place_and_the_rest_that_of_the_dockerfile(reader: Reader) -> None:
    service = reader.service(command=words("node a.js"), user=said("1000"), stop_signal=said("SIGINT"))
    assert service.user == said("1000")
    assert service.command is not None
    assert service.command.place == HERE
    assert service.entrypoint is not None
    assert service.entrypoint.place is not None
    assert service.entrypoint.place.file == "Dockerfile"
    assert (service.dockerfile, service.compose_file) == ("Dockerfile", "compose.yaml")
    assert service.effective_stop_signal == "SIGINT"


def test_environment_of_compose_wins_and_a_variable_without_value_takes_the_images_away(reader: Reader) -> None:
    service = reader.service(environment={"A": said("compose"), "GONE": said(None), "B": said("")})
    values = {name: value.value for name, value in service.environment.items()}
    assert values == {"FLAVOUR": "plain", "A": "compose", "B": ""}


@pytest.mark.parametrize(("period", "grace"), [(0.9, 0.0), (1.5, 1.0), (30.0, 30.0)])
def test_the_grace_period_is_cut_to_whole_seconds(reader: Reader, period: float, grace: float) -> None:
    assert reader.service(stop_grace_period=said(period)).effective_grace == grace


def test_health_checks_merge_field_by_field(reader: Reader) -> None:
    merged = reader.service(healthcheck=ComposeHealthcheck(HERE, interval=said(9.0), timeout=said(0.0))).healthcheck
    assert merged is not None
    assert merged.test.value == ("CMD", "probe")
    assert (merged.interval.value, merged.timeout.value, merged.retries.value) == (9.0, 3.0, 2)
    assert merged.interval.place == HERE
    replaced = reader.service(healthcheck=ComposeHealthcheck(HERE, test=said(("CMD", "x")))).healthcheck
    assert replaced is not None
    assert (replaced.test.value, replaced.interval.value) == (("CMD", "x"), 5.0)


def test_a_health_check_can_be_switched_off_and_one_without_a_test_is_none(reader: Reader) -> None:
    for off in (
        ComposeHealthcheck(HERE, disable=said(True)),
        ComposeHealthcheck(HERE, test=said(("NONE",))),
    ):
        disabled = reader.service(healthcheck=off).healthcheck
        assert disabled is not None
        assert disabled.is_disabled
    lone = ComposeHealthcheck(HERE, interval=said(9.0))
    assert reader.service(build=None, image=said("node:22"), healthcheck=lone).healthcheck is None


def test_ports_come_from_compose_first_and_then_from_the_image_each_once(reader: Reader) -> None:
    service = reader.service(ports=(said(Port(3000, "tcp", 8080)),), expose=(said(Port(4000)), said(Port(3000))))
    assert [(port.value.number, port.value.protocol, port.value.published) for port in service.ports] == [
        (3000, "tcp", 8080),
        (4000, "tcp", None),
        (9000, "udp", None),
    ]


def test_build_target_arguments_dockerfile_and_inline_are_heeded(reader: Reader) -> None:
    build = ComposeBuild(said(str(reader.directory)), args={"FLAVOUR": said("sweet"), "OTHER": said(None)})
    assert reader.service(build=build).environment["FLAVOUR"].value == "sweet"
    other = reader.service(build=replace(build, target=said("other")))
    assert other.argv is not None
    assert other.argv.value == ("tini", "--", "node", "other.js")
    (reader.directory / "docker").mkdir()
    (reader.directory / "docker" / "web.Dockerfile").write_text('FROM python\nCMD ["python", "a.py"]\n')
    named = reader.service(build=replace(build, dockerfile=said("docker/web.Dockerfile")))
    assert (named.dockerfile, named.argv and named.argv.value) == ("docker/web.Dockerfile", ("python", "a.py"))
    inline = reader.service(build=replace(build, dockerfile_inline=said('FROM python\nCMD ["python", "b.py"]\n')))
    assert inline.argv is not None
    assert inline.argv.value == ("python", "b.py")
    assert inline.argv.place is not None
    assert (inline.argv.place.file, inline.argv.place.line) == ("compose.yaml", 6)


def test_a_missing_dockerfile_and_a_remote_context_are_findings_at_the_build(reader: Reader) -> None:
    context = said(str(reader.directory / "nowhere"))
    missing = reader.project(ComposeService("web", HERE, build=ComposeBuild(context), command=words("node a.js")))
    (finding,) = missing.findings
    assert finding.place == HERE
    assert "Dockerfile of web" in finding.message
    assert [service.dockerfile for service in missing.services] == ["nowhere/Dockerfile"]
    assert missing.services[0].argv == words("node a.js")
    remote = ComposeBuild(said("https://example.org/x.git"), is_remote=True)
    (finding,) = reader.project(ComposeService("web", HERE, build=remote)).findings
    assert "not read" in finding.message


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"image": said("postgres:17")}, None),
        ({"image": said("postgres:17"), "command": words("-c fsync=off")}, None),
        ({"image": said("postgres:17"), "entrypoint": words("sh -c true")}, "sh -c true"),
        ({"image": said("node:22-slim"), "command": words("npm start")}, "npm start"),
        ({"image": said("docker.io/library/python:3.13@sha256:0"), "command": words("python a.py")}, "python a.py"),
        ({"image": said("registry:5000/node"), "command": words("npm start")}, None),
        ({"image": said("shop"), "extensions": {"x-seatrial": said({"command": "node 'a b.js'"})}}, "node a b.js"),
        ({"image": said("shop"), "extensions": {"x-seatrial": said({"command": ["node", "x"]})}}, "node x"),
        ({"image": said("shop"), "extensions": {"x-seatrial": said({"command": "'"})}}, None),
        ({"image": said("shop"), "extensions": {"x-seatrial": said(3)}}, None),
    ],
)
def test_an_image_that_is_not_built_here_runs_only_what_is_said(
    reader: Reader, keys: Mapping[str, Any], expected: str | None
) -> None:
    service = reader.service(build=None, **keys)
    assert (" ".join(service.argv.value) if service.argv else None) == expected


def test_scripts_are_looked_for_in_bound_directories_too(reader: Reader) -> None:
    bind = said(Mount("bind", str(reader.directory), "/srv"))
    service = reader.service(
        build=None, image=said("node:22"), command=words("npm start"), working_dir=said("/srv"), volumes=(bind,)
    )
    assert service.hops[-1].argv == ("node", "server.js")


def test_a_dockerfile_that_no_service_builds_is_a_service_of_its_own(reader: Reader) -> None:
    project = reader.project(ComposeService("db", HERE, image=said("postgres:17")))
    assert [service.name for service in project.services][:1] == ["db"]
    assert len(project.services) == 2
    assert project.services[1].dockerfile == "Dockerfile"
    built = reader.project(ComposeService("web", HERE, build=ComposeBuild(said(str(reader.directory)))))
    assert [service.name for service in built.services] == ["web"]
    assert built.service("web") is built.services[0]
    assert built.files == ("compose.yaml", "Dockerfile")


def test_anonymous_volumes_of_the_image_are_mounts_unless_compose_mounts_something_there(reader: Reader) -> None:
    with (reader.directory / "Dockerfile").open("a") as file:
        file.write('VOLUME /data /var/cache\nVOLUME ["/spool", "uploads"]\n')
    said_there = Sourced(Mount("tmpfs", "", "/var/cache/"), HERE)
    mounts = reader.service(volumes=(said_there,)).mounts
    assert mounts[0] == said_there
    assert [mount.value for mount in mounts[1:]] == [
        Mount("volume", "", target) for target in ("/data", "/spool", "/uploads")
    ]
    assert all(mount.place and mount.place.file == "Dockerfile" for mount in mounts[1:])


def test_what_other_stages_would_put_into_the_image_is_known_by_its_targets(reader: Reader) -> None:
    with (reader.directory / "Dockerfile").open("a") as file:
        file.write("WORKDIR /srv\nCOPY --from=build /src/dist ./dist\nCOPY --from=busybox:1 /bin/sh /bin/sh\n")
    assert reader.service().made == ("/srv/dist", "/bin/sh")
