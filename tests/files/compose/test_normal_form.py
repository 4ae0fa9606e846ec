"""What `seatrial config` prints for each feature of which the Compose Specification and compose's loader have examples.

The files here are our own; what is expected of them is what the specification says, in the normal form of compose. And
what was printed is a project that means the same: read again it gives the very same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.files.compose import keys, read_normal
from seatrial.files.join.ignored import WITHOUT_EFFECT, without_effect
from seatrial.model.finding import Severity

MAIN = "compose.yaml"
ENVIRONMENT = {"SET": "value", "EMPTY": ""}


def normal(folder: Path, files: Mapping[str, str] | str, profiles: tuple[str, ...] = ()) -> dict[str, Any]:
    """The normal form of a project; all that compose would take is taken."""
    written = {MAIN: files} if isinstance(files, str) else files
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    paths = [folder / name for name in written if name.startswith("compose")]
    project, document = read_normal(paths, ENVIRONMENT, profiles, folder)
    assert [finding.message for finding in project.findings if finding.severity is Severity.ERROR] == []
    found: dict[str, Any] = document
    return found


def service(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"name: shop\nservices:\n  web:\n    image: nginx:1\n{lines}"


HERE = "<here>"
"""Stands for the project's directory."""
FEATURES: dict[str, tuple[str, dict[str, Any]]] = {
    "command as a string": ("command: run 'a b' c", {"command": ["run", "a b", "c"]}),
    "command that is taken away": ("command: []", {"command": []}),
    "entrypoint as a list": ("entrypoint: [a, b c]", {"entrypoint": ["a", "b c"]}),
    "environment as a list": (
        "environment: [A=1, 'B=', SET, GONE]",
        {"environment": {"A": "1", "B": "", "SET": "value", "GONE": None}},
    ),
    "environment as a mapping": (
        "environment: {A: 1, B: true, SET: }",
        {"environment": {"A": "1", "B": "true", "SET": "value"}},
    ),
    "build as a path": ("build: ./app", {"build": {"context": f"{HERE}/app", "dockerfile": "Dockerfile"}}),
    "build in the long form": (
        "build: {context: app, dockerfile: Own, target: prod, args: [A=1, B]}",
        {"build": {"args": {"A": "1", "B": None}, "context": f"{HERE}/app", "dockerfile": "Own", "target": "prod"}},
    ),
    "build with its Dockerfile inline": (
        "build: {dockerfile_inline: FROM x}",
        {"build": {"context": HERE, "dockerfile_inline": "FROM x"}},
    ),
    "build from elsewhere": (
        "build: https://example.com/x.git",
        {"build": {"context": "https://example.com/x.git", "dockerfile": "Dockerfile"}},
    ),
    "build with more contexts": (
        "build: {context: ., additional_contexts: {lib: ../lib, base: 'docker-image://x'}}",
        {
            "build": {
                "additional_contexts": {"lib": "<above>/lib", "base": "docker-image://x"},
                "context": HERE,
                "dockerfile": "Dockerfile",
            }
        },
    ),
    "ports in short forms": (
        "ports: ['80', '8080:80', '127.0.0.1:9000-9001:90-91/udp', 70]",
        {
            "ports": [
                {"mode": "ingress", "target": 80, "protocol": "tcp"},
                {"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"},
                {"mode": "ingress", "host_ip": "127.0.0.1", "target": 90, "published": "9000", "protocol": "udp"},
                {"mode": "ingress", "host_ip": "127.0.0.1", "target": 91, "published": "9001", "protocol": "udp"},
                {"mode": "ingress", "target": 70, "protocol": "tcp"},
            ]
        },
    ),
    "ports in the long form": (
        "ports: [{target: 80, published: 8080, mode: host, app_protocol: http, name: page}]",
        {
            "ports": [
                {
                    "mode": "host",
                    "protocol": "tcp",
                    "target": 80,
                    "published": "8080",
                    "app_protocol": "http",
                    "name": "page",
                }
            ]
        },
    ),
    "volumes in short forms": (
        "volumes: [/var/lib/x, './in:/in:ro', '/abs:/abs:z', 'data:/data:nocopy']",
        {
            "volumes": [
                {"type": "volume", "target": "/var/lib/x"},
                {
                    "type": "bind",
                    "source": f"{HERE}/in",
                    "target": "/in",
                    "read_only": True,
                    "bind": {"create_host_path": True},
                },
                {
                    "type": "bind",
                    "source": "/abs",
                    "target": "/abs",
                    "bind": {"create_host_path": True, "selinux": "z"},
                },
                {"type": "volume", "source": "data", "target": "/data", "volume": {"nocopy": True}},
            ]
        },
    ),
    "volumes in the long form": (
        "volumes: [{type: bind, source: ./in, target: /in, bind: {propagation: rshared}}, {type: tmpfs, target: /t}]",
        {
            "volumes": [
                {"type": "bind", "source": f"{HERE}/in", "target": "/in", "bind": {"propagation": "rshared"}},
                {"type": "tmpfs", "target": "/t"},
            ]
        },
    ),
    "depends_on in the short form": (
        "depends_on: [db]",
        {"depends_on": {"db": {"condition": "service_started", "required": True}}},
    ),
    "depends_on in the long form": (
        "depends_on: {db: {condition: service_healthy, restart: true, required: false}}",
        {"depends_on": {"db": {"condition": "service_healthy", "required": False, "restart": True}}},
    ),
    "health check as a string": (
        "healthcheck: {test: curl -f x, interval: 1m30s, start_period: 10s, start_interval: 2s}",
        {
            "healthcheck": {
                "test": ["CMD-SHELL", "curl -f x"],
                "interval": "1m30s",
                "start_period": "10s",
                "start_interval": "2s",
            }
        },
    ),
    "health check that is switched off": ("healthcheck: {disable: true}", {"healthcheck": {"disable": True}}),
    "deploy": (
        "deploy: {replicas: 2, resources: {limits: {cpus: '0.5', memory: 50M}}, restart_policy: {condition: any}}",
        {
            "deploy": {
                "replicas": 2,
                "resources": {"limits": {"cpus": "0.5", "memory": "50M"}},
                "restart_policy": {"condition": "any"},
            }
        },
    ),
    "develop.watch": (
        "build: .\n"
        "develop: {watch: [{path: ./src, action: sync+exec, target: /app, exec: {command: make}, ignore: [x/]}]}",
        {
            "develop": {
                "watch": [
                    {
                        "path": f"{HERE}/src",
                        "action": "sync+exec",
                        "target": "/app",
                        "exec": {"command": "make"},
                        "ignore": ["x/"],
                    }
                ]
            }
        },
    ),
    "networks as a list": ("networks: [front]", {"networks": {"front": None}}),
    "networks as a mapping": (
        "networks: {front: {aliases: [a], ipv4_address: 10.0.0.2, priority: 1}}",
        {"networks": {"front": {"aliases": ["a"], "ipv4_address": "10.0.0.2", "priority": 1}}},
    ),
    "labels as a list": ("labels: [a=1, b]", {"labels": {"a": "1", "b": None}}),
    "extra_hosts as a mapping": (
        "extra_hosts: {one: 10.0.0.1, two: [10.0.0.2, '::1']}",
        {"extra_hosts": ["one=10.0.0.1", "two=10.0.0.2", "two=::1"]},
    ),
    "tmpfs as a string": ("tmpfs: /run:size=1m", {"tmpfs": ["/run:size=1m"]}),
    "sysctls as a list": ("sysctls: [net.core.somaxconn=1024]", {"sysctls": {"net.core.somaxconn": "1024"}}),
    "ulimits": (
        "ulimits: {nproc: 5, nofile: {soft: 1, hard: 2}}",
        {"ulimits": {"nproc": 5, "nofile": {"soft": 1, "hard": 2}}},
    ),
    "secrets in both forms": (
        "secrets: [word, {source: word, target: /other, mode: 0440, uid: '1'}]",
        {
            "secrets": [
                {"source": "word", "target": "/run/secrets/word"},
                {"source": "word", "target": "/other", "mode": 288, "uid": "1"},
            ]
        },
    ),
    "configs": ("configs: [page]", {"configs": [{"source": "page", "target": "/page"}]}),
    "models": ("models: [llm]", {"models": {"llm": None}}),
    "hooks": (
        "post_start: [{command: ./up, user: root}]\npre_stop: [{command: [./down, x]}]",
        {"post_start": [{"command": "./up", "user": "root"}], "pre_stop": [{"command": ["./down", "x"]}]},
    ),
    "a hook with an image": (
        "pre_start: [{image: 'migrator:1'}, {command: ./own, user: root}]",
        {"pre_start": [{"image": "migrator:1"}, {"command": "./own", "user": "root"}]},
    ),
    "an extension": ("x-own: {a: [1]}", {"x-own": {"a": [1]}}),
    "what has no other form": (
        "init: true\ncap_drop: [ALL]\nprivileged: false\nstop_grace_period: 1m30s\nruntime: runc\ngpus: all\n"
        "device_cgroup_rules: ['c 1:3 mr']\nblkio_config: {weight: 300}\ncredential_spec: {file: x}\nuserns_mode: host",
        {
            "init": True,
            "cap_drop": ["ALL"],
            "stop_grace_period": "1m30s",
            "gpus": "all",
            "blkio_config": {"weight": 300},
        },
    ),
}
REST = (
    "  db: {image: postgres:16, healthcheck: {test: [CMD, 'true']}}\nnetworks: {front: {driver: bridge}}\n"
    "volumes: {data: }\nsecrets: {word: {file: ./word}}\nconfigs: {page: {content: hello}}\n"
    "models: {llm: {model: ai/x}}\n"
)


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_in_its_normal_form(tmp_path: Path, feature: str) -> None:
    body, expected = FEATURES[feature]
    document = normal(tmp_path, service(body) + REST)
    raw = json.dumps(expected).replace(HERE, str(tmp_path)).replace("<above>", str(tmp_path.parent))
    found = document["services"]["web"]
    assert {key: found.get(key) for key in expected} == json.loads(raw)
    assert found["image"] == "nginx:1"


