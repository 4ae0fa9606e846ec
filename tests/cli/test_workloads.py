"""What the manifests say of the service that is drilled: followed, or told."""

from __future__ import annotations

from pathlib import Path

from seatrial.cli import subject
from tests.cli.test_subject import arguments

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 45
      containers:
        - name: web
          image: ghcr.io/acme/shop:1.4.2
          command: [npm, start]
          args: [--quiet]
          env:
            - {name: PORT, value: "3000"}
            - {name: TOKEN, value: hidden}
          livenessProbe: {httpGet: {path: /live, port: 3000}}
          resources: {limits: {memory: 128Mi, cpu: 500m}}
"""
DOCKERFILE = 'FROM node:22\nWORKDIR /app\nENV PORT=3000\nCOPY . .\nENTRYPOINT ["node"]\nCMD ["a.js"]\n'
HINT = "(--engine kubernetes drills it as it runs there)"


def drilled(path: Path, *manifests: str, compose: str = "") -> subject.Subject:
    root = path / "shop"
    root.mkdir(exist_ok=True)
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / "package.json").write_text('{"name": "shop", "scripts": {"start": "node server.js"}}')
    for number, text in enumerate(manifests):
        (root / f"{number}.yaml").write_text(text)
    if compose:
        (root / "compose.yaml").write_text(compose)
    return subject.subject_of(arguments(str(root)))


def test_the_one_workload_says_how_its_service_runs(tmp_path: Path) -> None:
    found = drilled(tmp_path, DEPLOYMENT)
    service = found.service
    assert service.argv is not None
    assert (service.argv.value, str(service.argv.place)) == (("npm", "start", "--quiet"), "0.yaml:12:20")
    assert service.hops[-1].argv[:2] == ("node", "server.js")
    assert (service.effective_grace, service.stop_grace and str(service.stop_grace.place)) == (45.0, "0.yaml:8:38")
    memory = service.limits.memory
    assert memory is not None
    assert (memory.value, memory.place and memory.place.line) == (128 << 20, 18)
    assert found.options.approximations == (
        "Deployment api (0.yaml:4) runs it in Kubernetes; followed: terminationGracePeriodSeconds, limits.memory, "
        f"command, args; not followed: env (TOKEN), limits.cpu, livenessProbe {HINT}",
    )


def test_arguments_alone_take_the_place_of_the_command(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("          command: [npm, start]\n", "").replace("--quiet", "b.js")
    argv = drilled(tmp_path, text).service.argv
    assert argv is not None
    assert argv.value == ("node", "b.js")


def test_a_pod_has_half_a_minute_to_stop_where_nothing_is_said(tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: web, image: shop}]\n"
    found = drilled(tmp_path, pod)
    assert found.service.effective_grace == 30.0
    assert found.options.approximations == (
        f"Pod web (0.yaml:3) runs it in Kubernetes; followed: the 30 s that a pod has to stop {HINT}",
    )


def test_what_has_a_variable_and_what_is_no_limit_is_told_only(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("npm, start", "node, $(MAIN)").replace("128Mi", "128m")
    text = text.replace("          args:", "          workingDir: /srv\n          args:")
    found = drilled(tmp_path, text)
    assert found.service.argv is not None
    assert (found.service.argv.value, found.service.limits.memory) == (("node", "a.js"), None)
    assert "not followed: command, args, workingDir, env (TOKEN), limits.memory" in found.options.approximations[0]


def test_of_several_workloads_none_is_followed_and_each_is_told(tmp_path: Path) -> None:
    others = [DEPLOYMENT.replace("name: api", f"name: api{number}") for number in range(4)]
    found = drilled(tmp_path, *others)
    service = found.service
    assert (service.effective_grace, service.limits.memory) == (10.0, None)
    assert service.argv is not None
    assert service.argv.value == ("node", "a.js")
    *each, rest = found.options.approximations
    assert [note.partition(" runs")[0] for note in each] == [f"Deployment api{n} ({n}.yaml:4)" for n in range(3)]
    assert all("not followed: command, args, env" in note and "followed: term" not in note for note in each)
    assert rest.startswith("1 more")
    assert service.workload is not None
    assert service.workload.value.endswith("api2 (2.yaml:4) and 1 more")


def test_what_patches_change_is_not_followed(tmp_path: Path) -> None:
    patch = "{patch: '[{op: replace, path: /spec/replicas, value: 2}]', target: {kind: Deployment}}"
    (tmp_path / "shop" / "deploy").mkdir(parents=True)
    (tmp_path / "shop" / "deploy" / "kustomization.yaml").write_text(f"resources: [api.yaml]\npatches: [{patch}]\n")
    (tmp_path / "shop" / "deploy" / "api.yaml").write_text(DEPLOYMENT)
    found = drilled(tmp_path)
    assert found.service.stop_grace is None
    assert "not followed: command, args, env" in found.options.approximations[0]


def test_a_job_beside_it_is_no_second_service(tmp_path: Path) -> None:
    job = DEPLOYMENT.replace("apps/v1", "batch/v1").replace("Deployment", "Job").replace("npm, start", "migrate")
    assert drilled(tmp_path, DEPLOYMENT, job).service.effective_grace == 45.0


def test_beside_a_compose_file_nothing_is_followed(tmp_path: Path) -> None:
    found = drilled(tmp_path, DEPLOYMENT, compose="services:\n  web: {build: .}\n")
    assert (found.service.stop_grace, found.service.limits.memory) == (None, None)
    assert "terminationGracePeriodSeconds" in found.options.approximations[0]


def test_a_workload_of_another_image_says_nothing(tmp_path: Path) -> None:
    found = drilled(tmp_path, DEPLOYMENT.replace("acme/shop", "acme/till"))
    assert (found.service.workload, found.service.stop_grace, found.options.approximations) == (None, None, ())
