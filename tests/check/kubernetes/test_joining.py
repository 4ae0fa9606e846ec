"""What a manifest, a Service, a kustomization and a Dockerfile say together."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from seatrial.check.run import Options, run
from seatrial.cli.check_arguments import add_arguments
from seatrial.cli.check_command import run as check_command

from ..conftest import documents_of, write

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{PORT}]}\n---\n"
WEB = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: a.org/web:1\n"
)
SIDECAR = "        ports: [{containerPort: 80, name: http}]\n      - {name: proxy, image: 'a.org/proxy:1'}\n"
DOCKERFILE = 'FROM node:22-slim\nUSER node\nEXPOSE 80\nCMD ["node", "a.js"]\n'
MUST = "        securityContext: {runAsNonRoot: true}\n"


def names(directory: Path, files: Mapping[str, str], *select: str) -> list[tuple[str, str]]:
    outcome = run(documents_of(directory, files), Options(select=select))
    return [(finding.requirement, str(finding.place)) for finding in outcome.findings]


@pytest.mark.parametrize(
    ("port", "count"),
    [
        ("port: 80", 1),
        ("port: 8, targetPort: http", 1),
        ("port: 8, targetPort: other", 0),
        ("port: 80, name: metrics", 0),
        ("port: 80, protocol: UDP", 0),
    ],
)
def test_a_service_serves_the_container_that_has_its_port(port: str, count: int, tmp_path: Path) -> None:
    found = names(tmp_path, {"a.yaml": SERVICE.replace("PORT", port) + WEB + SIDECAR}, "healthcheck-present")
    assert found == [("healthcheck-present", "a.yaml:14:15")] * count


def test_a_headless_service_spreads_nothing(tmp_path: Path) -> None:
    headless = SERVICE.replace("PORT", "port: 80").replace("spec: {", "spec: {clusterIP: None, ")
    assert names(tmp_path, {"a.yaml": headless + WEB}, "healthcheck-present", "pre-stop-delay") == []


def test_a_service_of_another_namespace_is_another_one(tmp_path: Path) -> None:
    other = SERVICE.replace("PORT", "port: 80").replace("{name: web}", "{name: web, namespace: b}")
    assert names(tmp_path, {"a.yaml": other + WEB}, "healthcheck-present") == []


@pytest.mark.parametrize(
    "job",
    [
        WEB.replace("apps/v1", "batch/v1").replace("Deployment", "Job"),
        WEB.replace("{name: web}\nspec", "{name: web, namespace: kube-system}\nspec"),
        WEB.replace("spec:\n  template", "spec:\n  replicas: 0\n  template"),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  restartPolicy: Never\n"
        "  containers: [{name: a, image: a.org/a}]\n",
    ],
)
def test_jobs_machinery_and_what_is_switched_off_are_left_alone(job: str, tmp_path: Path) -> None:
    asked = ("resources-set", "healthcheck-present", "pre-stop-delay", "memory-limit", "update-order")
    assert names(tmp_path, {"a.yaml": SERVICE.replace("PORT", "port: 80") + job}, *asked) == []


def test_an_ordinary_manifest_has_few_findings_and_a_good_one_none(tmp_path: Path) -> None:
    assert len(names(tmp_path / "a", {"a.yaml": SERVICE.replace("PORT", "port: 80") + WEB})) == 4
    good = (
        WEB + "        readinessProbe: {httpGet: {path: /ready, port: 80}}\n"
        "        lifecycle: {preStop: {sleep: {seconds: 5}}}\n"
        "        resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}\n"
        "        securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
    )
    assert names(tmp_path / "b", {"a.yaml": SERVICE.replace("PORT", "port: 80") + good}) == []


def test_an_inline_comment_takes_a_finding_back(tmp_path: Path) -> None:
    ignored = WEB.replace("- name: web\n", "- name: web  # seatrial: ignore=resources-set a demo\n")
    assert names(tmp_path, {"a.yaml": ignored}, "resources-set") == []


def check(directory: Path, capsys: pytest.CaptureFixture[str], *select: str) -> list[dict[str, object]]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    check_command(parser.parse_args([str(directory), "--format", "json", "--select", ",".join(select)]))
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["findings"]
    return found


def test_the_user_of_a_dockerfile_elsewhere_is_held_against_the_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path / "shop", {"src/web/Dockerfile": DOCKERFILE, "k8s/web.yaml": WEB + MUST}))
    (finding,) = check(Path(), capsys, "non-root-user")
    assert "USER node of its Dockerfile is no number" in str(finding["message"])
    assert "src/web/Dockerfile" in json.dumps(finding)


def test_a_command_line_that_names_one_manifest_reads_that_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"a.yaml": WEB, "b.yaml": WEB, "compose.yaml": "services: {a: {image: redis}}\n"}
    monkeypatch.chdir(write(tmp_path / "shop", files))
    (finding,) = check(Path("a.yaml"), capsys, "resources-set")
    assert "a.yaml" in json.dumps(finding)


def test_no_value_of_a_secret_is_told(tmp_path: Path) -> None:
    text = WEB + "        env: [{name: DB_PASSWORD, value: hunter2}]\n"
    outcome = run(documents_of(tmp_path, {"a.yaml": text}), Options(select=("no-secrets-in-image",)))
    assert len(outcome.findings) == 1 and "hunter2" not in repr(outcome.findings)


def test_what_the_manifest_says_is_not_asked_of_the_dockerfile_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rooted = DOCKERFILE.replace("USER node\n", "")
    silent = {"src/web/Dockerfile": rooted, "k8s/web.yaml": WEB}
    monkeypatch.chdir(write(tmp_path / "a", silent))
    both = {str(finding["requirement"]) for finding in check(Path(), capsys, "non-root-user", "healthcheck-present")}
    assert both == {"non-root-user", "healthcheck-present"}
    said = WEB + "        livenessProbe: {tcpSocket: {port: 80}}\n        securityContext: {runAsUser: 1000}\n"
    monkeypatch.chdir(write(tmp_path / "b", {**silent, "k8s/web.yaml": said}))
    assert check(Path(), capsys, "non-root-user", "healthcheck-present") == []


def test_what_is_not_read_is_said_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"web.yaml": WEB, "chart/Chart.yaml": "name: c\n", "chart/templates/web.yaml": WEB + "{{ end }}"}
    monkeypatch.chdir(write(tmp_path / "shop", files))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert check_command(parser.parse_args(["."])) == 1
    assert "chart/Chart.yaml is a Helm chart, whose templates are not read" in capsys.readouterr().err
