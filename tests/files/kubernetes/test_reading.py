"""What a manifest says becomes values with places; what Kubernetes would refuse becomes a finding."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from seatrial.model.finding import Severity
from seatrial.model.place import Place

from .conftest import DEPLOYMENT, SERVICE, read


def test_a_deployment_is_read_with_all_its_parts(tmp_path: Path) -> None:
    (workload,) = read(tmp_path, {"web.yaml": DEPLOYMENT}).cluster.workloads
    (web,) = workload.pod.containers
    assert (workload.kind, workload.name, workload.labels) == ("Deployment", "web", {"app": "web"})
    assert workload.replicas and workload.replicas.value == 3
    assert workload.strategy.max_unavailable and workload.strategy.max_unavailable.value == "25%"
    assert workload.pod.effective_grace == 45
    assert workload.pod.security.run_as_user and workload.pod.security.run_as_user.value == 1000
    assert (web.argv, web.ports[0].number.value, web.ports[0].name) == (("node", "a.js"), 3000, "http")
    assert [(each.name, each.value and each.value.value, each.source) for each in web.environment] == [
        ("MODE", "fast", ""),
        ("TOKEN", None, "secretKeyRef"),
    ]
    assert web.liveness and web.liveness.handler.path == "/alive" and web.liveness.patience == 15
    assert web.readiness and web.readiness.handler.command == ("cat", "/ready")
    assert web.pre_stop and (web.pre_stop.kind, web.pre_stop.seconds) == ("sleep", 5)
    assert web.resources.requests["cpu"].value == Fraction(1, 4)
    assert web.resources.limits["memory"].value == 3 * 2**29
    assert [each.value for each in web.security.dropped] == ["ALL"]
    assert [(each.name, each.kind) for each in workload.pod.volumes] == [("data", "emptyDir")]


def test_places_are_those_of_the_values(tmp_path: Path) -> None:
    (workload,) = read(tmp_path, {"web.yaml": DEPLOYMENT}).cluster.workloads
    web = workload.pod.containers[0]
    assert workload.place == Place("web.yaml", 4, 9, 4, 12)
    assert web.image and web.image.place == Place("web.yaml", 17, 16, 17, 27)
    assert web.resources.limits["memory"].place == Place("web.yaml", 34, 28, 34, 33)


def test_json_says_the_same_as_yaml(tmp_path: Path) -> None:
    as_json = json.dumps(yaml.safe_load(DEPLOYMENT))
    of_yaml = read(tmp_path / "a", {"web.yaml": DEPLOYMENT}).cluster.workloads[0]
    of_json = read(tmp_path / "b", {"web.json": as_json}).cluster.workloads[0]
    assert of_json.pod.containers[0].argv == of_yaml.pod.containers[0].argv
    assert of_json.pod.containers[0].resources.limits["memory"].value == 3 * 2**29


def test_a_list_and_many_documents_are_read(tmp_path: Path) -> None:
    items = "".join("- " + text.replace("\n", "\n  ").rstrip() + "\n" for text in (DEPLOYMENT, SERVICE))
    found = read(tmp_path, {"a.yaml": "apiVersion: v1\nkind: List\nitems:\n" + items}).cluster
    assert [each.name for each in found.workloads] == ["web"] and len(found.services) == 1
    both = read(tmp_path / "b", {"b.yaml": f"{DEPLOYMENT}---\n# empty\n---\n{SERVICE}"}).cluster
    assert both.services_of(both.workloads[0]) == both.services


def test_documents_of_other_kinds_cost_nothing_and_move_no_line(tmp_path: Path) -> None:
    other = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {{ broken: [\n---\n"
    found = read(tmp_path, {"a.yaml": other + DEPLOYMENT})
    assert found.findings == () and found.cluster.workloads[0].place.line == 8


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "ReplicaSet"])
def test_other_kinds_of_workloads_are_read(kind: str, tmp_path: Path) -> None:
    found = read(tmp_path, {"a.yaml": DEPLOYMENT.replace("kind: Deployment", f"kind: {kind}")})
    assert [each.kind for each in found.cluster.workloads] == [kind]


def test_a_cron_job_and_a_pod_have_their_containers_elsewhere(tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: c}]}\n---\n"
    job = (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: d}\n"
        "spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: e, image: f}]}}}}}\n"
    )
    found = read(tmp_path, {"a.yaml": pod + job}).cluster.workloads
    assert [(each.name, each.pod.containers[0].name) for each in found] == [("a", "b"), ("d", "e")]


def test_another_groups_service_is_left_alone(tmp_path: Path) -> None:
    found = read(tmp_path, {"a.yaml": SERVICE.replace("v1", "serving.knative.dev/v1")})
    assert found.cluster.services == ()


@pytest.mark.parametrize(
    ("line", "says", "at"),
    [
        ("        env: [{name: PORT, value: 80}]", "the value of PORT is a number", 10),
        ("        ports: [{containerPort: '80'}]", "containerPort is a string ('80')", 10),
        ("        resources: {limits: {memory: 512MB}}", "'512MB' is not a quantity", 10),
        ("      terminationGracePeriodSeconds: soon", "a whole number", 10),
        ("        securityContext: [a]", "securityContext is a list", 10),
        ("        command: node", "a list of strings", 10),
    ],
)
def test_a_value_of_the_wrong_type_is_a_finding_at_its_place(line: str, says: str, at: int, tmp_path: Path) -> None:
    head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n"
    text = head + "      containers:\n      - name: a\n        image: b\n" + line + "\n"
    (finding,) = read(tmp_path, {"a.yaml": text}).findings
    assert says in finding.message and finding.place.line == at and finding.severity is Severity.ERROR


@pytest.mark.parametrize("value", ["${PORT}", "PORT", "'{{ port }}'", "null"])
def test_a_value_that_somebody_fills_in_is_no_finding(value: str, tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("replicas: 3", f"replicas: {value}")
    assert read(tmp_path, {"a.yaml": text}).findings == ()


def test_a_broken_file_is_a_finding_and_a_template_is_named(tmp_path: Path) -> None:
    broken = DEPLOYMENT + " broken: [\n"
    found = read(tmp_path, {"a.yaml": broken, "b.yaml": DEPLOYMENT.replace("web", "{{ .Name }}", 1) + "{{- end }}\n"})
    assert [(finding.requirement, finding.place.file) for finding in found.findings] == [("syntax", "a.yaml")]
    assert [(each.place and each.place.file, each.value) for each in found.cluster.not_read] == [
        ("b.yaml", "is a template, and not read")
    ]


def test_a_charts_templates_and_test_data_are_named_and_not_read(tmp_path: Path) -> None:
    files = {"c/Chart.yaml": "name: c", "c/templates/web.yaml": DEPLOYMENT, "x/testdata/web.yaml": DEPLOYMENT}
    found = read(tmp_path, files)
    assert found.cluster.workloads == ()
    assert [each.place.file for each in found.cluster.not_read if each.place] == ["x/testdata", "c/Chart.yaml"]


def test_what_is_left_out_is_told_in_one_line_for_each_reason(tmp_path: Path) -> None:
    files = {f"{name}/testdata/a.yaml": SERVICE for name in "xyz"} | {"c/Chart.yaml": "", "c/templates/a.yaml": SERVICE}
    assert read(tmp_path, {**files, "a.yaml": SERVICE}).cluster.left_out() == (
        "x/testdata is test data, and not read (and 2 more)",
        "c/Chart.yaml is a Helm chart, whose templates are not read",
    )


def test_files_of_other_tools_are_not_touched(tmp_path: Path) -> None:
    compose = "services: {apiVersion: {image: kind}}"
    found = read(tmp_path, {"compose.yaml": compose, "package.json": DEPLOYMENT, ".github/a.yaml": DEPLOYMENT})
    assert found.texts == {} and found.findings == ()


def test_files_that_are_no_manifests_cost_no_yaml_parser(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("a: 1\n")
    program = (
        "import sys; from pathlib import Path; from seatrial.files.kubernetes import manifest_files, read_manifests;"
        "here = Path(sys.argv[1]); read_manifests(here, manifest_files(here)); print('yaml' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


def test_secrets_are_decoded(tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {b: aGk=, c: '%'}\nstringData: {d: e}\n"
    (secret,) = read(tmp_path, {"a.yaml": text}).cluster.secrets
    assert {name: each.value for name, each in secret.values.items()} == {"b": "hi", "c": "", "d": "e"}


def test_line_ends_and_a_byte_order_mark_do_not_move_places(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + DEPLOYMENT.replace("\n", "\r\n").encode()
    (workload,) = read(tmp_path, {"a.yaml": data}).cluster.workloads
    assert workload.place == Place("a.yaml", 4, 9, 4, 12)


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  annotations: {ANNOTATION}
spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: web}}}]}}]}
"""
ALB = "alb.ingress.kubernetes.io/load-balancer-attributes: 'a=b,idle_timeout.timeout_seconds=120'"
NGINX = "nginx.ingress.kubernetes.io/proxy-body-size: 8m"
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nginx}\ndata: {upstream-keepalive-timeout: '75'}\n"