@pytest.mark.parametrize("feature", FEATURES)
def test_the_normal_form_read_again_is_the_same(tmp_path: Path, feature: str) -> None:
    document = normal(tmp_path, service(FEATURES[feature][0]) + REST)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert normal(elsewhere, yaml.safe_dump(document)) == document


FORMS = {
    "${SET}": "value",
    "$SET-x": "value-x",
    "${GONE:-d}": "d",
    "${EMPTY:-d}": "d",
    "${EMPTY-d}": "",
    "${GONE-d}": "d",
    "${SET:+r}": "r",
    "${EMPTY:+r}": "",
    "${EMPTY+r}": "r",
    "${GONE+r}": "",
    "${SET:?told}": "value",
    "${EMPTY?told}": "",
    "${GONE:-${SET:-x}}": "value",
    "$$SET": "$SET",
    "${GONE:-a:b}": "a:b",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_of_interpolation(tmp_path: Path, form: str) -> None:
    assert normal(tmp_path, service(f"hostname: 'x{form}'"))["services"]["web"]["hostname"] == f"x{FORMS[form]}"


@pytest.mark.parametrize("form", ["${GONE:?is needed}", "${GONE?is needed}", "${EMPTY:?is needed}"])
def test_a_variable_that_is_required_is_named_with_its_message(tmp_path: Path, form: str) -> None:
    (tmp_path / MAIN).write_text(service(f"hostname: '{form}'"))
    project, document = read_normal([tmp_path / MAIN], ENVIRONMENT, (), tmp_path)
    assert document == {}
    assert any("is needed" in finding.message for finding in project.findings)


BASE = service("command: a\nenvironment: {A: 1, B: 2}\nports: ['80:80']\ntmpfs: /one\ndns: 1.1.1.1\nlabels: [x=1]")
OVERRIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "single values are replaced": ("command: b", {"command": ["b"]}),
    "mappings are merged": ("environment: [B=3, C=4]", {"environment": {"A": "1", "B": "3", "C": "4"}}),
    "lists are added to": ("tmpfs: [/two]\ndns: [8.8.8.8]", {"tmpfs": ["/one", "/two"], "dns": ["1.1.1.1", "8.8.8.8"]}),
    "ports are added to, and the same one is one": (
        "ports: ['80:80', '81:81']",
        {
            "ports": [
                {"mode": "ingress", "target": 80, "published": "80", "protocol": "tcp"},
                {"mode": "ingress", "target": 81, "published": "81", "protocol": "tcp"},
            ]
        },
    ),
    "!reset takes away": ("environment: !reset null\nports: !reset []", {"environment": None, "ports": None}),
    "!reset of one key": ("environment: {A: !reset null}", {"environment": {"B": "2"}}),
    "!override replaces": (
        "tmpfs: !override [/two]\nlabels: !override {y: 2}",
        {"tmpfs": ["/two"], "labels": {"y": "2"}},
    ),
}


