"""Names, environments, profiles, dependencies: what concerns a project as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.files.compose import read_compose
from seatrial.model.finding import Severity

from .conftest import Read


@pytest.mark.parametrize(
    ("text", "environment", "name"),
    [
        ("name: My.Project_1\n", {}, "myproject_1"),
        ("name: ${WHO}-app\n", {"WHO": "me"}, "me-app"),
        ("name: file\n", {"COMPOSE_PROJECT_NAME": "env"}, "env"),
        ("name: ''\n", {}, "some-dir"),
        ("", {}, "some-dir"),
    ],
)
def test_the_name_comes_from_the_environment_the_file_or_the_directory(
    tmp_path: Path, text: str, environment: dict[str, str], name: str
) -> None:
    directory = tmp_path / "_Some-Dir!"
    directory.mkdir()
    (directory / "compose.yaml").write_text(text + "services: {a: {image: '${COMPOSE_PROJECT_NAME}'}}")
    project = read_compose([directory / "compose.yaml"], environment)
    assert project.name == name
    assert project.services["a"].image is not None
    assert project.services["a"].image.value == name


def test_a_name_that_compose_refuses_is_told(read: Read) -> None:
    project = read("services: {a: {image: i}}", {"COMPOSE_PROJECT_NAME": "My Project"})
    assert "COMPOSE_PROJECT_NAME" in project.findings[0].message
    assert project.name == "myproject"


def test_the_environment_wins_over_the_env_file_of_the_directory(read: Read) -> None:
    project = read(
        {
            "compose.yaml": "services: {a: {image: '$A-$B-$C', environment: [A, NONE, B=own]}}",
            ".env": "A=file\nB=file\nC=${A}${B}",
        },
        {"A": "env"},
    )
    service = project.services["a"]
    assert service.image is not None
    assert service.image.value == "env-file-envfile"
    assert {name: said.value for name, said in service.environment.items()} == {"A": "env", "NONE": None, "B": "own"}


def test_env_files_lie_below_environment_and_later_ones_win(read: Read, tmp_path: Path) -> None:
    project = read(
        {
            "compose.yaml": """\
                services:
                  a:
                    image: i
                    env_file:
                      - one.env
                      - {path: two.env, required: true}
                      - {path: none.env, required: false}
                      - {path: raw.env, format: raw}
                    environment: {OWN: own, ONE: over}
                """,
            "one.env": "ONE=1\nBOTH=1\nSEEN=${OWN}${OUT}",
            "two.env": "BOTH=2\nCHAIN=$BOTH-$SEEN",
            "raw.env": "RAW='$BOTH'",
        },
        {"OUT": "out"},
    )
    service = project.services["a"]
    assert project.findings == ()
    assert {name: said.value for name, said in service.environment.items()} == {
        "ONE": "over",
        "BOTH": "2",
        "SEEN": "ownout",
        "CHAIN": "2-ownout",
        "RAW": "'$BOTH'",
        "OWN": "own",
    }
    assert str(service.environment["BOTH"].place) == "two.env:1:1"
    assert [said.value for said in service.env_files] == [
        str(tmp_path / name) for name in ("one.env", "two.env", "none.env", "raw.env")
    ]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("env_file: none.env", "compose.yaml:4:15", "none.env cannot be read: No such file"),
        ("env_file: [bad.env]", "bad.env:2:1", "can't contain a space"),
        ("env_file: [{file: x}]", "compose.yaml:4:17", "has no key 'file'"),
        ("env_file: [{path: bad.env, format: toml}]", "compose.yaml:4:40", "'toml' is no format"),
        ("env_file: 5", "compose.yaml:4:15", "must be a string"),
        ("env_file: .", "compose.yaml:4:15", "not a regular file"),
    ],
)
def test_a_broken_env_file_is_told_where_it_is_broken(read: Read, text: str, place: str, message: str) -> None:
    project = read({"compose.yaml": f"services:\n  a:\n    image: i\n    {text}\n", "bad.env": "A=1\nB C=2\n"})
    found = {str(finding.place): finding.message for finding in project.findings}
    assert message in found[place]
    assert "a" in project.services


SERVICES = """\
services:
  always: {image: i}
  debug: {image: i, profiles: [debug, test]}
  other: {image: i, profiles: [other]}
"""


@pytest.mark.parametrize(
    ("profiles", "environment", "enabled"),
    [
        ([], {}, "always"),
        (["debug"], {}, "always debug"),
        (["test", "other"], {}, "always debug other"),
        (["*"], {}, "always debug other"),
        ([], {"COMPOSE_PROFILES": "other, test"}, "always debug other"),
        (["debug"], {"COMPOSE_PROFILES": "other"}, "always debug"),
    ],
)
def test_profiles_turn_services_on(read: Read, profiles: list[str], environment: dict[str, str], enabled: str) -> None:
    project = read(SERVICES, environment, profiles=profiles)
    assert list(project.services) == enabled.split()
    assert set(project.services) | set(project.disabled) == {"always", "debug", "other"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("depends_on: [debug]", "depends on debug, which is off"),
        ("depends_on: [alway]", "depends on 'alway', which is not defined"),
        ("links: ['gone:alias']", "depends on 'gone'"),
        ("network_mode: 'service:gone'", "depends on 'gone'"),
        (
            "depends_on: {gone: {required: false, condition: service_started}}",
            "depends on 'gone', which is not defined",
        ),
        ("depends_on: [a]", "circle: a → a"),
    ],
)
def test_a_dependency_that_can_not_be_met_is_told(read: Read, said: str, message: str) -> None:
    project = read(f"{SERVICES}  a:\n    image: i\n    {said}\n")
    (finding,) = project.findings
    assert message in finding.message
    assert finding.severity is Severity.ERROR


def test_a_dependency_that_is_not_required_may_be_off(read: Read) -> None:
    said = "{debug: {required: false, condition: service_healthy}}"
    project = read(f"{SERVICES}  a:\n    image: i\n    depends_on: {said}\n")
    assert project.findings == ()


def test_dependencies_come_from_everything_that_shares(read: Read) -> None:
    names = "".join(f"  {name}: {{image: i}}\n" for name in "bcdef")
    project = read(f"""\
