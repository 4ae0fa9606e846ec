"""Whatever a compose file holds, reading it ends with a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.files import yaml_parser
from seatrial.files.compose import ComposeProject, keys, read_compose, yaml_tree
from seatrial.files.compose.fields import plain

SAMPLE = """\
name: ${NAME:-sample}
include: [{path: other.yaml}]
x-base: &base
  image: i
  environment: [A=1, "B=${B-2}"]
services:
  web:
    <<: *base
    build: {context: ., args: {A: 1}}
    command: node 'server.js'
    ports: ["80:8080/tcp", {target: 1, published: "2"}]
    volumes: ["./a:/b:ro", {type: tmpfs, target: /t, tmpfs: {size: 1m}}]
    healthcheck: {test: [CMD, a], interval: 1m30s}
    depends_on: {db: {condition: service_healthy}}
    deploy: {resources: {limits: {memory: 64m, cpus: "0.5"}}}
    ulimits: {nofile: {soft: 1, hard: 2}}
    env_file: [{path: x.env, required: false}]
    logging: {driver: local, options: {max-size: 1m}}
  db:
    extends: {service: web}
    ports: !reset []
    stop_grace_period: 1.5s
"""
SHARED = settings(suppress_health_check=[*HealthCheck])

words = sorted(keys.SERVICE | keys.BUILD | keys.HEALTHCHECK | keys.DEPLOY | keys.VOLUME | keys.PORT | keys.PROJECT)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**20),
    st.floats(),
    st.sampled_from(
        ["", "a", "80:80", "a=b", "1m", "10s", "$", "${A", "${A:?}", "service:a", ":", "/", "~", "a'b", "-1"]
    ),
    st.text(max_size=5),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*words, "a", "b"]), inner, max_size=4),
    max_leaves=12,
)
services = st.dictionaries(st.sampled_from(words), values, max_size=6)
projects = st.fixed_dictionaries(
    {"services": st.dictionaries(st.sampled_from(["a", "b", "c d"]), services | scalars, max_size=3)},
    optional=dict.fromkeys(("networks", "volumes", "secrets", "configs", "name", "include", "x-y"), values),
)


def read_text(directory: Path, *texts: str) -> ComposeProject:
    paths = [directory / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode())
    return read_compose(paths, {"A": "1"}, ["*"])


def check(project: ComposeProject, *texts: str) -> None:
    for finding in project.findings:
        if finding.place.file.removesuffix(".yaml").isdigit():
            lines = texts[int(finding.place.file.removesuffix(".yaml"))].split("\n")
            assert 1 <= finding.place.line <= len(lines), finding
            assert finding.place.column <= len(lines[finding.place.line - 1]) + 2, finding
        assert finding.message
        assert finding.requirement == "syntax"


@SHARED
@given(projects, services)
def test_any_tree_with_composes_own_keys_is_read(tmp_path: Path, project: Any, override: Any) -> None:
    texts = [json.dumps(project), json.dumps({"services": {"a": override}})]
    check(read_text(tmp_path, *texts), *texts)


@SHARED
@given(st.integers(0, len(SAMPLE)), st.integers(0, 12), st.text(alphabet="ab:${}[]&*!-\n '\"#|\t\0é", max_size=6))
def test_any_damage_to_a_file_is_survived(tmp_path: Path, at: int, length: int, put: str) -> None:
    text = SAMPLE[:at] + put + SAMPLE[at + length :]
    check(read_text(tmp_path, text), text)


def test_the_sample_itself_is_read_without_complaint_but_for_its_include(tmp_path: Path) -> None:
    project = read_text(tmp_path, SAMPLE)
    assert [finding.message for finding in project.findings] == [
        "other.yaml cannot be read: No such file or directory",
        "the services wait for each other in a circle: db → db",
    ]


def test_the_pure_parser_reads_the_same_tree_where_the_c_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def tree() -> list[object]:
        roots = yaml_tree.read_documents(SAMPLE.encode(), "f", "/")
        return [(plain(root), root.place.line, root.place.column) for root in roots]

    fast = tree()
    monkeypatch.setattr(yaml_parser, "PARSER", yaml.SafeLoader)
    assert tree() == fast
    for broken in ("a: [", "a:\n\tb: 1", "a: \x00", "a: *x", "a: 'b"):
        with pytest.raises(yaml_tree.YamlError):
            yaml_tree.read_documents(broken.encode(), "f", "/")


def test_variables_that_double_each_other_are_refused(tmp_path: Path) -> None:
    doubling = "A0=0123456789\n" + "".join(f"A{n}=$A{n - 1}$A{n - 1}\n" for n in range(1, 60))
    (tmp_path / ".env").write_text(doubling)
    project = read_text(tmp_path, "services: {a: {image: '$A5'}}")
    assert [finding.message for finding in project.findings] == ["the variables make this too long"]
    assert project.findings[0].place.file == ".env"
    assert project.services["a"].image is not None
    assert len(project.services["a"].image.value) == 320


def test_many_services_with_mistakes_take_no_longer_than_many_services(tmp_path: Path) -> None:
    lines = [f"  s{n}: {{image: i, depends_on: [s{n + 1}, none{n}]}}" for n in range(500)]
    project = read_text(tmp_path, "services:\n" + "\n".join(lines) + "\n")
    assert len(project.services) == 500
    assert len(project.findings) == 501


def test_no_service_has_more_ports_than_there_are(tmp_path: Path) -> None:
    project = read_text(tmp_path, f"services: {{a: {{image: i, expose: [{', '.join(['1-65535'] * 4)}]}}}}")
    assert "more than" in project.findings[0].message