@pytest.mark.parametrize("case", OVERRIDES)
def test_a_later_file_on_top_of_an_earlier(tmp_path: Path, case: str) -> None:
    body, expected = OVERRIDES[case]
    found = normal(tmp_path, {MAIN: BASE, "compose.override.yaml": service(body)})["services"]["web"]
    assert {key: found.get(key) for key in expected} == expected


def test_extends_of_another_directory_keeps_what_its_paths_mean(tmp_path: Path) -> None:
    base = "services:\n  base:\n    build: ./app\n    env_file: own.env\n    volumes: ['./in:/in']\n    command: base\n"
    files = {
        MAIN: "name: shop\nservices:\n  web:\n    extends: {file: common/base.yaml, service: base}\n    command: own\n",
        "common/base.yaml": base,
        "common/own.env": "FROM=file\n",
    }
    found = normal(tmp_path, files)["services"]["web"]
    assert found["build"]["context"] == f"{tmp_path}/common/app"
    assert found["volumes"][0]["source"] == f"{tmp_path}/common/in"
    assert (found["environment"], found["command"]) == ({"FROM": "file"}, ["own"])
    assert "extends" not in found


def test_include_brings_services_with_their_own_paths_and_variables(tmp_path: Path) -> None:
    files = {
        MAIN: "name: shop\ninclude: [{path: part/compose.yaml, env_file: part/own.env}]\n"
        "services:\n  web: {image: a, depends_on: [db]}\n",
        "part/compose.yaml": "services:\n  db: {image: 'db:${TAG}', volumes: ['./data:/data']}\nvolumes: {x: }\n",
        "part/own.env": "TAG=7\n",
    }
    document = normal(tmp_path, files)
    assert document["services"]["db"]["image"] == "db:7"
    assert document["services"]["db"]["volumes"][0]["source"] == f"{tmp_path}/part/data"
    assert document["volumes"] == {"x": {"name": "shop_x"}}
    assert "include" not in document