services:
{names}  a:
    image: i
    depends_on: {{b: {{condition: service_healthy, restart: true}}}}
    links: [c, "b:alias"]
    volumes_from: ["d:ro", "container:x"]
    pid: "service:e"
    ipc: "service:f"
""")
    found = {said.value.service: said.value for said in project.services["a"].depends_on}
    assert list(found) == ["b", "c", "f", "e", "d"]
    assert (found["b"].condition, found["b"].restart) == ("service_healthy", True)
    assert (found["c"].condition, found["c"].restart, found["d"].restart) == ("service_started", True, False)
    assert project.findings == ()


def test_a_circle_is_named_once(read: Read) -> None:
    text = "services: {a: {image: i, depends_on: [b]}, b: {image: i, depends_on: [c]}, c: {image: i, links: [a]}}"
    (finding,) = read(text).findings
    assert finding.message == "the services wait for each other in a circle: a → b → c → a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no services"),
        ("- a\n", "must be a mapping"),
        ("just text\n", "must be a mapping"),
        ("services: []\n", "must be a mapping"),
        ("services:\n  a:\n", "services.a is empty"),
        ("services: {a: 5}\n", "services.a must be a mapping"),
        ("services: {'a b': {image: i}}\n", "can't be a service's name"),
        ("service: {}\n", "has no key 'service'"),
    ],
)
def test_a_file_without_anything_to_run_is_told(read: Read, text: str, message: str) -> None:
    project = read(text)
    assert project.services == {}
    assert message in project.findings[0].message


def test_missing_and_special_files_are_findings(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    project = read_compose([tmp_path / "none.yaml", tmp_path / "pipe.yaml"], {})
    assert [str(finding.place) for finding in project.findings] == ["none.yaml:1:1", "pipe.yaml:1:1"]
    assert "hint" not in project.findings[1].message
    assert project.findings[1].remedy


def test_places_and_paths_are_relative_to_the_project_directory(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "compose.yaml").write_text("services: {a: {build: .}}")
    near = read_compose([tmp_path / "deploy" / "compose.yaml"], {})
    above = read_compose([tmp_path / "deploy" / "compose.yaml"], {}, (), tmp_path)
    found = [project.services["a"].build for project in (near, above)]
    assert [build.context.value for build in found if build] == [str(tmp_path / "deploy"), str(tmp_path)]
    assert (near.files, above.files) == (("compose.yaml",), ("deploy/compose.yaml",))


def test_an_unset_variable_is_told_once_a_file_and_at_its_dollar_sign(read: Read) -> None:
    project = read("services:\n  a:\n    image: 'i:${TAG}'\n    hostname: $TAG\n")
    (finding,) = project.findings
    assert (str(finding.place), finding.severity) == ("compose.yaml:3:15", Severity.WARNING)
    assert "${TAG:-default}" in finding.remedy


def test_a_value_that_is_explained_has_no_consequences(read: Read) -> None:
    project = read('services:\n  a:\n    image: ${TAG:?say it}\n    ports: ["${"]\n  b: {image: i}\n')
    assert [str(finding.place) for finding in project.findings] == ["compose.yaml:3:12", "compose.yaml:4:14"]
    assert set(project.services) == {"a", "b"}


def test_a_service_that_is_off_need_not_be_complete(read: Read) -> None:
    assert read("services: {a: {image: i}, b: {profiles: [p], depends_on: [none], secrets: [none]}}").findings == ()


def test_secrets_and_configs_become_files(read: Read, tmp_path: Path) -> None:
    project = read("""\
        services:
          a:
            image: i
            secrets: [token, {source: key, target: deep/key}]
            configs: [{source: conf, target: /etc/conf}, inline]
        secrets: {token: {file: ./t.txt}, key: {environment: KEY}}
        configs: {conf: {external: true}, inline: {content: "x=${X:-1}"}}
        """)
    service = project.services["a"]
    secrets, configs = ([grant.value for grant in grants] for grants in (service.secrets, service.configs))
    assert project.findings == ()
    assert [(grant.target, grant.file, grant.environment) for grant in secrets] == [
        ("/run/secrets/token", str(tmp_path / "t.txt"), ""),
        ("/run/secrets/deep/key", "", "KEY"),
    ]
    assert [(grant.target, grant.content, grant.external) for grant in configs] == [
        ("/etc/conf", "", True),
        ("/inline", "x=1", False),
    ]


def test_extensions_are_kept_as_plain_values(read: Read) -> None:
    project = read("x-seatrial: {lag: 2, list: [a, 1]}\nservices: {a: {image: i, x-seatrial: {slow_path: /s}}}")
    assert project.extensions["x-seatrial"].value == {"lag": 2, "list": ["a", 1]}
    assert project.services["a"].extensions["x-seatrial"].value == {"slow_path": "/s"}
