"""What source says, joined with Dockerfiles, compose files and manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.check.run import Options, run
from seatrial.model.finding import Finding

from .conftest import documents_of

NODE = 'FROM node:22-slim\nWORKDIR /app\nCOPY . .\nCMD ["node", "a.js"]\n'
SERVER = 'const http = require("http")\nconst server = http.createServer(f)\nserver.listen(process.env.PORT || 3000)\n'
STOP = (
    'process.on("SIGTERM", () => { setTimeout(() => process.exit(1), LIMIT); server.close(() => process.exit(0)) })\n'
)
COMPOSE = "services:\n  web:\n    build: .\n"
POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n"
    "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: a.org/web:1\n"
)


def found(directory: Path, files: dict[str, str], name: str) -> list[Finding]:
    return list(run(documents_of(directory, files), Options(select=(name,))).findings)


def test_the_shutdown_timer_in_source_is_held_against_the_grace_period_of_compose(tmp_path: Path) -> None:
    files = {"Dockerfile": NODE, "a.js": SERVER + STOP.replace("LIMIT", "25 * 1000"), "compose.yaml": COMPOSE}
    (finding,) = found(tmp_path, files, "grace-period-fits")
    assert str(finding.place) == "compose.yaml:2:3"
    assert "setTimeout in the handler of the stop signal gives requests 25 s" in finding.message
    assert [str(each.place) for each in finding.related] == ["a.js:4:31"]


def test_a_timer_below_the_grace_period_is_right(tmp_path: Path) -> None:
    files = {"Dockerfile": NODE, "a.js": SERVER + STOP.replace("LIMIT", "8000"), "compose.yaml": COMPOSE}
    assert found(tmp_path, files, "grace-period-fits") == []


def test_a_variable_of_the_service_says_the_timer(tmp_path: Path) -> None:
    limit = "Number(process.env.STOP_MS) || 5000"
    compose = COMPOSE + "    environment: {STOP_MS: '40000'}\n    stop_grace_period: 30s\n"
    files = {"Dockerfile": NODE, "a.js": SERVER + STOP.replace("LIMIT", limit), "compose.yaml": compose}
    (finding,) = found(tmp_path, files, "grace-period-fits")
    assert "40 s" in finding.message


def test_the_timer_is_held_against_the_grace_period_of_a_manifest(tmp_path: Path) -> None:
    files = {
        "web/Dockerfile": NODE,
        "web/a.js": SERVER + STOP.replace("LIMIT", "45_000"),
        "compose.yaml": COMPOSE.replace(".", "web") + "    image: a.org/web\n    stop_grace_period: 60s\n",
        "k8s/web.yaml": POD,
    }
    (finding,) = found(tmp_path, files, "grace-period-fits")
    assert finding.place.file == "k8s/web.yaml" and "45 s" in finding.message
    assert [str(each.place) for each in finding.related] == ["web/a.js:4:31"]


def test_the_timer_may_stand_in_another_file(tmp_path: Path) -> None:
    files = {
        "Dockerfile": NODE,
        "a.js": 'const { stop } = require("./stop")\n' + SERVER + 'process.on("SIGTERM", () => stop(server))\n',
        "stop.js": "exports.stop = (server) => { setTimeout(() => process.exit(1), 20000); server.close() }\n",
        "compose.yaml": COMPOSE,
    }
    (finding,) = found(tmp_path, files, "grace-period-fits")
    assert [each.place.file for each in finding.related if each.place] == ["stop.js"]


@pytest.mark.parametrize(
    ("port", "variable", "told"),
    [(3000, "", False), (8080, "", True), (8080, "PORT=8080", False), (3000, "PORT=1", True)],
)
def test_the_health_check_asks_the_port_that_the_source_listens_on(
    tmp_path: Path, port: int, variable: str, told: bool
) -> None:
    said = f"ENV {variable}\n" if variable else ""
    dockerfile = NODE + f"{said}EXPOSE 8080 3000\nHEALTHCHECK CMD curl -f http://localhost:{port}/\n"
    findings = found(tmp_path, {"Dockerfile": dockerfile, "a.js": SERVER}, "healthcheck-port")
    assert bool(findings) is told, findings


PROBE = "        readinessProbe: {httpGet: {path: /, port: 8080}}\n"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (PROBE, True),
        (PROBE.replace("8080", "3000"), False),
        (PROBE + "        env: [{name: PORT, value: '8080'}]\n", False),
        (PROBE + "        envFrom: [{configMapRef: {name: a}}]\n", False),
        (PROBE + "        env: [{name: PORT, valueFrom: {configMapKeyRef: {name: a, key: b}}}]\n", False),
        (PROBE + "        ports: [{containerPort: 8080}]\n", False),
        (PROBE + "        args: [b.js]\n", False),
        (PROBE + "      - name: proxy\n        image: a.org/proxy:1\n        ports: [{containerPort: 8080}]\n", False),
    ],
)
def test_a_probe_asks_the_port_that_the_source_listens_on(tmp_path: Path, more: str, told: bool) -> None:
    files = {
        "web/Dockerfile": NODE,
        "web/a.js": SERVER,
        "compose.yaml": COMPOSE.replace(".", "web") + "    image: a.org/web\n",
        "k8s/web.yaml": POD + more,
    }
    findings = found(tmp_path, files, "healthcheck-port")
    assert bool(findings) is told, findings
    if told:
        assert [str(each.place) for each in findings] == ["k8s/web.yaml:11:51"]
        assert [each.place.file for each in findings[0].related if each.place] == ["web/a.js"]


def test_an_ignore_in_source_takes_the_finding_back(tmp_path: Path) -> None:
    told = SERVER.replace("server.listen", "// seatrial: ignore=handles-sigterm the proxy drains\nserver.listen")
    assert found(tmp_path / "a", {"Dockerfile": NODE, "a.js": told}, "handles-sigterm") == []
    assert found(tmp_path / "b", {"Dockerfile": NODE, "a.js": SERVER}, "handles-sigterm") != []


def test_what_a_finding_says_follows_what_is_in_front(tmp_path: Path) -> None:
    init = NODE.replace("CMD", 'ENTRYPOINT ["tini", "--"]\nCMD')
    (finding,) = found(tmp_path, {"Dockerfile": init, "a.js": SERVER}, "handles-sigterm")
    assert "behind the init it dies at once" in finding.message


def test_a_preload_that_handles_the_signal_counts(tmp_path: Path) -> None:
    files = {
        "Dockerfile": NODE.replace('"a.js"', '"-r", "./drain.js", "a.js"'),
        "a.js": SERVER,
        "drain.js": 'process.on("SIGTERM", stop)\n',
    }
    assert found(tmp_path, files, "handles-sigterm") == []


def test_broken_source_is_no_error(tmp_path: Path) -> None:
    broken = "}}}}((( process.on('SIGTERM', \n" + SERVER
    assert found(tmp_path, {"Dockerfile": NODE, "a.js": broken}, "syntax") == []


def test_a_workload_that_waits_by_itself_needs_no_pre_stop_hook(tmp_path: Path) -> None:
    service = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n---\n"
    )
    waits = 'process.on("SIGTERM", () => setTimeout(() => server.close(), 5000))\n'
    files = {
        "web/Dockerfile": NODE,
        "web/a.js": SERVER + waits,
        "compose.yaml": COMPOSE.replace(".", "web") + "    image: a.org/web\n",
        "k8s/web.yaml": service + POD,
    }
    assert found(tmp_path / "a", files, "pre-stop-delay") == []
    files["web/a.js"] = SERVER
    assert found(tmp_path / "b", files, "pre-stop-delay") != []


def test_one_handler_for_sigint_and_none_for_sigterm_is_found_behind_npm(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22-slim\nCOPY . .\nCMD ["npm","start"]\n',
        "package.json": '{"scripts": {"start": "node src/index.js"}}',
        "src/index.js": "const app = require('express')()\nconst s = app.listen(3000)\nprocess.on('SIGINT', stop)\n",
    }
    (finding,) = found(tmp_path, files, "handles-sigterm")
    assert str(finding.place) == "src/index.js:3:1"
    assert "SIGINT is handled, and SIGTERM, which a stop sends, is not" in finding.message
    assert [str(each.place) for each in finding.related] == ["Dockerfile:3:5"]