@pytest.mark.parametrize(
    ("annotation", "kind", "idle"), [(ALB, "alb", 120), (NGINX, "nginx", 75), ("a.org/b: c", "", None)]
)
def test_what_keeps_connections_to_a_workload_is_read(
    annotation: str, kind: str, idle: int | None, tmp_path: Path
) -> None:
    files = {
        "web.yaml": DEPLOYMENT,
        "service.yaml": SERVICE,
        "ingress.yaml": INGRESS.replace("ANNOTATION", annotation),
        "settings.yaml": SETTINGS,
    }
    cluster = read(tmp_path, files).cluster
    found = [(each.kind, each.idle and each.idle.value) for each in cluster.balancers_of(cluster.workloads[0])]
    assert found == ([(kind, idle)] if kind else [])


def test_the_load_balancer_of_a_service_says_its_own_time(tmp_path: Path) -> None:
    annotation = "service.beta.kubernetes.io/aws-load-balancer-connection-idle-timeout: '40'"
    said = SERVICE.replace("{name: web}", f"{{name: web, annotations: {{{annotation}}}}}")
    cluster = read(tmp_path, {"web.yaml": DEPLOYMENT, "service.yaml": said}).cluster
    (found,) = cluster.balancers_of(cluster.workloads[0])
    assert found.kind == "elb" and found.idle is not None and found.idle.value == 40