def test_anchors_and_merge_keys_are_unfolded(tmp_path: Path) -> None:
    text = (
        "name: shop\nx-base: &base {image: a, environment: &env {A: 1}}\nx-more: &more {restart: always, init: true}\n"
        "services:\n  web:\n    <<: [*base, *more]\n    environment: {<<: *env, B: 2}\n"
    )
    found = normal(tmp_path, text)
    assert found["services"]["web"] == {
        "environment": {"A": "1", "B": "2"},
        "image": "a",
        "init": True,
        "restart": "always",
    }
    assert found["x-more"] == {"restart": "always", "init": True}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("env_file: a.env", {"A": "1", "B": "one"}),
        ("env_file: [a.env, b.env]", {"A": "2", "B": "one"}),
        ("env_file: [{path: a.env}, {path: gone.env, required: false}]", {"A": "1", "B": "one"}),
        ("env_file: [{path: raw.env, format: raw}]", {"R": "'$SET'"}),
        ("env_file: a.env\nenvironment: {A: own}", {"A": "own", "B": "one"}),
    ],
)
def test_env_files_are_part_of_the_environment(tmp_path: Path, body: str, expected: dict[str, str]) -> None:
    files = {MAIN: service(body), "a.env": "A=1\nB='one'\n", "b.env": "A=2\n", "raw.env": "R='$SET'\n"}
    found = normal(tmp_path, files)["services"]["web"]
    assert found["environment"] == expected
    assert "env_file" not in found


def test_profiles_leave_services_out_and_bring_them_in(tmp_path: Path) -> None:
    text = service("") + "  debug: {image: x, profiles: [debug]}\n"
    assert list(normal(tmp_path, text)["services"]) == ["web"]
    assert list(normal(tmp_path, text, ("debug",))["services"]) == ["web", "debug"]


def test_what_services_share_has_its_name_outside(tmp_path: Path) -> None:
    text = service("") + "volumes: {data: , far: {external: true}}\nsecrets: {word: {file: ./word}}\n"
    document = normal(tmp_path, text)
    assert document["volumes"] == {"data": {"name": "shop_data"}, "far": {"name": "far", "external": True}}
    assert document["secrets"] == {"word": {"name": "shop_word", "file": f"{tmp_path}/word"}}


def test_what_has_no_effect_here_is_named_with_its_place_and_reason(tmp_path: Path) -> None:
    (tmp_path / MAIN).write_text(service("gpus: all\ninit: true\nsysctls: {net.core.somaxconn: 1}\ncommand: [a]"))
    project, _ = read_normal([tmp_path / MAIN], ENVIRONMENT, (), tmp_path)
    told = [
        (finding.message.split(":")[1].strip(), finding.place.line)
        for finding in without_effect(project.services["web"])
    ]
    assert told == [("gpus has no effect here", 5), ("sysctls has no effect here", 7)]


def test_every_key_without_effect_is_one_that_compose_knows() -> None:
    assert set(WITHOUT_EFFECT) <= keys.SERVICE
