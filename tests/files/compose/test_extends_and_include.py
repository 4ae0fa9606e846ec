"""`extends` and `include`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Read


def test_a_service_starts_from_another_of_the_same_file(read: Read) -> None:
    project = read("""\
        services:
          base: {image: i, user: root, cap_add: [A], environment: {A: 1, B: 1}}
          middle: {extends: base, cap_add: [B]}
          top:
            extends: {service: middle}
            cap_add: !override [C]
            environment: {B: 2}
            user: !reset null
        """)
    top = project.services["top"]
    assert project.findings == ()
    assert top.image is not None
    assert top.image.value == "i"
    assert top.user is None
    assert [said.value for said in top.cap_add] == ["C"]
    assert {name: said.value for name, said in top.environment.items()} == {"A": "1", "B": "2"}
    assert [said.value for said in project.services["middle"].cap_add] == ["A", "B"]
    assert str(top.place) == "compose.yaml:4:3"


def test_paths_of_another_file_are_relative_to_that_file(read: Read, tmp_path: Path) -> None:
    project = read(
        {
            "compose.yaml": "services: {a: {extends: {file: lib/base.yaml, service: b}, volumes: ['./mine:/m']}}",
            "lib/base.yaml": """\
                services:
                  b:
                    extends: {file: ../deep/root.yaml, service: r}
                    build: .
                    env_file: b.env
                    volumes: ['./data:/d', 'named:/n']
                """,
            "lib/b.env": "FROM_FILE=1",
            "deep/root.yaml": "services: {r: {image: 'i:${TAG}', build: {context: src}, volumes: ['./r:/r']}}",
        },
        {"TAG": "5"},
    )
    service = project.services["a"]
    sources = {mount.value.target: mount.value.source for mount in service.volumes}
    assert sources == {
        "/r": str(tmp_path / "deep/r"),
        "/d": str(tmp_path / "lib/data"),
        "/n": "named",
        "/m": str(tmp_path / "mine"),
    }
    assert service.build is not None
    assert service.image is not None
    assert service.build.context.value == str(tmp_path / "lib")
    assert service.image.value == "i:5"
    assert str(service.image.place) == "deep/root.yaml:1:23"
    assert str(service.environment["FROM_FILE"].place) == "lib/b.env:1:1"
    assert [finding.message for finding in project.findings] == ["services.a: the volume 'named' is not defined"]
    assert set(project.files) == {"compose.yaml", "lib/base.yaml", "deep/root.yaml"}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("services:\n  a: {image: i, extends: a}\n", "2:26", "circle: a (compose.yaml) → a (compose.yaml)"),
        ("services:\n  a: {extends: b}\n  b: {extends: a}\n", "3:16", "circle"),
        ("services:\n  a: {extends: bass}\n  base: {image: i}\n", "2:16", "'bass', which compose.yaml doesn't have"),
        ("services:\n  a: {extends: {file: no.yaml, service: b}}\n", "2:23", "no.yaml cannot be read"),
        ("services:\n  a: {extends: {file: 5, service: b}}\n", "2:23", "must be a path"),
        ("services:\n  a: {extends: {services: b}}\n", "2:17", "no key 'services'"),
        ("services:\n  a: {extends: [b]}\n", "2:16", "needs the name of a service"),
    ],
)
def test_a_base_that_can_not_be_had_is_told_and_hides_nothing_else(
    read: Read, text: str, place: str, message: str
) -> None:
    project = read(text + "  other: {image: o}\n")
    assert str(project.findings[0].place) == f"compose.yaml:{place}"
    assert message in project.findings[0].message
    assert not [finding for finding in project.findings if "neither an image" in finding.message]
    assert {"a", "other"} <= set(project.services)


def test_a_reset_extends_extends_nothing(read: Read) -> None:
    project = read("services: {a: {image: i, extends: !reset {file: none.yaml, service: b}}}")
    assert project.findings == ()


def test_a_circle_through_two_files_is_found(read: Read) -> None:
    project = read(
        {
            "compose.yaml": "services: {a: {extends: {file: b.yaml, service: b}}}",
            "b.yaml": "services: {b: {extends: {file: compose.yaml, service: a}}}",
        }
    )
    assert any("circle" in finding.message for finding in project.findings)


def test_a_long_chain_of_bases_ends(read: Read) -> None:
    lines = [f"  s{number}: {{extends: s{number + 1}}}" for number in range(300)]
    project = read("services:\n" + "\n".join(lines) + "\n  s300: {image: i}\n")
    assert any("extend each other" in finding.message for finding in project.findings)


def test_what_is_included_keeps_its_own_directory_and_env_file(read: Read, tmp_path: Path) -> None:
    project = read(
        {
            "compose.yaml": """\
                include:
                  - sub/compose.yaml
                  - path: [other/one.yaml, other/two.yaml]
                    project_directory: .
                    env_file: other/vars.env
                services:
                  a: {image: "i:${TAG:-none}", depends_on: [b]}
                  b: {hostname: mine}
                """,
            "sub/compose.yaml": "services: {b: {image: 'b:${TAG}', build: ., hostname: theirs}}\nvolumes: {v: {}}",
            "sub/.env": "TAG=sub\nHOME=ignored",
            "other/one.yaml": "services: {c: {image: 'c:${TAG}', build: ., volumes: ['v:/v']}}",
            "other/two.yaml": "services: {c: {hostname: '${HOME}'}}",
            "other/vars.env": "TAG=other",
        },
        {"HOME": "/h"},
    )
    assert project.findings == ()
    a, b, c = (project.services[name] for name in "abc")
    assert [service.image.value for service in (a, b, c) if service.image] == ["i:none", "b:sub", "c:other"]
    assert [service.build.context.value for service in (b, c) if service.build] == [
        str(tmp_path / "sub"),
        str(tmp_path),
    ]
    assert [service.hostname.value for service in (b, c) if service.hostname] == ["mine", "/h"]


def test_a_service_extends_one_that_is_included(read: Read) -> None:
    project = read(
        {
            "compose.yaml": "include: [lib.yaml]\nservices: {a: {extends: base, hostname: h}}",
            "lib.yaml": "services: {base: {image: lib}}",
        }
    )
    assert project.findings == ()
    assert project.services["a"].image is not None
    assert project.services["a"].image.value == "lib"


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("[compose.yaml]", "circle"),
        ("[a.yaml]", "circle"),
        ("[none.yaml]", "none.yaml cannot be read"),
        ("[{path: lib.yaml, env_file: none.env}]", "none.env cannot be read"),
        ("[5]", "must be a path"),
        ("lib.yaml", "must be a list"),
        ("[{paths: lib.yaml}]", "no key 'paths'"),
        ("['https://example.com/compose.git']", "not on this machine"),
        ("['${NONE:?say where}']", "say where"),
    ],
)
def test_an_include_that_fails_is_told_and_hides_nothing_else(read: Read, include: str, message: str) -> None:
    project = read(
        {
            "compose.yaml": f"include: {include}\nservices: {{own: {{image: i}}}}\n",
            "a.yaml": "include: [compose.yaml]",
            "lib.yaml": "services: {lib: {image: l}}",
        }
    )
    assert message in project.findings[0].message
    assert "own" in project.services


def test_a_fan_of_includes_ends(read: Read) -> None:
    files = {f"f{n}.yaml": f"include: [f{n + 1}.yaml, ./f{n + 1}.yaml]" for n in range(15)}
    project = read({**files, "f15.yaml": "services: {a: {image: i}}"})
    assert any("more than 100 files" in finding.message for finding in project.findings)
