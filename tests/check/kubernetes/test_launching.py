"""Commands and exec probes of manifests: whose word counts, that of the image or that of the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.check.run import Options, run

from ..conftest import documents_of

POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n"
    "      containers:\n      - name: api\n        image: IMAGE\n        LINE\n"
)
COMPOSE = "services: {api: {build: ., image: ghcr.io/acme/api:1.0}}\n"
OWN = "ghcr.io/acme/api:1.0"
PACKAGE = '{"scripts": {"start": "node a.js"}}\n'


def said(directory: Path, files: dict[str, str], *names: str) -> list[str]:
    found = run(documents_of(directory, files), Options(select=names)).findings
    return [f"{each.requirement} {each.service}: {each.message}" for each in found if each.place.file == "web.yaml"]


def manifest(line: str, image: str = OWN) -> str:
    return POD.replace("IMAGE", image).replace("LINE", line)


LAUNCH = ("exec-form-command", "package-manager-as-pid1", "dev-runner-in-production")


@pytest.mark.parametrize(
    ("entrypoint", "line", "says"),
    [
        ("", "args: [npm, start]", "`npm start` is the main process"),
        ('ENTRYPOINT ["tini", "--"]\n', "args: [npm, start]", "`npm start` is the main process"),
        ('ENTRYPOINT ["/app"]\n', "args: [npm, start]", ""),
        ('ENTRYPOINT ["/app"]\n', "command: [npm, start]", "`npm start` is the main process"),
        ("", "command: [node]\n        args: [--watch, a.js]", "`node --watch a.js`"),
        ("", "command: [sh, -c]\n        args: [node a.js --port $PORT]", "dash"),
        ("", "ports: []", ""),
    ],
)
def test_command_replaces_the_entrypoint_and_args_the_command(
    entrypoint: str, line: str, says: str, tmp_path: Path
) -> None:
    dockerfile = f'FROM node:22-slim\n{entrypoint}CMD ["node", "a.js"]\n'
    files = {"web.yaml": manifest(line), "compose.yaml": COMPOSE, "Dockerfile": dockerfile, "package.json": PACKAGE}
    found = said(tmp_path, files, *LAUNCH)
    assert len(found) == bool(says)
    assert says in "".join(found)


def test_each_of_several_containers_is_told_by_itself(tmp_path: Path) -> None:
    more = "command: [flask, run]\n      - name: other\n        image: a.org/b:1\n        command: [npm, start]"
    found = said(tmp_path, {"web.yaml": manifest(more)}, *LAUNCH)
    assert [each.partition(": ")[0] for each in found] == [
        "dev-runner-in-production web/api",
        "package-manager-as-pid1 web/other",
    ]


def test_a_patch_of_the_command_is_somebody_elses_word(tmp_path: Path) -> None:
    patch = manifest("command: [node, a.js]").replace("        image: " + OWN + "\n", "")
    files = {
        "web.yaml": manifest("command: [npm, start]"),
        "o/kustomization.yaml": "resources: [../web.yaml]\npatches: [{path: p.yaml}]\n",
        "o/p.yaml": patch,
    }
    assert said(tmp_path, files, *LAUNCH) == []


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_every_exec_probe_is_a_health_check(probe: str, tmp_path: Path) -> None:
    line = f'{probe}: {{exec: {{command: [sh, -c, "curl -f localhost || true"]}}}}'
    assert "|| true" in "".join(said(tmp_path, {"web.yaml": manifest(line)}, "healthcheck-detects-failure"))


def test_of_two_probes_the_sooner_one_counts(tmp_path: Path) -> None:
    slow = "livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 120, failureThreshold: 9}\n        "
    quick = "readinessProbe: {tcpSocket: {port: 80}}"
    assert said(tmp_path, {"web.yaml": manifest(slow + quick)}, "healthcheck-timing") == []
    assert len(said(tmp_path / "b", {"web.yaml": manifest(slow.strip())}, "healthcheck-timing")) == 1
